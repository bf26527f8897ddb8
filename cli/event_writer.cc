#include "cli/event_writer.h"

#include <utility>

#include "cli/sweep_feed.h"
#include "doors/tensorboard.h"

namespace lorasweep::cli {

EventWriter::EventWriter(const std::string& server, const proto::Access& access, std::string sweep, std::string folder)
    : client_(server, access), sweep_(std::move(sweep)), folder_(std::move(folder)), thread_([this] { Follow(); }) {}

EventWriter::~EventWriter() {
  Leave();
}

absl::Status EventWriter::Finish() {
  if (thread_.joinable()) thread_.join();
  return status_;
}

void EventWriter::Follow() {
  doors::TensorBoardWriter writer(folder_);
  absl::Status written;
  const auto take = [&](const v1::WatchSweepResponse& change) {
    for (const v1::Trial& trial : change.trials()) written.Update(writer.Add(trial));
    for (const v1::TrialObservation& seen : change.observations()) {
      written.Update(writer.Add(seen.trial_number(), seen.observation()));
    }
    written.Update(writer.Flush());
    if (!written.ok()) stop_.request_stop();
  };
  const absl::Status followed = FollowSweep(
      client_, sweep_, 0, take, [](bool) {}, stop_.get_token());
  status_ = !written.ok() ? written : absl::IsCancelled(followed) ? absl::OkStatus() : followed;
  done_ = true;
}

}  // namespace lorasweep::cli
