#include <string>
#include <utility>
#include <vector>

#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/resource_names.h"

namespace lorasweep::server {

absl::StatusOr<std::vector<DueNotice>> Coordinator::NoticesDue() {
  return Settled([&]() -> absl::StatusOr<std::vector<DueNotice>> {
    mutex_.AssertHeld();
    if (!broken_.ok()) return broken_;
    std::vector<DueNotice> due;
    for (const auto& [id, revision] : notices_) {
      const SweepState& sweep = *sweeps_.at(id);
      if (sweep.ended()) due.push_back({SweepName(sweep.sweep().slug), revision});  // else its next end will be told
    }
    return due;
  });
}

absl::Status Coordinator::SettleNotice(const DueNotice& notice) {
  return Mutate(&Coordinator::DoSettleNotice, notice).status();
}

absl::Status Coordinator::AddNotice(Change& change, const SweepState& sweep) {
  if (!options_.notices) return absl::OkStatus();
  const std::int64_t id = sweep.sweep().id;
  const std::int64_t revision = sweep.sweep().revision;
  if (absl::Status put = change.transaction().PutNotice(id, revision); !put.ok()) return put;
  notices_[id] = revision;
  return absl::OkStatus();
}

absl::StatusOr<google::protobuf::Empty> Coordinator::DoSettleNotice(Change& change, const DueNotice& notice) {
  mutex_.AssertHeld();
  const absl::StatusOr<SweepState*> sweep = FindSweep(notice.sweep);
  if (!sweep.ok()) return sweep.status();
  const auto due = notices_.find((*sweep)->sweep().id);
  // It ended again meanwhile: that is another notice.
  if (due == notices_.end() || due->second != notice.revision) return google::protobuf::Empty();
  if (absl::Status removed = change.transaction().DeleteNotice(due->first); !removed.ok()) return removed;
  notices_.erase(due);
  return google::protobuf::Empty();
}

}  // namespace lorasweep::server
