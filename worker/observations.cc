#include "worker/observations.h"

#include <cmath>
#include <cstdint>
#include <numeric>

#include "google/protobuf/util/time_util.h"

namespace lorasweep::worker {

namespace {

void SetTime(std::chrono::system_clock::time_point time, v1::Observation& observation) {
  const std::int64_t milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  *observation.mutable_time() = google::protobuf::util::TimeUtil::MillisecondsToTimestamp(milliseconds);
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

v1::Observation TestObservation(const trainer::Outcome& outcome, std::chrono::system_clock::time_point time) {
  v1::Observation observation;
  observation.set_metric("test/loss");
  observation.set_step(outcome.step);
  observation.set_value(MeanOverTokens(*outcome.test));
  SetTime(time, observation);
  return observation;
}

}  // namespace lorasweep::worker
