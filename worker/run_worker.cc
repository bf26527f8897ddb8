#include "worker/run_worker.h"

#include <grpcpp/create_channel.h>
#include <signal.h>
#include <sys/prctl.h>

#include <chrono>
#include <cstdlib>
#include <random>

#include "absl/strings/str_format.h"
#include "spdlog/spdlog.h"
#include "worker/clock.h"
#include "worker/coordinator_client.h"
#include "worker/log.h"
#include "worker/machine_meter.h"
#include "worker/stop_signals.h"
#include "worker/work_folder.h"
#include "worker/worker.h"

namespace lorasweep::worker {
namespace {

std::uint64_t RandomNumber() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

std::shared_ptr<grpc::Channel> Connect(const std::string& server,
                                       const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  // A coordinator that comes back is found within seconds.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // Coordinators are near; a proxy for the web is none for them.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(server, credentials, arguments);
}

}  // namespace

int RunWorker(const WorkerFlags& flags, TrainerFactory& factory) {
  SetUpLog(flags.verbose);
  const StopSignals signals("stopping; a trial that runs is handed back after its step (once more: stop at once)");
  // After the signals are blocked, so that a parent's early end is not lost. A parent that ended even before this is
  // noticed as a coordinator that is never reached.
  if (flags.with_parent) prctl(PR_SET_PDEATHSIG, SIGTERM);

  const absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      proto::MakeCredentials(flags.access, flags.server);
  if (!credentials.ok()) {
    spdlog::error("{}", std::string{credentials.status().message()});
    return kWrongUsage;
  }
  absl::StatusOr<PathFence> fence = PathFence::Around(flags.roots);
  if (!fence.ok()) {
    spdlog::error("{}", std::string{fence.status().message()});
    return kWrongUsage;
  }
  const absl::StatusOr<std::string> device = factory.Device();
  if (!device.ok()) {
    spdlog::error("{}", std::string{device.status().message()});
    return absl::IsInvalidArgument(device.status()) ? kWrongUsage : kFailed;
  }
  std::error_code error;
  const std::filesystem::path parent = flags.work.empty() ? std::filesystem::temp_directory_path(error) : flags.work;
  absl::StatusOr<WorkFolder> folder = WorkFolder::Make(parent);
  if (!folder.ok()) {
    spdlog::error("{}", std::string{folder.status().message()});
    return kFailed;
  }

  SystemClock clock;
  CoordinatorClient client(Connect(flags.server, *credentials),
                           {.seed = RandomNumber(), .on_answer = [&folder] { folder->Touch(); }}, clock);
  WorkerOptions options;
  options.name = flags.name;
  options.device = *device;
  options.version = LORASWEEP_VERSION;
  options.labels = flags.labels;
  options.slots = flags.slots;
  options.work_folder = folder->path();
  options.fence = *std::move(fence);
  options.incarnation = absl::StrFormat("%016x%016x", RandomNumber(), RandomNumber());
  options.seed = RandomNumber();
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  MachineMeter meter(GpuMeter::Open(*device, visible == nullptr ? "" : visible));
  options.measure = [&meter] { return meter.Measure(std::chrono::steady_clock::now()); };
  Worker worker(options, client, factory, clock);
  const absl::Status status = worker.Run(signals.token());
  if (status.ok()) return kDone;
  if (absl::IsUnavailable(status)) {
    spdlog::error("no coordinator at {}: {}", flags.server, std::string{status.message()});
    return kNotReached;
  }
  spdlog::error("the coordinator at {} refuses this worker: {}", flags.server, std::string{status.message()});
  return kFailed;
}

}  // namespace lorasweep::worker
