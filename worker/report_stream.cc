#include "worker/report_stream.h"

#include <algorithm>
#include <utility>

#include "spdlog/spdlog.h"

namespace lorasweep::worker {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Answers that no other try will change.
bool IsFinal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status) || absl::IsUnimplemented(status) ||
         absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status) || absl::IsOutOfRange(status);
}

bool IsSuperseded(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsNotFound(status);
}

}  // namespace

ReportStream::ReportStream(const ReportStreamOptions& options, CoordinatorClient& client)
    : options_(options),
      client_(client),
      backoff_(options.backoff, options.seed),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

ReportStream::~ReportStream() {
  thread_.request_stop();
  wake_.notify_all();
}

void ReportStream::Add(std::int64_t token) {
  std::lock_guard lock(mutex_);
  if (leases_.empty()) last_sent_ = SteadyClock::now();  // a fresh lease needs its first heartbeat one period from now
  leases_.try_emplace(token);
  wake_.notify_all();
}

std::size_t ReportStream::Item::size() const {
  return std::visit([](const auto& message) { return message.ByteSizeLong(); }, content);
}

bool ReportStream::Item::decides() const {
  const auto* observation = std::get_if<v1::Observation>(&content);
  return observation != nullptr && !observation->sequence_losses().empty();
}

void ReportStream::Item::AddTo(v1::LeaseReport& report) const {
  if (const auto* sample = std::get_if<v1::Sample>(&content)) {
    *report.add_samples() = *sample;
  } else {
    *report.add_observations() = std::get<v1::Observation>(content);
  }
}

std::uint64_t ReportStream::Observe(std::int64_t token, std::vector<v1::Observation> observations, Urgency urgency,
                                    std::vector<v1::Sample> samples) {
  std::lock_guard lock(mutex_);
  const auto found = leases_.find(token);
  if (found == leases_.end()) return 0;
  LeaseState& lease = found->second;
  for (v1::Observation& observation : observations) {
    lease.items.push_back({.number = ++lease.last_number, .content = std::move(observation)});
  }
  for (v1::Sample& sample : samples) {
    lease.items.push_back({.number = ++lease.last_number, .content = std::move(sample)});
  }
  Trim(lease, options_.max_kept);
  urgent_ = urgent_ || urgency == Urgency::kNow;
  wake_.notify_all();
  return lease.last_number;
}

std::uint64_t ReportStream::SetCheckpoint(std::int64_t token, v1::Artifact checkpoint) {
  std::lock_guard lock(mutex_);
  const auto found = leases_.find(token);
  if (found == leases_.end()) return 0;
  LeaseState& lease = found->second;
  lease.checkpoint = std::move(checkpoint);
  lease.checkpoint_number = ++lease.last_number;
  urgent_ = true;
  wake_.notify_all();
  return lease.last_number;
}

void ReportStream::SetBase(std::int64_t token, std::string base_sha256) {
  std::lock_guard lock(mutex_);
  const auto found = leases_.find(token);
  if (found != leases_.end()) found->second.base_sha256 = std::move(base_sha256);
}

LeaseVerdict ReportStream::Await(std::int64_t token, std::uint64_t ticket, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto settled = [&] {
    const auto found = leases_.find(token);
    return found == leases_.end() || found->second.taken_number >= ticket ||
           found->second.verdict.action != v1::Verdict::CONTINUE || not_before_.has_value();
  };
  changed_.wait_for(lock, timeout, settled);
  const auto found = leases_.find(token);
  return found == leases_.end() ? LeaseVerdict{} : found->second.verdict;
}

LeaseVerdict ReportStream::verdict(std::int64_t token) const {
  std::lock_guard lock(mutex_);
  const auto found = leases_.find(token);
  return found == leases_.end() ? LeaseVerdict{} : found->second.verdict;
}

void ReportStream::Flush(std::int64_t token, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  urgent_ = true;
  wake_.notify_all();
  changed_.wait_for(lock, timeout, [&] {
    const auto found = leases_.find(token);
    return found == leases_.end() || found->second.taken_number >= found->second.last_number ||
           found->second.verdict.action == v1::Verdict::ABANDON || !found->second.verdict.refused.ok() ||
           not_before_.has_value();
  });
}

v1::LeaseReport ReportStream::Unsent(std::int64_t token) const {
  std::lock_guard lock(mutex_);
  v1::LeaseReport unsent;
  unsent.set_token(token);
  const auto found = leases_.find(token);
  if (found == leases_.end()) return unsent;
  unsent.set_base_sha256(found->second.base_sha256);
  for (const Item& item : found->second.items) item.AddTo(unsent);
  return unsent;
}

void ReportStream::Remove(std::int64_t token) {
  std::lock_guard lock(mutex_);
  leases_.erase(token);
}

