#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/client_call.h"
#include "cli/names.h"

namespace lorasweep::cli {

std::string TrialName(const std::string& sweep, std::int64_t number) {
  return absl::StrCat(sweep, "/trials/", number);
}

absl::StatusOr<v1::Trial> Client::GetTrial(const std::string& sweep, std::int64_t number) {
  if (number == kBestTrial) {
    const auto found = GetSweep(sweep);
    if (!found.ok()) return found.status();
    if (found->best_trial() < 0)
      return absl::FailedPreconditionError(absl::StrCat(IdOf(sweep), " has no best trial yet"));
    number = found->best_trial();
  }
  v1::GetTrialRequest request;
  request.set_name(TrialName(sweep, number));
  return Call(&v1::SweepService::Stub::GetTrial, request);
}

absl::StatusOr<std::vector<v1::Trial>> Client::ListTrials(const std::string& sweep, const std::string& order_by,
                                                          const std::string& filter, std::int64_t limit) {
  std::vector<v1::Trial> trials;
  v1::ListTrialsRequest request;
  request.set_parent(sweep);
  request.set_order_by(order_by);
  request.set_filter(filter);
  request.set_page_size(limit > 0 ? static_cast<std::int32_t>(std::min<std::int64_t>(limit, kPageSize)) : kPageSize);
  do {
    auto page = Call(&v1::SweepService::Stub::ListTrials, request);
    if (!page.ok()) return page.status();
    std::move(page->mutable_trials()->begin(), page->mutable_trials()->end(), std::back_inserter(trials));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && (limit == 0 || static_cast<std::int64_t>(trials.size()) < limit));
  if (limit > 0 && static_cast<std::int64_t>(trials.size()) > limit) trials.resize(limit);
  return trials;
}

absl::StatusOr<std::vector<v1::Observation>> Client::ListObservations(const std::string& sweep, std::int64_t trial) {
  std::vector<v1::Observation> observations;
  v1::ListObservationsRequest request;
  request.set_parent(TrialName(sweep, trial));
  request.set_page_size(10'000);
  request.set_summary_only(true);
  do {
    auto page = Call(&v1::SweepService::Stub::ListObservations, request);
    if (!page.ok()) return page.status();
    std::move(page->mutable_observations()->begin(), page->mutable_observations()->end(),
              std::back_inserter(observations));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  std::stable_sort(observations.begin(), observations.end(),
                   [](const v1::Observation& a, const v1::Observation& b) { return a.step() < b.step(); });
  return observations;
}

absl::StatusOr<std::vector<v1::Sample>> Client::ListSamples(const std::string& trial,
                                                            std::optional<std::int64_t> step) {
  std::vector<v1::Sample> samples;
  v1::ListSamplesRequest request;
  request.set_parent(trial);
  request.set_page_size(kPageSize);
  if (step) request.set_step(*step);
  do {
    auto page = Call(&v1::SweepService::Stub::ListSamples, request);
    if (!page.ok()) return page.status();
    std::move(page->mutable_samples()->begin(), page->mutable_samples()->end(), std::back_inserter(samples));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return samples;
}

absl::StatusOr<v1::Trial> Client::RecordMeasurements(const std::string& trial,
                                                     const std::vector<v1::Measurement>& measurements) {
  v1::RecordMeasurementsRequest request;
  request.set_name(trial);
  request.mutable_measurements()->Assign(measurements.begin(), measurements.end());
  request.set_request_id(NewRequestId());
  return Call(&v1::SweepService::Stub::RecordMeasurements, request);
}

absl::StatusOr<v1::Trial> Client::ChangeTrial(Method<v1::ChangeTrialRequest, v1::Trial> method,
                                              const std::string& name) {
  v1::ChangeTrialRequest request;
  request.set_name(name);
  request.set_request_id(NewRequestId());
  return Call(method, request);
}

absl::StatusOr<v1::Trial> Client::StopTrial(const std::string& trial) {
  return ChangeTrial(&v1::SweepService::Stub::StopTrial, trial);
}

absl::StatusOr<v1::Trial> Client::RetryTrial(const std::string& trial) {
  return ChangeTrial(&v1::SweepService::Stub::RetryTrial, trial);
}

absl::StatusOr<v1::Trial> Client::SetTrialNote(const std::string& trial, const std::string& note) {
  v1::UpdateTrialRequest request;
  request.set_name(trial);
  request.set_note(note);
  request.set_request_id(NewRequestId());
  return Call(&v1::SweepService::Stub::UpdateTrial, request);
}

absl::StatusOr<v1::Trial> Client::EnqueueTrial(const std::string& sweep,
                                               const google::protobuf::Map<std::string, v1::Value>& values,
                                               std::optional<std::int64_t> like, WarmStart warm_start) {
  v1::EnqueueTrialRequest request;
  request.set_parent(sweep);
  *request.mutable_parameters() = values;
  if (like) request.set_like(*like);
  request.set_warm_start(warm_start == WarmStart::kYes);
  request.set_request_id(NewRequestId());
  return Call(&v1::SweepService::Stub::EnqueueTrial, request);
}

}  // namespace lorasweep::cli
