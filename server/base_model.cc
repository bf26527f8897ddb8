#include "server/base_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/other_base.h"

namespace lorasweep::server {
namespace {

constexpr absl::Duration kFirstWait = absl::Seconds(30);
constexpr absl::Duration kLongestWait = absl::Minutes(15);

}  // namespace

BaseMatch MatchBase(std::string_view sweeps, std::string_view told) {
  if (told.empty()) return BaseMatch::kUntold;
  if (sweeps.empty()) return BaseMatch::kFirst;
  return told == sweeps ? BaseMatch::kSame : BaseMatch::kOther;
}

void BaseRefusal::Add(std::string_view why, absl::Duration now) {
  reason = why;
  if (now < until) return;
  ++times;
  until = now + BaseWait(times);
}

absl::Duration BaseWait(int times) {
  constexpr int kMostDoublings = 10;  // more than enough
  return std::min(kLongestWait, kFirstWait * (1 << std::clamp(times - 1, 0, kMostDoublings)));
}

std::string WaitsForBase(std::string_view model, std::string_view sweeps, const std::vector<std::string>& workers) {
  return absl::StrCat("waits for a worker with the files of ", std::string(model), " that it is trained on (SHA-256 ",
                      proto::ShortHash(sweeps), "); ", absl::StrJoin(workers, " and "),
                      workers.size() == 1 ? " has others" : " have others");
}

}  // namespace lorasweep::server
