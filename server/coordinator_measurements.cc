#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/coordinator.h"
#include "server/coordinator_frame.h"
#include "server/messages.h"
#include "server/proto_time.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kMostOfTrial = 100;

// Of what trainers and the server report by themselves: one metric has one source.
constexpr std::array<std::string_view, 5> kTaken = {"train/", "validation/", "test/", "adapter/", "trial/"};

absl::Status CheckNames(const SweepState& sweep, const v1::RecordMeasurementsRequest& request) {
  std::set<std::string_view> names;
  for (const v1::Measurement& measurement : request.measurements()) {
    const std::string& metric = measurement.metric();
    bool taken = metric == sweep.spec().metric().name();
    for (const std::string_view prefix : kTaken) taken = taken || metric.starts_with(prefix);
    if (taken) {
      return absl::InvalidArgumentError(absl::StrCat(
          "metric ", metric, " is what training reports; measurements have names of their own, such as eval/", metric));
    }
    if (!names.insert(metric).second) return absl::InvalidArgumentError(absl::StrCat(metric, " is there twice"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Trial> Coordinator::RecordMeasurements(const v1::RecordMeasurementsRequest& request) {
  return MutateOnce("RecordMeasurements", &Coordinator::DoRecordMeasurements, request);
}

absl::StatusOr<v1::Trial> Coordinator::DoRecordMeasurements(Change& change,
                                                            const v1::RecordMeasurementsRequest& request) {
  mutex_.AssertHeld();
  const absl::StatusOr<FoundTrial> found = FindTrial(request.name());
  if (!found.ok()) return found.status();
  SweepState& sweep = *found->sweep;
  const std::int64_t trial = found->number;
  if (request.measurements_size() < 1 || request.measurements_size() > kMaxMeasurements) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.measurements_size(), " measurements in one call; 1 to ", kMaxMeasurements, " are taken"));
  }
  for (const v1::Measurement& measurement : request.measurements()) {
    if (absl::Status status = CheckMeasurement(measurement); !status.ok()) return status;
  }
  if (absl::Status status = CheckNames(sweep, request); !status.ok()) return status;
  const search::TrialState state = sweep.trial(trial).state;
  if (!search::IsFinal(state)) {
    return absl::FailedPreconditionError(absl::StrCat(request.name(), " is ", std::string(search::ToString(state)),
                                                      "; only what has ended can be measured"));
  }
  TrialRecord& record = sweep.record(trial);
  std::map<std::string, v1::Measurement> all = record.measurements;
  for (const v1::Measurement& measurement : request.measurements()) {
    v1::Measurement& kept = all[measurement.metric()] = measurement;
    *kept.mutable_time() = ToProtoTime(change.now);
  }
  if (all.size() > kMostOfTrial) {
    return absl::ResourceExhaustedError(
        absl::StrCat(request.name(), " would have ", all.size(), " measurements; a trial has at most ", kMostOfTrial));
  }
  change.Touch(sweep, trial);
  for (const v1::Measurement& measurement : request.measurements()) {
    absl::Status put = change.transaction().PutMeasurement(record.id, all.at(measurement.metric()));
    if (!put.ok()) return put;
    sweep.Observe(trial, measurement.metric(), measurement.value());
  }
  record.measurements = std::move(all);
  return TrialMessage(sweep, trial);
}

}  // namespace lorasweep::server
