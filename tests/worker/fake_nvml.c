// NVIDIA's management library as far as GpuMeter uses it, with two GPUs that are always the same.
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** device) {
  *device = (void*)(unsigned long)(index + 1);
  return index < 2 ? 0 : 2;
}
int nvmlDeviceGetHandleByUUID(const char* uuid, void** device) {
  *device = (void*)2;
  return uuid[0] == 'G' ? 0 : 2;
}
int nvmlDeviceGetUtilizationRates(void* device, unsigned int* percent) {
  percent[0] = device == (void*)1 ? 40 : 90;
  percent[1] = 7;
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, unsigned long long* bytes) {
  (void)device;
  bytes[0] = 1000;
  bytes[1] = 300;
  bytes[2] = 700;
  return 0;
}
