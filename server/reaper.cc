#include "server/reaper.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::server {
namespace {

constexpr absl::Duration kCollectPeriod = absl::Minutes(1);

}  // namespace

Reaper::Reaper(Coordinator& coordinator, absl::Duration period, LogSink log)
    : thread_([this, &coordinator, period, log = std::move(log)] {
        absl::Duration since_collect;
        while (!stop_.WaitForNotificationWithTimeout(period)) {
          const absl::Status expired = coordinator.ExpireLeases();
          if (!expired.ok() && log) log(LogLevel::kError, absl::StrCat("expiring leases: ", expired.ToString()));
          since_collect += period;
          if (since_collect < kCollectPeriod) continue;
          since_collect = absl::ZeroDuration();
          coordinator.CollectBlobs();
        }
      }) {}

Reaper::~Reaper() {
  stop_.Notify();
  thread_.join();
}

}  // namespace lorasweep::server
