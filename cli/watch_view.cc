#include "cli/watch_view.h"

#include <chrono>
#include <memory>

#include "cli/live_view.h"
#include "cli/painter.h"
#include "cli/sweep_feed.h"

namespace lorasweep::cli {
namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr int kStandardError = 2;

}  // namespace

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

absl::Status WatchSweep(Context& context, const Client& client, const std::string& sweep, Signals& signals,
                        const WatchTick& on_tick, LiveState& state) {
  const bool live = context.err_terminal.interactive;
  SweepFeed feed(client.address(), client.access(), sweep);
  Painter painter(context.err);
  while (true) {
    const int signal = signals.Wait(kTick);
    const double now = SteadySeconds();
    const SweepFeed::News news = feed.Take();
    std::vector<LiveEvent> events;
    for (const v1::WatchSweepResponse& change : news.changes) {
      const std::vector<LiveEvent> more = state.Apply(change, now);
      events.insert(events.end(), more.begin(), more.end());
    }
    if (news.leaderboard) state.SetLeaderboard(*news.leaderboard);
    if (news.connected == state.away_since().has_value()) {
      state.SetAwaySince(news.connected ? std::nullopt : std::optional<double>(now));
      events.push_back(
          {news.connected ? "connected to the server again" : "connection to the server lost; trying again",
           Style::kWarning});
      state.AddEvent(events.back());
    }
    const std::size_t told = events.size();
    const WatchStep step = on_tick(signal, events);
    for (std::size_t i = told; i < events.size(); ++i) state.AddEvent(events[i]);

    if (live) {
      const Terminal terminal = MeasureTerminal(kStandardError);
      painter.Paint(RenderLiveView(
          state, {.width = terminal.width, .height = terminal.height, .colour = terminal.colour, .now = now}));
    } else {
      for (const LiveEvent& event : events) context.err << Printable(event.text) << '\n';
      if (!events.empty()) context.err << std::flush;
    }
    if (!news.end && step == WatchStep::kGoOn) continue;
    painter.Erase();
    return news.end ? *news.end : absl::CancelledError("the watch was left");
  }
}

}  // namespace lorasweep::cli
