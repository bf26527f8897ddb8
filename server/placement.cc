#include "server/placement.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lorasweep::server {
namespace {

// A pack that is not filled up again trains ever fewer trials: not worth it after every pack.
constexpr std::int64_t kPacksOfTurn = 4;

bool HasLabel(const v1::Worker& worker, const std::string& pair) {
  const std::size_t equals = pair.find('=');
  if (equals == std::string::npos) return false;
  const auto label = worker.labels().find(pair.substr(0, equals));
  return label != worker.labels().end() && label->second == pair.substr(equals + 1);
}

}  // namespace

bool MayServe(const v1::Worker& worker, const v1::SweepSpec& spec) {
  const auto trainer = worker.labels().find(kTrainerLabel);
  const bool external = trainer != worker.labels().end() && trainer->second == kExternal;
  if (external != (spec.trainer() == kExternal)) return false;
  const auto& wanted = spec.limits().worker_labels();
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& pair) { return HasLabel(worker, pair); });
}

std::string WaitsForWorker(const v1::SweepSpec& spec) {
  const auto& labels = spec.limits().worker_labels();
  return absl::StrCat("waits for ", spec.trainer() == kExternal ? "an external trainer" : "a worker",
                      labels.empty() ? "" : absl::StrCat(" with ", absl::StrJoin(labels, " and ")));
}

void PutInOrder(std::vector<Claim>& claims, std::int64_t served_last) {
  const auto place = [&](const Claim& claim) {
    return std::tuple(-claim.priority, claim.running, claim.sweep <= served_last, claim.sweep);
  };
  std::sort(claims.begin(), claims.end(), [&](const Claim& a, const Claim& b) { return place(a) < place(b); });
}

bool GivesWay(const Claim& own, const Claim& other, const PackOfWorker& pack) {
  if (other.priority != own.priority) return other.priority > own.priority;
  const std::int64_t size = pack.held + pack.room;
  if (other.running + size <= own.running - pack.held) return true;
  return other.running == 0 && pack.turn >= kPacksOfTurn * size;
}

}  // namespace lorasweep::server
