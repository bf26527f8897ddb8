#include "cli/train_view.h"

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/sparkline.h"
#include "cli/tables.h"

namespace lorasweep::cli {
namespace {

constexpr std::int64_t kLogLines = 20;
constexpr std::size_t kPaceSteps = 30;

}  // namespace

std::optional<std::string> TrainView::Apply(const v1::TrainEvent& event) {
  if (event.has_start()) {
    start_ = event.start();
    return absl::StrCat(
        start_.checkpoint().empty() ? "training" : absl::StrCat("going on from ", start_.checkpoint()), " on ",
        start_.device(), ", ", Plural(start_.max_steps(), "step"), ", ", Plural(start_.train_rows(), "row"), ", ",
        FormatCount(start_.validation_rows()), " for validation",
        start_.test_rows() > 0 ? absl::StrCat(", ", FormatCount(start_.test_rows()), " for the test") : "");
  }
  if (event.has_saved()) {
    saved_ = absl::StrCat("checkpoint of step ", event.saved().step(), " in ", event.saved().path());
    return saved_;
  }
  if (event.has_sample()) return SampleText(event.sample());
  if (!event.has_step()) return std::nullopt;
  last_ = event.step();
  recent_.push_back(last_);
  if (recent_.size() > kPaceSteps) recent_.pop_front();
  if (last_.has_train_loss()) curve_.push_back(last_.train_loss());
  if (last_.has_validation_loss()) {
    validation_loss_ = last_.validation_loss();
    if (last_.step() == 0) {
      base_loss_ = last_.validation_loss();
    } else if (!best_ || last_.validation_loss() < best_->second) {
      best_ = {last_.step(), last_.validation_loss()};
    }
  }
  const std::int64_t part = start_.max_steps() > 0 ? last_.step() * kLogLines / start_.max_steps() : 0;
  if (!last_.has_validation_loss() && part == told_) return std::nullopt;
  told_ = part;
  return StepLine(last_);
}

std::optional<double> TrainView::TokensPerSecond() const {
  if (recent_.size() < 2) return std::nullopt;
  const double seconds = recent_.back().seconds() - recent_.front().seconds();
  const auto tokens = static_cast<double>(recent_.back().tokens() - recent_.front().tokens());
  return seconds > 0 ? std::optional(tokens / seconds) : std::nullopt;
}

std::optional<double> TrainView::SecondsLeft() const {
  if (recent_.size() < 2) return std::nullopt;
  const double seconds = recent_.back().seconds() - recent_.front().seconds();
  const auto steps = static_cast<double>(recent_.back().step() - recent_.front().step());
  const auto left = static_cast<double>(start_.max_steps() - last_.step());
  return steps > 0 ? std::optional(left * seconds / steps) : std::nullopt;
}

std::string TrainView::PaceText() const {
  std::string text;
  if (const auto pace = TokensPerSecond()) {
    absl::StrAppend(&text, "  ", FormatCount(static_cast<std::int64_t>(*pace)), " tokens/s");
  }
  if (const auto left = SecondsLeft(); left && last_.step() < start_.max_steps()) {
    absl::StrAppend(&text, "  ETA ", FormatDuration(*left));
  }
  return text;
}

std::string TrainView::StepLine(const v1::TrainEvent::Step& step) const {
  std::string line = absl::StrCat("step ", step.step(), "/", start_.max_steps());
  if (step.has_train_loss()) absl::StrAppend(&line, "  loss ", FormatMetric(step.train_loss()));
  if (step.has_validation_loss()) absl::StrAppend(&line, "  validation loss ", FormatMetric(step.validation_loss()));
  if (step.has_learning_rate()) absl::StrAppend(&line, "  lr ", FormatNumber(step.learning_rate()));
  return line + PaceText();
}

std::vector<std::string> TrainView::Render(std::size_t width, bool colour) const {
  std::vector<std::string> lines;
  const auto add = [&](const StyledLine& line) { lines.push_back(line.Render(width, colour)); };
  if (start_.max_steps() == 0) {
    add(StyledLine().Add("loading the model and the data", Style::kFaint));
    return lines;
  }
  const double share = static_cast<double>(last_.step()) / static_cast<double>(start_.max_steps());
  StyledLine bar;
  bar.Add(ProgressBar(share, 24), Style::kGood).Add(absl::StrCat("  step ", last_.step(), "/", start_.max_steps()));
  add(bar.Add(PaceText()).Add(absl::StrCat("  ", start_.device()), Style::kFaint));

  StyledLine training;
  if (last_.has_train_loss()) training.Add("loss ").Add(FormatMetric(last_.train_loss()), Style::kBold).Add("  ");
  add(training.Add(Sparkline(curve_, 40), Style::kFaint));

  StyledLine validation;
  if (validation_loss_) validation.Add("validation loss ").Add(FormatMetric(*validation_loss_), Style::kBold);
  if (best_) validation.Add("  best ").Add(FormatMetric(best_->second), Style::kBest);
  if (best_) validation.Add(absl::StrCat(" at step ", best_->first));
  if (base_loss_) validation.Add(absl::StrCat("  base model ", FormatMetric(*base_loss_)), Style::kFaint);
  if (validation.width() > 0) add(validation);
  if (!saved_.empty()) add(StyledLine().Add(saved_, Style::kFaint));
  return lines;
}

}  // namespace lorasweep::cli
