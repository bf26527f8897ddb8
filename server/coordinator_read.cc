#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "proto/convert.h"
#include "server/checks.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/leaderboard_query.h"
#include "server/messages.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

constexpr std::int64_t kPageBytes = 3 << 20;  // clients take messages of 4 MiB unless told otherwise
constexpr std::int64_t kLeaderboardBytes = 16 << 20;
constexpr std::size_t kWatchTrials = 500;  // of one message
constexpr std::int64_t kWatchObservations = 5000;

struct TrialQuery {
  bool by_value = false;
  bool descending = false;
  std::optional<search::TrialState> state;
};

absl::StatusOr<TrialQuery> ParseTrialQuery(const v1::ListTrialsRequest& request) {
  TrialQuery query;
  const std::vector<std::string> order = absl::StrSplit(request.order_by(), ' ', absl::SkipWhitespace());
  const bool known = order.empty() || order[0] == "number" || order[0] == "value";
  const bool direction = order.size() < 2 || order[1] == "desc" || order[1] == "asc";
  if (!known || !direction || order.size() > 2) {
    return absl::InvalidArgumentError(absl::StrCat("order_by is \"", Shorten(request.order_by(), 100),
                                                   "\"; allowed are \"number\" and \"value\", with \" desc\""));
  }
  query.by_value = !order.empty() && order[0] == "value";
  query.descending = order.size() == 2 && order[1] == "desc";
  if (absl::StripAsciiWhitespace(request.filter()).empty()) return query;
  const std::pair<std::string, std::string> sides = absl::StrSplit(request.filter(), absl::MaxSplits('=', 1));
  v1::Trial::State state;
  if (absl::StripAsciiWhitespace(sides.first) != "state" ||
      !v1::Trial::State_Parse(std::string(absl::StripAsciiWhitespace(sides.second)), &state)) {
    return absl::InvalidArgumentError(absl::StrCat("filter is \"", Shorten(request.filter(), 100),
                                                   "\"; allowed is \"state = \" and a trial's state, say PRUNED"));
  }
  const absl::StatusOr<search::TrialState> wanted = proto::FromProto(state);
  if (!wanted.ok()) return wanted.status();
  query.state = *wanted;
  return query;
}

// Trials without a number come last in either direction.
bool ValueBefore(const SweepState& sweep, std::int64_t a, std::int64_t b, bool descending) {
  const auto value = [&](std::int64_t number) {
    const auto& curve = sweep.trial(number).curve;
    return curve.empty() ? std::numeric_limits<double>::quiet_NaN() : sweep.Shown(curve.back().value);
  };
  const double left = value(a);
  const double right = value(b);
  if (std::isnan(left) || std::isnan(right)) return !std::isnan(left) && std::isnan(right);
  return descending ? left > right : left < right;
}

std::vector<std::int64_t> SelectTrials(const SweepState& sweep, const TrialQuery& query) {
  std::vector<std::int64_t> numbers;
  for (const search::Trial& trial : sweep.View().trials) {
    if (!query.state || trial.state == *query.state) numbers.push_back(trial.number);
  }
  if (query.by_value) {
    std::stable_sort(numbers.begin(), numbers.end(),
                     [&](std::int64_t a, std::int64_t b) { return ValueBefore(sweep, a, b, query.descending); });
  } else if (query.descending) {
    std::reverse(numbers.begin(), numbers.end());
  }
  return numbers;
}

}  // namespace

absl::StatusOr<v1::Sweep> Coordinator::GetSweep(const v1::GetSweepRequest& request) {
  return Settled([&]() -> absl::StatusOr<v1::Sweep> {
    mutex_.AssertHeld();
    const absl::StatusOr<SweepState*> sweep = FindSweep(request.name());
    if (!sweep.ok()) return sweep.status();
    v1::Sweep message = Describe(**sweep);
    *message.mutable_spec()->mutable_known_trials() = (*sweep)->spec().known_trials();
    *message.mutable_spec()->mutable_start_points() = (*sweep)->spec().start_points();
    return message;
  });
}

