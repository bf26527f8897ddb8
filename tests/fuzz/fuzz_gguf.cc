#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "trainer_core/gguf/gguf_file.h"

namespace {

constexpr std::int64_t kMostFloats = 1 << 16;

// The first and last row of every tensor that is not too wide.
void ReadEnds(const lorasweep::gguf::GgufFile& file) {
  for (const lorasweep::gguf::TensorInfo& tensor : file.Tensors()) {
    if (tensor.Columns() > kMostFloats || tensor.Rows() < 1) continue;
    std::vector<float> row(static_cast<std::size_t>(tensor.Columns()));
    (void)file.ReadRows(tensor, 0, 1, row.data());
    (void)file.ReadRows(tensor, tensor.Rows() - 1, 1, row.data());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int memory = memfd_create("fuzz.gguf", 0);
  if (memory < 0 || ftruncate(memory, 0) != 0) std::abort();
  if (pwrite(memory, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  const auto file = lorasweep::gguf::GgufFile::Open("/proc/self/fd/" + std::to_string(memory));
  if (file.ok()) ReadEnds(*file);
  return 0;
}
