#include "server/notifier.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "doors/http_client.h"
#include "server/notice.h"

namespace lorasweep::server {
namespace {

// Before the second try, the third, …
constexpr std::array kPauses = {absl::Seconds(1),  absl::Seconds(5),  absl::Seconds(30), absl::Minutes(2),
                                absl::Minutes(10), absl::Minutes(30), absl::Hours(2)};

bool MayPass(int http_status) {
  return http_status >= 500 || http_status == 408 || http_status == 425 || http_status == 429;
}

}  // namespace

absl::StatusOr<int> PostOverHttp(const std::string& url, const std::string& body, std::stop_token stop) {
  const absl::StatusOr<doors::HttpAnswer> answer = doors::Post({.url = url,
                                                                .body = body,
                                                                .timeout = std::chrono::seconds(5),
                                                                .longest = std::chrono::seconds(10),
                                                                .stop = std::move(stop)});
  if (!answer.ok()) return answer.status();
  return answer->status;
}

Notifier::Notifier(Coordinator& coordinator, NotifierOptions options)
    : coordinator_(coordinator), options_(std::move(options)) {}

void Notifier::Start(absl::Duration period) {
  thread_ = std::jthread([this, period](std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      Tick(stop);
      never.wait_for(lock, stop, absl::ToChronoNanoseconds(period), [] { return false; });
    }
  });
}

void Notifier::Log(LogLevel level, const std::string& line) const {
  if (options_.log) options_.log(level, line);
}

bool Notifier::Deliver(const DueNotice& notice, const std::string& body, std::stop_token stop, Delivery* delivery) {
  const std::string& url = options_.webhooks[delivery->webhook];
  const absl::StatusOr<int> answer = options_.post(url, body, stop);
  // Which hook, without the secret part of its address; the message of an error might have it.
  const std::string hook = doors::OriginOf(url).value_or("a web hook");
  if (answer.ok() && *answer >= 200 && *answer < 300) {
    Log(LogLevel::kInfo, absl::StrCat(hook, " was told that ", notice.sweep, " has ended"));
    return true;
  }
  if (stop.stop_requested()) return false;
  const std::string what =
      absl::StrCat(hook, " was not told that ", notice.sweep,
                   " has ended: ", answer.ok() ? absl::StrCat("it answered ", *answer) : "it was not reached");
  const bool again = answer.ok() ? MayPass(*answer) : absl::IsUnavailable(answer.status());
  if (!again || delivery->failures == kPauses.size()) {
    Log(LogLevel::kError, absl::StrCat(what, "; given up"));
    return true;
  }
  const absl::Duration pause = kPauses[delivery->failures++];
  delivery->next = options_.clock->Steady() + pause;
  Log(LogLevel::kWarning, absl::StrCat(what, "; tries again in ", absl::FormatDuration(pause)));
  return false;
}

void Notifier::Tell(const DueNotice& notice, std::stop_token stop, std::vector<Delivery>* deliveries) {
  const absl::Duration now = options_.clock->Steady();
  const auto is_due = [now](const Delivery& delivery) { return delivery.next <= now; };
  if (std::none_of(deliveries->begin(), deliveries->end(), is_due)) return;
  v1::GetLeaderboardRequest request;
  request.set_name(notice.sweep);
  request.set_top(1);
  const absl::StatusOr<v1::GetLeaderboardResponse> leaderboard = coordinator_.GetLeaderboard(request);
  if (!leaderboard.ok()) return;  // deleted just now, or the store is away for a moment
  const std::string body = EndNotice(*leaderboard, options_.dashboard);
  std::vector<Delivery> left;
  for (Delivery& delivery : *deliveries) {
    const bool tell = is_due(delivery) && !stop.stop_requested();
    if (!tell || !Deliver(notice, body, stop, &delivery)) left.push_back(delivery);
  }
  *deliveries = std::move(left);
}

void Notifier::Tick(std::stop_token stop) {
  const absl::StatusOr<std::vector<DueNotice>> due = coordinator_.NoticesDue();
  if (!due.ok()) return;  // the coordinator has told why
  auto before = std::exchange(open_, {});
  for (const DueNotice& notice : *due) {
    const std::pair key(notice.sweep, notice.revision);
    std::vector<Delivery>& deliveries = open_[key];
    if (const auto known = before.find(key); known != before.end()) {
      deliveries = std::move(known->second);
    } else {
      for (std::size_t i = 0; i < options_.webhooks.size(); ++i) {
        deliveries.push_back({.webhook = i, .failures = 0, .next = options_.clock->Steady()});
      }
    }
    Tell(notice, stop, &deliveries);
    // When that is not stored, it is tried again at the next tick.
    if (deliveries.empty()) coordinator_.SettleNotice(notice).IgnoreError();
  }
}

}  // namespace lorasweep::server
