#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/settings.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/messages.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kMaxNote = 16 << 10;
constexpr std::size_t kMaxTags = 32;  // of a sweep

// Those of LimitsSpec that may change: nothing that was decided rests on them.
constexpr std::string_view kChangeable[] = {"trials", "parallel", "priority"};

absl::Status CheckChangeable(const v1::LimitsSpec& limits) {
  std::vector<const google::protobuf::FieldDescriptor*> given;
  limits.GetReflection()->ListFields(limits, &given);
  for (const google::protobuf::FieldDescriptor* field : given) {
    if (std::find(std::begin(kChangeable), std::end(kChangeable), field->name()) != std::end(kChangeable)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("limits.", field->name(),
                     " stays as the sweep was submitted; limits.trials, limits.parallel and "
                     "limits.priority can be changed"));
  }
  return absl::OkStatus();
}

// What else there is to do for more trials.
constexpr char kSubmitAnew[] =
    "; submit the sweep's file again with warm_start naming this one, and it begins with what was learned here";

// Does it leave room for what was proposed already?
absl::Status CheckTrials(const SweepState& sweep, std::int64_t trials) {
  if (trials == sweep.spec().limits().trials()) return absl::OkStatus();
  if (sweep.HasRepeats()) {
    return absl::FailedPreconditionError(
        absl::StrCat("limits.trials: the repeats of the best trials have begun already", kSubmitAnew));
  }
  const std::int64_t proposed = sweep.size() - sweep.enqueued();
  if (trials != 0 && trials < proposed) {
    return absl::InvalidArgumentError(absl::StrCat("limits.trials is ", trials, "; ", proposed,
                                                   " were proposed already, so it must be that or more (stop the "
                                                   "sweep to end it), or 0 for no limit"));
  }
  return absl::OkStatus();
}

// Can a sweep that has ended propose further trials with such a limit?
absl::Status CheckGoesOn(const SweepState& sweep, const v1::LimitsSpec& wanted) {
  const std::string name = SweepName(sweep.sweep().slug);
  const std::int64_t proposed = sweep.size() - sweep.enqueued();
  const auto leaves_room = [&](std::int64_t trials) {
    const std::int64_t proposals = sweep.ProposalsFor(trials);
    return proposals == 0 || proposals > proposed;
  };
  if (sweep.exhausted() || !leaves_room(0)) {
    const std::string& why = sweep.exhausted_reason();
    return absl::FailedPreconditionError(
        absl::StrCat(name, " has nothing more to propose: ", why.empty() ? "every point was tried" : why));
  }
  if (wanted.has_trials() && leaves_room(wanted.trials())) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(name, " is ", StateName(sweep.sweep().state), " after ", proposed,
                                                    " trials; it goes on with limits.trials above that, and no other "
                                                    "limit means anything to it until then"));
}

}  // namespace

absl::StatusOr<v1::Sweep> Coordinator::UpdateSweep(const v1::UpdateSweepRequest& request) {
  return MutateOnce("UpdateSweep", &Coordinator::DoUpdateSweep, request);
}

absl::StatusOr<v1::Trial> Coordinator::UpdateTrial(const v1::UpdateTrialRequest& request) {
  return MutateOnce("UpdateTrial", &Coordinator::DoUpdateTrial, request);
}

absl::Status Coordinator::ChangeLimits(Change& change, SweepState& sweep, const v1::LimitsSpec& wanted) {
  if (absl::Status status = CheckChangeable(wanted); !status.ok()) return status;
  const bool ended = sweep.ended();
  if (ended) {
    if (absl::Status status = CheckGoesOn(sweep, wanted); !status.ok()) return status;
  }
  v1::SweepSpec spec = sweep.spec();
  spec.mutable_limits()->MergeFrom(wanted);
  if (absl::Status valid = proto::ValidateSpec(spec); !valid.ok()) return valid;
  if (absl::Status status = CheckTrials(sweep, spec.limits().trials()); !status.ok()) return status;
  if (ended) {
    if (absl::Status reopened = Reopen(change, sweep, v1::Sweep::RUNNING); !reopened.ok()) return reopened;
  }
  change.Touch(sweep);
  change.news_for_workers = true;
  sweep.waiting_for_results = false;
  sweep.SetLimits(spec.limits());
  return EndSweepIfDone(change, sweep, -1);
}

absl::StatusOr<v1::Sweep> Coordinator::DoUpdateSweep(Change& change, const v1::UpdateSweepRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<SweepState*> found = FindSweep(request.name());
  if (!found.ok()) return found.status();
  SweepState& sweep = **found;
  SweepRecord& record = sweep.sweep();
  if (absl::Status status = CheckText("note", request.note(), kMaxNote); !status.ok()) return status;
  std::set<std::string> tags = record.tags;
  for (const std::string& tag : request.add_tags()) {
    if (absl::Status status = CheckTag(tag); !status.ok()) return status;
    tags.insert(tag);
  }
  for (const std::string& tag : request.remove_tags()) tags.erase(tag);
  if (tags.size() > kMaxTags) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.name(), " would have ", tags.size(), " tags; it may have ", kMaxTags));
  }
  if (request.has_limits()) {
    if (absl::Status status = ChangeLimits(change, sweep, request.limits()); !status.ok()) return status;
  }
  change.Touch(sweep);
  if (request.has_note()) record.note = request.note();
  record.tags = std::move(tags);
  if (absl::Status put = change.transaction().PutSweepTexts(record); !put.ok()) return put;
  return Describe(sweep);
}

absl::StatusOr<v1::Trial> Coordinator::DoUpdateTrial(Change& change, const v1::UpdateTrialRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<FoundTrial> found = FindTrial(request.name());
  if (!found.ok()) return found.status();
  if (absl::Status status = CheckText("note", request.note(), kMaxNote); !status.ok()) return status;
  TrialRecord& record = found->sweep->record(found->number);
  change.Touch(*found->sweep, found->number);
  if (request.has_note()) record.note = request.note();
  if (absl::Status put = change.transaction().PutTrialNote(record); !put.ok()) return put;
  return TrialMessage(*found->sweep, found->number);
}

}  // namespace lorasweep::server
