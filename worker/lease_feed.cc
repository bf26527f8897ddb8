#include "worker/lease_feed.h"

#include <utility>

#include "spdlog/spdlog.h"

namespace lorasweep::worker {
namespace {

using std::chrono::milliseconds;

// Of waiting for leases that came while the worker was stopping.
constexpr milliseconds kUnseenLimit{2000};
// Of waiting until the coordinator has what a trial said last.
constexpr milliseconds kLastWordLimit{2000};

}  // namespace

LeaseFeed::LeaseFeed(LeaseFeedOptions options, CoordinatorClient& client, ReportStream& stream, Clock& clock)
    : options_(std::move(options)),
      client_(client),
      stream_(stream),
      clock_(clock),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

LeaseFeed::~LeaseFeed() {
  Stop();
}

void LeaseFeed::SetCapacity(int capacity) {
  std::lock_guard lock(mutex_);
  settled_ = settled_ && capacity <= capacity_;
  capacity_ = capacity;
  changed_.notify_all();
}

void LeaseFeed::Release(std::int64_t token, std::uint64_t last_word) {
  std::lock_guard lock(mutex_);
  if (held_.erase(token) == 0) return;
  last_words_[token] = last_word;
  changed_.notify_all();
}

std::vector<LeasedTrial> LeaseFeed::Take() {
  std::lock_guard lock(mutex_);
  return std::exchange(ready_, {});
}

absl::StatusOr<std::vector<LeasedTrial>> LeaseFeed::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_ || !ready_.empty(); });
  if (!refused_.ok() && ready_.empty()) return refused_;
  return std::exchange(ready_, {});
}

void LeaseFeed::Settle(milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return ended_ || settled_ || held_.size() >= Capacity(); });
}

void LeaseFeed::RequestStop() {
  thread_.request_stop();
}

void LeaseFeed::Stop() {
  RequestStop();
  if (thread_.joinable()) thread_.join();
}

void LeaseFeed::Loop(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return held_.size() < Capacity(); }) && !stop.stop_requested()) {
    const int count = static_cast<int>(Capacity() - held_.size());
    const std::map<std::int64_t, std::uint64_t> last_words = std::exchange(last_words_, {});
    // Who waits for a pack to fill up is to know at once what there is.
    const milliseconds wait = settled_ ? options_.lease_wait : milliseconds{0};
    lock.unlock();
    for (const auto& [token, ticket] : last_words) stream_.Await(token, ticket, kLastWordLimit);
    absl::StatusOr<std::vector<v1::Lease>> leases = Ask(count, wait, stop);
    std::vector<LeasedTrial> trials;
    if (leases.ok()) {
      for (v1::Lease& lease : *leases) {
        stream_.Add(lease.token());
        trials.push_back(PrepareTrial(std::move(lease), options_.work_folder, options_.fence, client_, stop));
      }
    }
    lock.lock();
    settled_ = true;
    for (LeasedTrial& trial : trials) {
      held_.insert(trial.lease.token());
      ready_.push_back(std::move(trial));
    }
    changed_.notify_all();
    if (!leases.ok()) {
      refused_ = leases.status();
      break;
    }
  }
  ended_ = true;
  changed_.notify_all();
}

absl::StatusOr<std::vector<v1::Lease>> LeaseFeed::Ask(int count, milliseconds wait, const std::stop_token& stop) {
  const std::string request_id = client_.NewRequestId();
  const absl::StatusOr<v1::LeaseTrialsResponse> response = client_.Lease(count, request_id, wait, {.stop = stop});
  if (response.ok()) return std::vector<v1::Lease>(response->leases().begin(), response->leases().end());
  if (stop.stop_requested()) {
    ReturnUnseen(count, request_id);
    return std::vector<v1::Lease>{};
  }
  if (absl::IsNotFound(response.status()) || absl::IsFailedPrecondition(response.status())) {
    spdlog::info("registering again: {}", std::string{response.status().message()});
    clock_.Pause(milliseconds{200}, stop);
    const absl::Status registered = options_.register_again({.stop = stop});
    if (!registered.ok() && !absl::IsCancelled(registered)) return registered;
    return std::vector<v1::Lease>{};
  }
  if (absl::IsUnknown(response.status()) || absl::IsInternal(response.status())) {
    spdlog::warn("LeaseTrials: {}", std::string{response.status().message()});
    clock_.Pause(milliseconds{5000}, stop);
    return std::vector<v1::Lease>{};
  }
  return response.status();
}

void LeaseFeed::ReturnUnseen(int count, const std::string& request_id) {
  const absl::StatusOr<v1::LeaseTrialsResponse> unseen =
      client_.Lease(count, request_id, milliseconds{0}, {.stop = {}, .limit = kUnseenLimit});
  if (!unseen.ok()) return;
  for (const v1::Lease& lease : unseen->leases()) {
    v1::FailTrialRequest request;
    request.set_token(lease.token());
    request.set_kind(v1::FailTrialRequest::HANDED_BACK);
    request.set_reason("the worker is stopping");
    const absl::Status status = client_.Fail(std::move(request), {.stop = {}, .limit = kUnseenLimit});
    if (!status.ok()) spdlog::warn("{} was not handed back: {}", lease.trial(), std::string{status.message()});
  }
}

}  // namespace lorasweep::worker
