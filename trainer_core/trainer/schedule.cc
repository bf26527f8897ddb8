#include "trainer_core/trainer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lorasweep::trainer {
namespace {

// A share of all steps, rounded up, or a number of them.
double Steps(double setting, double total) {
  return setting < 1 ? std::ceil(total * setting) : std::floor(setting);
}

// From 1 at progress 0, in waves: half a one ends at 0.
double Wave(double cycles, double progress) {
  return 0.5 * (1 + std::cos(std::numbers::pi * cycles * 2 * progress));
}

// Between `least` and 1.
double Lift(double factor, double least) {
  return std::max(0.0, factor * (1 - least) + least);
}

double DecayFactor(DecayShape shape, double cycles, double progress) {
  switch (shape) {
    case DecayShape::kLinear:
      return 1 - progress;
    case DecayShape::kCosine:
      return Wave(cycles, progress);
    case DecayShape::kOneMinusSqrt:
      break;
  }
  return 1 - std::sqrt(progress);
}

double WarmupStableDecay(const TrainConfig& config, double now, double warmup, double total, double cycles) {
  if (now < warmup) return Lift(now / std::max(1.0, warmup), config.min_lr_rate);
  const double decay = Steps(config.decay_steps, total);
  const double stable = total - warmup - decay;
  if (now < warmup + stable) return 1;
  if (now >= total) return config.min_lr_rate;
  return Lift(DecayFactor(config.decay_type, cycles, (now - warmup - stable) / std::max(1.0, decay)),
              config.min_lr_rate);
}

double Factor(const TrainConfig& config, double now) {
  const auto total = static_cast<double>(config.max_steps);
  const double warmup = Steps(config.warmup, total);
  const double half_wave = config.num_cycles > 0 ? config.num_cycles : 0.5;
  if (config.schedule == Schedule::kConstant) return 1;
  if (config.schedule == Schedule::kWarmupStableDecay) return WarmupStableDecay(config, now, warmup, total, half_wave);
  if (now < warmup) return now / std::max(1.0, warmup);
  const double progress = (now - warmup) / std::max(1.0, total - warmup);
  switch (config.schedule) {
    case Schedule::kLinear:
      return std::max(0.0, (total - now) / std::max(1.0, total - warmup));
    case Schedule::kCosine:
      return Wave(half_wave, progress);
    case Schedule::kCosineWithRestarts: {
      const double cycles = config.num_cycles > 0 ? config.num_cycles : 1;
      return progress >= 1 ? 0 : Wave(0.5, std::fmod(cycles * progress, 1.0));
    }
    case Schedule::kCosineWithMinLr: {
      const double least = config.min_lr > 0 ? config.min_lr / config.learning_rate : config.min_lr_rate;
      return Lift(Wave(half_wave, progress), least);
    }
    case Schedule::kPolynomial: {
      const double end = config.lr_end / config.learning_rate;
      return now > total ? end : (1 - end) * std::pow(1 - std::min(progress, 1.0), config.power) + end;
    }
    case Schedule::kInverseSqrt: {
      const double own = warmup > 0 ? warmup : 10000;
      const double timescale = config.timescale > 0 ? static_cast<double>(config.timescale) : own;
      return 1 / std::sqrt((now + timescale - warmup) / timescale);
    }
    case Schedule::kConstant:
    case Schedule::kConstantWithWarmup:
    case Schedule::kWarmupStableDecay:
      break;
  }
  return 1;
}

}  // namespace

double LearningRate(const TrainConfig& config, std::int64_t step) {
  return config.learning_rate * ScheduleFactor(config, step);
}

double ScheduleFactor(const TrainConfig& config, std::int64_t step) {
  return Factor(config, static_cast<double>(step));
}

}  // namespace lorasweep::trainer