absl::StatusOr<v1::ListSweepsResponse> Coordinator::ListSweeps(const v1::ListSweepsRequest& request) {
  return Settled([&]() -> absl::StatusOr<v1::ListSweepsResponse> {
    mutex_.AssertHeld();
    if (!broken_.ok()) return broken_;
    const absl::StatusOr<int> page_size = CheckPageSize(request.page_size(), 100, 1000);
    if (!page_size.ok()) return page_size.status();
    const std::string key = absl::StrCat("sweeps\n", absl::StrJoin(request.tags(), "\n"));
    const absl::StatusOr<std::int64_t> after = ParsePageToken(key, request.page_token());
    if (!after.ok()) return after.status();
    const auto wanted = [&](const SweepRecord& sweep) {
      return std::all_of(request.tags().begin(), request.tags().end(),
                         [&](const std::string& tag) { return sweep.tags.contains(tag); });
    };
    v1::ListSweepsResponse response;
    std::int64_t bytes = 0;
    std::int64_t last = *after;
    auto sweep = sweeps_.upper_bound(*after);
    for (; sweep != sweeps_.end() && response.sweeps_size() < *page_size && bytes < kPageBytes; ++sweep) {
      last = sweep->first;
      if (!wanted(sweep->second->sweep())) continue;
      *response.add_sweeps() = Describe(*sweep->second);
      bytes += static_cast<std::int64_t>(response.sweeps(response.sweeps_size() - 1).ByteSizeLong());
    }
    if (sweep != sweeps_.end()) response.set_next_page_token(MakePageToken(key, last));
    return response;
  });
}

absl::StatusOr<v1::Trial> Coordinator::GetTrial(const v1::GetTrialRequest& request) {
  return Settled([&]() -> absl::StatusOr<v1::Trial> {
    mutex_.AssertHeld();
    const absl::StatusOr<FoundTrial> found = FindTrial(request.name());
    if (!found.ok()) return found.status();
    return TrialMessage(*found->sweep, found->number);
  });
}

absl::StatusOr<v1::ListTrialsResponse> Coordinator::ListTrials(const v1::ListTrialsRequest& request) {
  return Settled([&]() -> absl::StatusOr<v1::ListTrialsResponse> {
    mutex_.AssertHeld();
    const absl::StatusOr<SweepState*> sweep = FindSweep(request.parent());
    if (!sweep.ok()) return sweep.status();
    const absl::StatusOr<TrialQuery> query = ParseTrialQuery(request);
    if (!query.ok()) return query.status();
    const absl::StatusOr<int> page_size = CheckPageSize(request.page_size(), 100, 1000);
    if (!page_size.ok()) return page_size.status();
    const std::string key =
        absl::StrCat("trials\n", request.parent(), "\n", request.order_by(), "\n", request.filter());
    const absl::StatusOr<std::int64_t> position = ParsePageToken(key, request.page_token());
    if (!position.ok()) return position.status();

    const std::vector<std::int64_t> numbers = SelectTrials(**sweep, *query);
    const std::int64_t count = static_cast<std::int64_t>(numbers.size());
    v1::ListTrialsResponse response;
    std::int64_t bytes = 0;
    std::int64_t next = *position;
    for (; next < count && response.trials_size() < *page_size && bytes < kPageBytes; ++next) {
      *response.add_trials() = TrialMessage(**sweep, numbers[static_cast<std::size_t>(next)]);
      bytes += static_cast<std::int64_t>(response.trials(response.trials_size() - 1).ByteSizeLong());
    }
    if (next < count) response.set_next_page_token(MakePageToken(key, next));
    return response;
  });
}

