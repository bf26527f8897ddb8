#include "worker/observations.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>

#include "google/protobuf/util/time_util.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::worker {

namespace {

constexpr std::size_t kMaxSampleText = 8 << 10;

template <typename Message>
void SetTime(std::chrono::system_clock::time_point time, Message& message) {
  const std::int64_t milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  *message.mutable_time() = google::protobuf::util::TimeUtil::MillisecondsToTimestamp(milliseconds);
}

bool InsideCharacter(const std::string& text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

std::string Beginning(const std::string& text) {
  std::size_t end = std::min(text.size(), kMaxSampleText);
  while (end > 0 && InsideCharacter(text, end)) --end;
  return text::ReplaceBrokenUtf8(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

std::string End(const std::string& text) {
  std::size_t begin = text.size() - std::min(text.size(), kMaxSampleText);
  while (InsideCharacter(text, begin)) ++begin;
  return (begin > 0 ? "…" : "") + text::ReplaceBrokenUtf8(text.substr(begin));
}

}  // namespace

double MeanOverTokens(const trainer::ValidationLoss& loss) {
  const double sum = std::accumulate(loss.sequence_losses.begin(), loss.sequence_losses.end(), 0.0);
  const auto tokens = std::accumulate(loss.sequence_tokens.begin(), loss.sequence_tokens.end(), std::int64_t{0});
  return sum / static_cast<double>(tokens);
}

std::vector<v1::Observation> ToObservations(const trainer::Progress& progress,
                                            std::chrono::system_clock::time_point time) {
  std::vector<v1::Observation> observations;
  const auto add = [&](const char* metric, double value) -> v1::Observation* {
    if (!std::isfinite(value)) return nullptr;
    v1::Observation& observation = observations.emplace_back();
    observation.set_metric(metric);
    observation.set_step(progress.step);
    observation.set_sequences(progress.sequences);
    observation.set_tokens(progress.tokens);
    observation.set_value(value);
    SetTime(time, observation);
    return &observation;
  };
  if (progress.step > 0) {
    add("train/loss", progress.train_loss);
    add("train/grad_norm", progress.grad_norm);
    add("train/learning_rate", progress.learning_rate);
  }
  if (progress.validation) {
    if (v1::Observation* validation = add("validation/loss", MeanOverTokens(*progress.validation))) {
      const auto& losses = progress.validation->sequence_losses;
      const auto& tokens = progress.validation->sequence_tokens;
      validation->mutable_sequence_losses()->Add(losses.begin(), losses.end());
      validation->mutable_sequence_tokens()->Add(tokens.begin(), tokens.end());
    }
  }
  return observations;
}

std::vector<v1::Sample> ToSamples(const trainer::Progress& progress, std::chrono::system_clock::time_point time) {
  std::vector<v1::Sample> samples;
  for (const trainer::Sample& made : progress.samples) {
    v1::Sample& sample = samples.emplace_back();
    sample.set_step(progress.step);
    sample.set_row(static_cast<std::int32_t>(made.row));
    sample.set_prompt(End(made.prompt));
    sample.set_expected(Beginning(made.expected));
    sample.set_generated(Beginning(made.generated));
    sample.set_cut(made.cut);
    SetTime(time, sample);
  }
  return samples;
}

v1::Observation TestObservation(const trainer::Outcome& outcome, std::chrono::system_clock::time_point time) {
  v1::Observation observation;
  observation.set_metric("test/loss");
  observation.set_step(outcome.step);
  observation.set_value(MeanOverTokens(*outcome.test));
  SetTime(time, observation);
  return observation;
}

}  // namespace lorasweep::worker