void ReportStream::Loop(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (leases_.empty()) {
      urgent_ = false;
      wake_.wait(lock, stop, [this] { return !leases_.empty(); });
      continue;
    }
    const auto next = NextSend();
    if (SteadyClock::now() < next) {
      wake_.wait_until(lock, stop, next, [&] { return NextSend() < next || leases_.empty(); });
      continue;
    }
    urgent_ = false;
    last_sent_ = SteadyClock::now();
    Sent sent = MakeReport();
    if (sent.request.reports().empty()) continue;
    lock.unlock();
    if (options_.measure) {
      if (std::optional<v1::MachineUse> use = options_.measure()) *sent.request.mutable_use() = *std::move(use);
    }
    const absl::StatusOr<v1::ReportResponse> response = client_.ReportOnce(sent.request, stop);
    lock.lock();
    if (response.ok() || IsFinal(response.status()) || IsSuperseded(response.status())) {
      if (not_before_) spdlog::info("the coordinator is back");
      not_before_.reset();
      backoff_.Reset();
    }
    if (response.ok()) {
      Take(sent, *response);
    } else if (IsFinal(response.status()) || IsSuperseded(response.status())) {
      Refuse(sent, response.status());
    } else if (!stop.stop_requested()) {
      if (!not_before_) {
        spdlog::warn("Report: {}; observations are kept and sent again", std::string{response.status().message()});
      }
      not_before_ = SteadyClock::now() + backoff_.Next();
    }
    changed_.notify_all();
  }
}

SteadyClock::time_point ReportStream::NextSend() const {
  if (not_before_) return *not_before_;
  if (urgent_) return SteadyClock::time_point::min();
  const bool waiting = std::any_of(leases_.begin(), leases_.end(), [](const auto& entry) {
    return entry.second.taken_number < entry.second.last_number;
  });
  return last_sent_ + (waiting ? std::min(options_.flush, options_.heartbeat) : options_.heartbeat);
}

ReportStream::Sent ReportStream::MakeReport() const {
  Sent sent;
  std::size_t bytes = 0;
  std::size_t items = 0;
  for (const auto& [token, lease] : leases_) {
    if (lease.verdict.action == v1::Verdict::ABANDON || !lease.verdict.refused.ok()) continue;
    v1::LeaseReport& report = *sent.request.add_reports();
    report.set_token(token);
    report.set_base_sha256(lease.base_sha256);
    std::uint64_t number = lease.taken_number;
    bool complete = true;
    for (const Item& item : lease.items) {
      const std::size_t size = item.size();
      // One that is larger than the limit goes alone.
      if (bytes > 0 && (bytes + size > options_.max_request_bytes || items == options_.max_request_items)) {
        complete = false;
        break;
      }
      bytes += size;
      ++items;
      item.AddTo(report);
      number = item.number;
    }
    if (complete) {
      if (lease.checkpoint) *report.mutable_checkpoint() = *lease.checkpoint;
      number = lease.last_number;
    }
    sent.numbers[token] = number;
  }
  return sent;
}

void ReportStream::Take(const Sent& sent, const v1::ReportResponse& response) {
  for (const auto& [token, number] : sent.numbers) {
    const auto found = leases_.find(token);
    if (found == leases_.end()) continue;
    LeaseState& lease = found->second;
    while (!lease.items.empty() && lease.items.front().number <= number) lease.items.pop_front();
    if (lease.checkpoint && lease.checkpoint_number <= number) lease.checkpoint.reset();
    lease.taken_number = std::max(lease.taken_number, number);
    // The rest of a large backlog follows at once.
    if (number < lease.last_number && !lease.items.empty()) urgent_ = true;
  }
  for (const v1::Verdict& verdict : response.verdicts()) {
    const auto found = leases_.find(verdict.token());
    // What only a newer coordinator knows changes nothing here.
    const bool known_action = v1::Verdict::Action_IsValid(verdict.action());
    if (found == leases_.end() || !known_action || verdict.action() == v1::Verdict::ACTION_UNSPECIFIED) continue;
    LeaseVerdict& known = found->second.verdict;
    if (known.action != v1::Verdict::CONTINUE && verdict.action() != v1::Verdict::ABANDON) continue;
    known.action = verdict.action();
    known.reason = verdict.reason();
  }
}

void ReportStream::Refuse(const Sent& sent, const absl::Status& status) {
  for (const auto& [token, number] : sent.numbers) {
    const auto found = leases_.find(token);
    if (found == leases_.end()) continue;
    LeaseVerdict& known = found->second.verdict;
    known.reason = std::string{status.message()};
    known.action = IsSuperseded(status) ? v1::Verdict::ABANDON : v1::Verdict::STOP;
    if (!IsSuperseded(status)) known.refused = status;
  }
}

void ReportStream::Trim(LeaseState& lease, std::size_t max_kept) {
  while (lease.items.size() > max_kept) {
    const auto oldest =
        std::find_if(lease.items.begin(), lease.items.end(), [](const Item& item) { return !item.decides(); });
    if (oldest == lease.items.end()) return;
    lease.items.erase(oldest);
  }
}

}  // namespace lorasweep::worker
