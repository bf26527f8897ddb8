#include "bench/swarm/watchers.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <deque>

#include "absl/time/clock.h"
#include "bench/swarm/connection.h"
#include "google/protobuf/util/time_util.h"
#include "lorasweep/v1/sweep_service.grpc.pb.h"

namespace lorasweep::bench {
namespace {

using google::protobuf::util::TimeUtil;

struct Watcher {
  std::unique_ptr<v1::SweepService::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReader<v1::WatchSweepResponse>> reader;
  v1::WatchSweepResponse news;
  bool begun = false;
};

void Count(const v1::WatchSweepResponse& news, WatchResult* result) {
  const std::int64_t now = absl::ToUnixMicros(absl::Now());
  ++result->messages;
  for (const v1::TrialObservation& each : news.observations()) {
    ++result->deliveries;
    const std::int64_t taken = TimeUtil::TimestampToMicroseconds(each.observation().time());
    result->milliseconds.push_back(static_cast<double>(now - taken) / 1000);
  }
}

}  // namespace

struct Watchers::State {
  grpc::CompletionQueue queue;
  std::deque<Watcher> watchers;
};

Watchers::Watchers(const std::string& address, const std::string& sweep, int count)
    : state_(std::make_unique<State>()) {
  v1::WatchSweepRequest request;
  request.set_name(sweep);
  for (int i = 0; i < count; ++i) {
    Watcher& watcher = state_->watchers.emplace_back();
    watcher.stub = v1::SweepService::NewStub(ConnectAlone(address));
    watcher.context.set_wait_for_ready(true);
    watcher.reader = watcher.stub->AsyncWatchSweep(&watcher.context, request, &state_->queue, &watcher);
  }
}

Watchers::~Watchers() {
  for (Watcher& watcher : state_->watchers) watcher.context.TryCancel();
  state_->queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (state_->queue.Next(&tag, &ok)) {
  }
}

WatchResult Watchers::Collect(absl::Duration duration, std::optional<std::int64_t> enough) {
  WatchResult result;
  const auto end = absl::ToChronoTime(absl::Now() + duration);
  void* tag = nullptr;
  bool ok = false;
  while ((!enough || result.deliveries < *enough) &&
         state_->queue.AsyncNext(&tag, &ok, end) == grpc::CompletionQueue::GOT_EVENT) {
    Watcher& watcher = *static_cast<Watcher*>(tag);
    if (!ok) {
      ++result.broken;
      continue;
    }
    if (watcher.begun) Count(watcher.news, &result);
    watcher.begun = true;
    watcher.reader->Read(&watcher.news, &watcher);
  }
  std::sort(result.milliseconds.begin(), result.milliseconds.end());
  return result;
}

}  // namespace lorasweep::bench
