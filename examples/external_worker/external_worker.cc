// A worker for sweeps with `trainer: external`, on bare gRPC: examples/external_worker.py in C++, with labels besides.
//
//   external_worker [HOST:PORT [KEY=VALUE]...]
//
// A sweep may ask for workers with such labels (limits: {worker_labels: {site: south}}). Ends when there has been no
// trial for a while. To train something of your own, change Train().
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

#include "lorasweep/v1/worker_service.grpc.pb.h"

namespace {

namespace v1 = lorasweep::v1;
using v1::WorkerService;

double Parameter(const v1::Lease& lease, const std::string& name) {
  const auto found = lease.parameters().find(name);
  if (found == lease.parameters().end()) throw std::invalid_argument("the sweep has no parameter " + name);
  return found->second.has_integer() ? static_cast<double>(found->second.integer()) : found->second.number();
}

class Worker {
 public:
  explicit Worker(const std::string& server)
      : stub_(WorkerService::NewStub(grpc::CreateChannel(server, grpc::InsecureChannelCredentials()))),
        life_(std::to_string(std::random_device{}())),
        name_("workers/cpp-" + life_) {}

  // Only a worker with labels has to register.
  void Register(char** labels) {
    v1::RegisterWorkerRequest request;
    request.mutable_worker()->set_name(name_);
    request.set_incarnation(life_);
    auto& own = *request.mutable_worker()->mutable_labels();
    own["trainer"] = "external";
    for (; *labels != nullptr; ++labels) {
      const std::string label = *labels;
      const std::size_t equals = label.find('=');
      if (equals == std::string::npos) throw std::invalid_argument(label + " is not KEY=VALUE");
      own[label.substr(0, equals)] = label.substr(equals + 1);
    }
    Call<v1::RegisterWorkerResponse>(&WorkerService::Stub::RegisterWorker, request);
  }

  // Takes a trial and trains it; false: there was none.
  bool Work() {
    v1::LeaseTrialsRequest request;
    request.set_worker(name_);
    request.set_max_trials(1);
    request.set_request_id(life_ + "-" + std::to_string(++asked_));
    request.mutable_wait()->set_seconds(2);
    const auto leased = Call<v1::LeaseTrialsResponse>(&WorkerService::Stub::LeaseTrials, request);
    for (const v1::Lease& lease : leased.leases()) Train(lease);
    return leased.leases_size() > 0;
  }

 private:
  // A bowl that is approached step by step.
  void Train(const v1::Lease& lease) {
    const double x = Parameter(lease, "x") - 0.3;
    const double y = Parameter(lease, "y") + 0.1;
    auto action = v1::Verdict::CONTINUE;
    for (int step = 1; step <= 10 && action == v1::Verdict::CONTINUE; ++step) {
      // A lease that no report renews within its time (60 s) is given to another worker.
      v1::ReportRequest request;
      request.set_worker(name_);
      v1::LeaseReport* report = request.add_reports();
      report->set_token(lease.token());
      v1::Observation* observation = report->add_observations();
      observation->set_metric(lease.spec().metric().name());
      observation->set_step(step);
      observation->set_sequences(step * lease.spec().training().batch_size());
      observation->set_value(x * x + y * y + 1.0 / step);
      action = Call<v1::ReportResponse>(&WorkerService::Stub::Report, request).verdicts(0).action();
    }
    if (action == v1::Verdict::ABANDON) return;  // the trial is another worker's by now
    v1::CompleteTrialRequest request;
    request.set_worker(name_);
    request.set_token(lease.token());
    Call<v1::Trial>(&WorkerService::Stub::CompleteTrial, request);
  }

  // Every call may be repeated safely: so it is, until the server is there.
  template <typename Response, typename Method, typename Request>
  Response Call(Method method, const Request& request) {
    while (true) {
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
      Response response;
      const auto status = ((*stub_).*method)(&context, request, &response);
      if (status.ok()) return response;
      if (status.error_code() != grpc::UNAVAILABLE) throw std::runtime_error(status.error_message());
    }
  }

  const std::unique_ptr<WorkerService::Stub> stub_;
  const std::string life_, name_;  // texts of their own at each start
  int asked_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Worker worker(argc > 1 ? argv[1] : "127.0.0.1:50151");
    if (argc > 2) worker.Register(argv + 2);
    for (bool more = true; more;) more = worker.Work();
  } catch (const std::exception& error) {
    std::cerr << "external_worker: " << error.what() << '\n';
    return 1;
  }
}
