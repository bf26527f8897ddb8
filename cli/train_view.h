#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/display_text.h"
#include "lorasweep/v1/train_event.pb.h"

namespace lorasweep::cli {

// What is known of one training while it runs, fed by its events; as a picture for a terminal and as lines for
// everything else. Pure: time is the events' own.
class TrainView {
 public:
  // A line for a log about the event, or none: the start, validations, about every twentieth of the steps, checkpoints.
  std::optional<std::string> Apply(const v1::TrainEvent& event);

  // The picture, at most `width` columns wide.
  std::vector<std::string> Render(std::size_t width, bool colour) const;

  const v1::TrainEvent::Start& start() const { return start_; }

  // Over the last steps, validations included; nullopt while unknown.
  std::optional<double> TokensPerSecond() const;
  std::optional<double> SecondsLeft() const;

 private:
  std::string StepLine(const v1::TrainEvent::Step& step) const;
  std::string PaceText() const;

  v1::TrainEvent::Start start_;
  v1::TrainEvent::Step last_;
  std::optional<double> base_loss_;
  std::optional<double> validation_loss_;
  std::optional<std::pair<std::int64_t, double>> best_;  // step and loss
  std::vector<double> curve_;                            // training losses
  std::deque<v1::TrainEvent::Step> recent_;              // what the pace is measured over
  std::string saved_;
  std::int64_t told_ = 0;  // twentieths of the way that had a line
};

}  // namespace lorasweep::cli
