#include "tests/e2e/witness.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/quick_channel.h"

namespace lorasweep::testing {
namespace {

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(3)));
}

}  // namespace

double Witness::Loss(const v1::Lease& lease, std::int64_t step) {
  return lease.parameters().at("learning_rate").number() + 1.0 / static_cast<double>(1 + step);
}

Witness::Witness(const std::string& address, std::string name)
    : name_(absl::StrCat("workers/", name)),
      stub_(v1::WorkerService::NewStub(QuickChannel(address))),
      thread_([this] { Run(); }) {}

Witness::~Witness() {
  Stop();
}

void Witness::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Witness::Run() {
  for (int request = 0; !stop_; ++request) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::LeaseTrialsRequest ask;
    ask.set_worker(name_);
    ask.set_max_trials(1);
    ask.set_request_id(absl::StrCat(name_, "-", request));
    v1::LeaseTrialsResponse leases;
    if (stub_->LeaseTrials(&context, ask, &leases).ok() && leases.leases_size() > 0) {
      Train(leases.leases(0));
    } else {
      absl::SleepFor(absl::Milliseconds(50));
    }
  }
}

// Every call again and again until it is answered: what the worker's own client does, in its plainest form.
void Witness::Train(const v1::Lease& lease) {
  for (std::int64_t step = 1; step <= kSteps && !stop_; ++step) {
    v1::ReportRequest report;
    report.set_worker(name_);
    report.add_reports()->set_token(lease.token());
    v1::Observation& observation = *report.mutable_reports(0)->add_observations();
    observation.set_metric(kMetric);
    observation.set_step(step);
    observation.set_value(Loss(lease, step));
    while (!stop_) {
      grpc::ClientContext context;
      SetDeadline(context);
      v1::ReportResponse answer;
      if (!stub_->Report(&context, report, &answer).ok()) {
        absl::SleepFor(absl::Milliseconds(20));
        continue;
      }
      if (answer.verdicts(0).action() != v1::Verdict::CONTINUE) return;  // the trial went to another
      acknowledged_[{lease.trial(), step}] = observation.value();
      break;
    }
    absl::SleepFor(absl::Milliseconds(2));
  }
  while (!stop_) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::CompleteTrialRequest complete;
    complete.set_worker(name_);
    complete.set_token(lease.token());
    v1::Trial trial;
    const grpc::Status done = stub_->CompleteTrial(&context, complete, &trial);
    if (done.ok() || done.error_code() == grpc::StatusCode::FAILED_PRECONDITION) return;
    absl::SleepFor(absl::Milliseconds(20));
  }
}

}  // namespace lorasweep::testing
