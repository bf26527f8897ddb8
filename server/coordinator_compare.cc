#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/messages.h"
#include "server/sweep_comparison.h"

namespace lorasweep::server {
namespace {

constexpr int kMaxCompared = 20;

absl::Status CheckNames(const v1::CompareSweepsRequest& request) {
  const int count = request.names_size();
  if (count < 2 || count > kMaxCompared) {
    return absl::InvalidArgumentError(absl::StrCat(count, " names; 2 to ", kMaxCompared, " sweeps are compared"));
  }
  const std::set<std::string> names(request.names().begin(), request.names().end());
  if (static_cast<int>(names.size()) < count) return absl::InvalidArgumentError("a sweep is named twice");
  return absl::OkStatus();
}

// The last evaluation of the sweep's best trial; null while there is none.
const search::Evaluation* BestOf(SweepState& sweep) {
  const std::vector<search::LeaderboardRow>& rows = sweep.Ranking();
  return rows.empty() ? nullptr : &sweep.trial(rows.front().trial).curve.back();
}

}  // namespace

absl::StatusOr<v1::CompareSweepsResponse> Coordinator::CompareSweeps(const v1::CompareSweepsRequest& request) {
  if (absl::Status checked = CheckNames(request); !checked.ok()) return checked;
  return Settled([&]() -> absl::StatusOr<v1::CompareSweepsResponse> {
    mutex_.AssertHeld();
    std::vector<SweepState*> sweeps;
    std::vector<const v1::SweepSpec*> specs;
    for (const std::string& name : request.names()) {
      const absl::StatusOr<SweepState*> found = FindSweep(name);
      if (!found.ok()) return found.status();
      sweeps.push_back(*found);
      specs.push_back(&(*found)->spec());
    }
    v1::CompareSweepsResponse response;
    for (v1::SpecDifference& difference : DifferencesOf(specs)) *response.add_differences() = std::move(difference);
    for (std::string& obstacle : ObstaclesBetween(specs)) response.add_obstacles(std::move(obstacle));
    const search::Evaluation* first = BestOf(*sweeps.front());
    for (SweepState* sweep : sweeps) {
      v1::ComparedSweep* compared = response.add_sweeps();
      *compared->mutable_sweep() = Describe(*sweep);
      FillProgress(*sweep, compared);
      const search::Evaluation* best = BestOf(*sweep);
      if (best == nullptr) continue;
      *compared->mutable_best() = RowMessage(*sweep, sweep->Ranking().front());
      const bool alike = first != nullptr && best->sequence_tokens == first->sequence_tokens;
      if (sweep == sweeps.front() || !alike || response.obstacles_size() > 0) continue;
      const search::Estimate difference = search::PairedDifference(*best, *first);
      compared->set_difference(difference.value);
      compared->set_difference_stderr(difference.stderr_);
    }
    return response;
  });
}

}  // namespace lorasweep::server
