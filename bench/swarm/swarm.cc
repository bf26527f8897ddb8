#include "bench/swarm/swarm.h"

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/swarm/connection.h"
#include "lorasweep/v1/worker_service.grpc.pb.h"

namespace lorasweep::bench {
namespace {

constexpr absl::Duration kAfterFailure = absl::Milliseconds(100);

struct Held {
  std::int64_t token = 0;
  std::int64_t reports = 0;
  std::int64_t step = 0;
};

// A call's answer, and what reads it.
template <typename Message>
struct Pending {
  Message answer;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Message>> reader;
};

// One call of a worker at a time.
struct Worker {
  enum class Call { kNone, kLease, kReport, kComplete, kWait };

  std::string name;
  std::unique_ptr<v1::WorkerService::Stub> stub;
  std::deque<Held> held;
  Call call = Call::kNone;
  absl::Time begin;
  std::optional<grpc::ClientContext> context;
  grpc::Status status;
  Pending<v1::LeaseTrialsResponse> leases;
  Pending<v1::ReportResponse> verdicts;
  Pending<v1::Trial> trial;
  grpc::Alarm alarm;
};

// As a trainer would: a loss in each report, and every tenth is of the validation.
void AddObservation(Held& held, google::protobuf::RepeatedPtrField<v1::Observation>* observations) {
  v1::Observation& observation = *observations->Add();
  observation.set_metric(held.step % 10 == 0 ? "validation/loss" : "train/loss");
  observation.set_step(held.step);
  observation.set_sequences(held.step * 8);
  observation.set_tokens(held.step * 1000);
  observation.set_value(1 + 1 / (1 + static_cast<double>(held.step)));
  ++held.step;
}

}  // namespace

struct Swarm::State {
  explicit State(SwarmOptions wanted) : options(std::move(wanted)) {}

  void Register(Worker& worker);
  void Next(Worker& worker);
  void Lease(Worker& worker);
  void Report(Worker& worker);
  void Complete(Worker& worker);
  // Begins a call whose answer comes into `pending`, and the worker out of the queue.
  template <typename Method, typename Request, typename Message>
  void Begin(Worker& worker, Worker::Call call, Method method, const Request& request, Pending<Message>* pending);
  void Done(Worker& worker);
  void Pause(Worker& worker, absl::Time until);

  SwarmOptions options;
  grpc::CompletionQueue queue;
  std::deque<Worker> workers;
  SwarmResult result;
  absl::Time end;
  int busy = 0;  // workers with a call under way
};

double Quantile(const std::vector<double>& ascending, double share) {
  if (ascending.empty()) return 0;
  const double last = static_cast<double>(ascending.size()) - 1;
  return ascending[static_cast<std::size_t>(std::ceil(share * last))];
}

void Swarm::State::Register(Worker& worker) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::RegisterWorkerRequest request;
  request.mutable_worker()->set_name(worker.name);
  request.mutable_worker()->set_slots(options.trials_at_once);
  (*request.mutable_worker()->mutable_labels())["trainer"] = "external";
  request.set_incarnation(absl::StrCat(absl::ToUnixNanos(absl::Now())));
  v1::RegisterWorkerResponse response;
  const grpc::Status status = worker.stub->RegisterWorker(&context, request, &response);
  if (!status.ok()) throw std::runtime_error("RegisterWorker: " + status.error_message());
}

template <typename Method, typename Request, typename Message>
void Swarm::State::Begin(Worker& worker, Worker::Call call, Method method, const Request& request,
                         Pending<Message>* pending) {
  worker.call = call;
  worker.context.emplace();
  worker.begin = absl::Now();
  pending->reader = (worker.stub.get()->*method)(&*worker.context, request, &queue);
  pending->reader->Finish(&pending->answer, &worker.status, &worker);
}

void Swarm::State::Lease(Worker& worker) {
  v1::LeaseTrialsRequest request;
  request.set_worker(worker.name);
  request.set_max_trials(options.trials_at_once);
  request.set_request_id(absl::StrCat(worker.name, "-", absl::ToUnixNanos(absl::Now())));
  Begin(worker, Worker::Call::kLease, &v1::WorkerService::Stub::AsyncLeaseTrials, request, &worker.leases);
}