absl::StatusOr<v1::ListObservationsResponse> Coordinator::ListObservations(const v1::ListObservationsRequest& request) {
  if (absl::Status status = CheckText("metric", request.metric()); !status.ok()) return status;
  const absl::StatusOr<int> page_size = CheckPageSize(request.page_size(), 1000, 10'000);
  if (!page_size.ok()) return page_size.status();
  const std::string key = absl::StrCat("observations\n", request.parent(), "\n", request.metric());
  const absl::StatusOr<std::int64_t> after = ParsePageToken(key, request.page_token());
  if (!after.ok()) return after.status();
  ObservationQuery query{.metric = request.metric(),
                         .after_id = *after,
                         .summary_only = request.summary_only(),
                         .max_count = *page_size,
                         .max_bytes = kPageBytes};
  const absl::StatusOr<std::int64_t> trial_id = Settled([&]() -> absl::StatusOr<std::int64_t> {
    mutex_.AssertHeld();
    const absl::StatusOr<FoundTrial> found = FindTrial(request.parent());
    if (!found.ok()) return found.status();
    return found->sweep->record(found->number).id;
  });
  if (!trial_id.ok()) return trial_id.status();
  query.trial_id = *trial_id;
  // Reading many rows takes a while: not under the coordinator's lock.
  absl::StatusOr<std::vector<StoredObservation>> found = store_.ListObservations(query);
  if (!found.ok()) return found.status();
  v1::ListObservationsResponse response;
  for (StoredObservation& stored : *found) *response.add_observations() = std::move(stored.observation);
  if (found->empty()) return response;
  query = {.trial_id = query.trial_id,
           .metric = query.metric,
           .after_id = found->back().id,
           .summary_only = true,
           .max_count = 1,
           .max_bytes = 1};
  const absl::StatusOr<std::vector<StoredObservation>> more = store_.ListObservations(query);
  if (!more.ok()) return more.status();
  if (!more->empty()) response.set_next_page_token(MakePageToken(key, found->back().id));
  return response;
}

absl::StatusOr<v1::ListSamplesResponse> Coordinator::ListSamples(const v1::ListSamplesRequest& request) {
  const absl::StatusOr<int> page_size = CheckPageSize(request.page_size(), 100, 1000);
  if (!page_size.ok()) return page_size.status();
  const std::string key = absl::StrCat("samples\n", request.parent(), "\n",
                                       request.has_step() ? absl::StrCat(request.step()) : std::string());
  // A page begins at kMaxSampleRows * step + row.
  const absl::StatusOr<std::int64_t> position = ParsePageToken(key, request.page_token());
  if (!position.ok()) return position.status();
  const absl::StatusOr<std::int64_t> trial_id = Settled([&]() -> absl::StatusOr<std::int64_t> {
    mutex_.AssertHeld();
    const absl::StatusOr<FoundTrial> found = FindTrial(request.parent());
    if (!found.ok()) return found.status();
    return found->sweep->record(found->number).id;
  });
  if (!trial_id.ok()) return trial_id.status();
  SampleQuery query{.trial_id = *trial_id,
                    .from_step = *position / kMaxSampleRows,
                    .from_row = *position % kMaxSampleRows,
                    .max_count = *page_size,
                    .max_bytes = kPageBytes};
  if (request.has_step()) query.step = request.step();
  absl::StatusOr<std::vector<v1::Sample>> found = store_.ListSamples(query);
  if (!found.ok()) return found.status();
  const absl::StatusOr<std::vector<std::int64_t>> steps = store_.SampleSteps(*trial_id);
  if (!steps.ok()) return steps.status();
  v1::ListSamplesResponse response;
  response.mutable_steps()->Add(steps->begin(), steps->end());
  if (found->empty()) return response;
  const std::int64_t next = kMaxSampleRows * found->back().step() + found->back().row() + 1;
  for (v1::Sample& sample : *found) *response.add_samples() = std::move(sample);
  query.from_step = next / kMaxSampleRows;
  query.from_row = next % kMaxSampleRows;
  query.max_count = 1;
  const absl::StatusOr<std::vector<v1::Sample>> more = store_.ListSamples(query);
  if (!more.ok()) return more.status();
  if (!more->empty()) response.set_next_page_token(MakePageToken(key, next));
  return response;
}

absl::StatusOr<v1::GetLeaderboardResponse> Coordinator::GetLeaderboard(const v1::GetLeaderboardRequest& request) {
  return Settled([&]() -> absl::StatusOr<v1::GetLeaderboardResponse> {
    mutex_.AssertHeld();
    const absl::StatusOr<SweepState*> found = FindSweep(request.name());
    if (!found.ok()) return found.status();
    if (request.top() < 0) return absl::InvalidArgumentError(absl::StrCat("top is ", request.top(), "; 0 and more"));
    if (request.skip() < 0) return absl::InvalidArgumentError(absl::StrCat("skip is ", request.skip(), "; 0 and more"));
    SweepState& sweep = **found;
    const absl::StatusOr<LeaderboardQuery> query = LeaderboardQuery::Parse(request, sweep);
    if (!query.ok()) return query.status();
    const std::vector<const search::LeaderboardRow*> rows = query->Select(sweep);
    v1::GetLeaderboardResponse response;
    response.set_total_rows(static_cast<std::int64_t>(rows.size()));
    std::int64_t bytes = 0;
    for (std::size_t i = static_cast<std::size_t>(request.skip()); i < rows.size(); ++i) {
      if (request.top() > 0 && response.rows_size() == request.top()) break;
      *response.add_rows() = RowMessage(sweep, *rows[i]);
      bytes += static_cast<std::int64_t>(response.rows(response.rows_size() - 1).ByteSizeLong());
      if (bytes > kLeaderboardBytes) {
        return absl::ResourceExhaustedError(absl::StrCat("the leaderboard has ", rows.size(),
                                                         " rows, too many for one answer; ask for the top ",
                                                         response.rows_size() / 2));
      }
    }
    *response.mutable_sweep() = Describe(sweep);
    std::int64_t steps_run = 0;
    std::int64_t steps_saved = 0;
    for (const search::Trial& trial : sweep.View().trials) {
      if (!search::IsFinal(trial.state)) continue;
      const TrialRecord& record = sweep.record(trial.number);
      steps_run += record.step;
      if (trial.state == search::TrialState::kPruned) {
        steps_saved += std::max<std::int64_t>(0, record.max_steps - record.step);
      }
    }
    response.set_steps_run(steps_run);
    response.set_steps_saved(steps_saved);
    return response;
  });
}

absl::StatusOr<Coordinator::SweepChanges> Coordinator::ChangesSince(const v1::WatchSweepRequest& request) {
  const std::int64_t after = request.after_revision();
  const absl::StatusOr<std::int64_t> id = Settled([&]() -> absl::StatusOr<std::int64_t> {
    mutex_.AssertHeld();
    const absl::StatusOr<SweepState*> found = FindSweep(request.name());
    if (!found.ok()) return found.status();
    if (after < 0 || after > (*found)->sweep().revision) {
      return absl::InvalidArgumentError(absl::StrCat("after_revision is ", after, "; ", request.name(),
                                                     " has revision ", (*found)->sweep().revision));
    }
    return (*found)->sweep().id;
  });
  if (!id.ok()) return id.status();
  const absl::StatusOr<std::int64_t> full = store_.RevisionAfterObservations(*id, after, kWatchObservations);
  if (!full.ok()) return full.status();
  absl::StatusOr<SweepChanges> changes = Settled([&]() -> absl::StatusOr<SweepChanges> {
    mutex_.AssertHeld();
    const absl::StatusOr<SweepState*> found = FindSweep(request.name());
    if (!found.ok()) return found.status();
    SweepState& sweep = **found;
    const std::int64_t revision = sweep.sweep().revision;
    std::int64_t up_to = *full > 0 ? std::min(*full, revision) : revision;
    SweepChanges seen;
    seen.topic = *id;
    std::size_t count = 0;
    const auto& order = sweep.by_revision();
    for (auto entry = order.lower_bound({after + 1, 0}); entry != order.end() && entry->first <= up_to; ++entry) {
      if (++count == kWatchTrials) up_to = entry->first;  // and all others of that revision
      *seen.response.add_trials() = TrialMessage(sweep, entry->second);
    }
    seen.response.set_revision(up_to);
    if (up_to > after) *seen.response.mutable_sweep() = Describe(sweep);
    seen.last = sweep.ended() && up_to == revision;
    return seen;
  });
  if (!changes.ok()) return changes.status();
  const std::int64_t up_to = changes->response.revision();
  if (up_to == after) return changes;
  absl::StatusOr<std::vector<StoredObservation>> observations = store_.ObservationsBetween(*id, after, up_to);
  if (!observations.ok()) return observations.status();
  for (StoredObservation& stored : *observations) {
    v1::TrialObservation* observation = changes->response.add_observations();
    observation->set_trial_number(stored.trial_number);
    *observation->mutable_observation() = std::move(stored.observation);
  }
  return changes;
}

}  // namespace lorasweep::server
