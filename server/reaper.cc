#include "server/reaper.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::server {
namespace {

constexpr absl::Duration kCollectPeriod = absl::Minutes(1);

}  // namespace

Reaper::Reaper(Coordinator& coordinator, absl::Duration period, LogSink log)
    : expire_([this, &coordinator, period, log = std::move(log)] {
        while (!stop_.WaitForNotificationWithTimeout(period)) {
          const absl::Status expired = coordinator.ExpireLeases();
          if (!expired.ok() && log) log(LogLevel::kError, absl::StrCat("expiring leases: ", expired.ToString()));
        }
      }),
      collect_([this, &coordinator] {
        while (!stop_.WaitForNotificationWithTimeout(kCollectPeriod)) coordinator.CollectBlobs();
      }) {}

Reaper::~Reaper() {
  stop_.Notify();
  expire_.join();
  collect_.join();
}

}  // namespace lorasweep::server