void Swarm::State::Report(Worker& worker) {
  Held& held = worker.held.front();
  v1::ReportRequest request;
  request.set_worker(worker.name);
  v1::LeaseReport& report = *request.add_reports();
  report.set_token(held.token);
  if (!options.heartbeats) {
    for (int i = 0; i < options.observations; ++i) AddObservation(held, report.mutable_observations());
  }
  Begin(worker, Worker::Call::kReport, &v1::WorkerService::Stub::AsyncReport, request, &worker.verdicts);
}

void Swarm::State::Complete(Worker& worker) {
  Held& held = worker.held.front();
  v1::CompleteTrialRequest request;
  request.set_worker(worker.name);
  request.set_token(held.token);
  held.step = (held.step + 9) / 10 * 10;  // a trial ends with a validation
  for (int i = 0; i < options.observations; ++i) AddObservation(held, request.mutable_observations());
  Begin(worker, Worker::Call::kComplete, &v1::WorkerService::Stub::AsyncCompleteTrial, request, &worker.trial);
}

void Swarm::State::Next(Worker& worker) {
  if (absl::Now() >= end) {
    worker.call = Worker::Call::kNone;
    --busy;
  } else if (worker.held.empty()) {
    Lease(worker);
  } else if (options.heartbeats || worker.held.front().reports < options.reports) {
    Report(worker);
  } else {
    Complete(worker);
  }
}

void Swarm::State::Pause(Worker& worker, absl::Time until) {
  worker.call = Worker::Call::kWait;
  worker.alarm.Set(&queue, absl::ToChronoTime(std::min(until, end)), &worker);
}

void Swarm::State::Done(Worker& worker) {
  const Worker::Call call = worker.call;
  if (call == Worker::Call::kWait) return Next(worker);
  if (!worker.status.ok()) {
    ++result.refused;
    if (!worker.held.empty()) worker.held.pop_front();
    return Pause(worker, absl::Now() + kAfterFailure);
  }
  if (call == Worker::Call::kLease) {
    for (const v1::Lease& lease : worker.leases.answer.leases()) worker.held.push_back({.token = lease.token()});
    if (worker.held.empty()) {  // the sweep has no more trials
      worker.call = Worker::Call::kNone;
      --busy;
      return;
    }
  } else if (call == Worker::Call::kReport) {
    ++result.reports;
    ++worker.held.front().reports;
    result.milliseconds.push_back(absl::ToDoubleMilliseconds(absl::Now() - worker.begin));
    if (!options.heartbeats) result.observations += options.observations;
    if (worker.verdicts.answer.verdicts(0).action() != v1::Verdict::CONTINUE) {
      ++result.refused;
      worker.held.pop_front();
    }
  } else {
    ++result.trials;
    result.observations += options.observations;
    worker.held.pop_front();
  }
  if (options.period > absl::ZeroDuration() && call == Worker::Call::kReport) {
    return Pause(worker, worker.begin + options.period);
  }
  Next(worker);
}

Swarm::Swarm(SwarmOptions options) : state_(std::make_unique<State>(std::move(options))) {
  for (int i = 0; i < state_->options.workers; ++i) {
    Worker& worker = state_->workers.emplace_back();
    worker.name = absl::StrCat("workers/", state_->options.prefix, "-", i);
    worker.stub = v1::WorkerService::NewStub(ConnectAlone(state_->options.address));
    state_->Register(worker);
  }
}

Swarm::~Swarm() {
  state_->queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (state_->queue.Next(&tag, &ok)) {
  }
}

SwarmOptions& Swarm::options() {
  return state_->options;
}

SwarmResult Swarm::Run(absl::Duration duration) {
  State& state = *state_;
  state.result = {};
  const absl::Time begin = absl::Now();
  state.end = begin + duration;
  state.busy = static_cast<int>(state.workers.size());
  double place = 0;
  for (Worker& worker : state.workers) {
    // Spread over the period, as workers that were not started together are.
    const double share = place++ / static_cast<double>(state.workers.size());
    if (state.options.period > absl::ZeroDuration()) {
      state.Pause(worker, begin + state.options.period * share);
    } else {
      state.Next(worker);
    }
  }
  void* tag = nullptr;
  bool ok = false;
  while (state.busy > 0 && state.queue.Next(&tag, &ok)) state.Done(*static_cast<Worker*>(tag));
  state.result.seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  std::sort(state.result.milliseconds.begin(), state.result.milliseconds.end());
  return std::move(state.result);
}

}  // namespace lorasweep::bench
