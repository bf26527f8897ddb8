#include "trainer_core/trainer/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lorasweep::trainer {
namespace {

using Scaling = text::RopeConfig::Scaling;

// Llama 3: long waves are stretched, short ones kept, those between blended.
void StretchLlama3(const text::RopeConfig& rope, at::Tensor& frequencies) {
  auto* values = frequencies.mutable_data_ptr<float>();
  const auto original = static_cast<double>(rope.original_max_positions);
  for (std::int64_t pair = 0; pair < frequencies.numel(); ++pair) {
    const double plain = values[pair];
    const double wavelength = 2 * std::numbers::pi / plain;
    if (wavelength < original / rope.high_freq_factor) continue;
    double stretched = plain / rope.factor;
    if (wavelength <= original / rope.low_freq_factor) {
      const double smooth =
          (original / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
      stretched = (1 - smooth) * plain / rope.factor + smooth * plain;
    }
    values[pair] = static_cast<float>(stretched);
  }
}

// YaRN (arXiv 2309.00071): pairs that turn often within the original length keep their frequency, those that turn
// seldom are interpolated, with a ramp between.
at::Tensor YarnFrequencies(const text::RopeConfig& rope, const at::Tensor& waves) {
  const auto dimensions = static_cast<double>(rope.dimensions);
  const auto turning = [&](double rotations) {
    return dimensions *
           std::log(static_cast<double>(rope.original_max_positions) / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(rope.theta));
  };
  double low = turning(rope.beta_fast);
  double high = turning(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dimensions - 1);
  if (low == high) high += 0.001;
  const at::Tensor ramp = at::clamp((at::arange(waves.numel(), at::kFloat) - low) / (high - low), 0, 1);
  const at::Tensor keep = 1 - ramp;
  return at::reciprocal(waves * rope.factor) * (1 - keep) + at::reciprocal(waves) * keep;
}

}  // namespace

at::Tensor RotaryFrequencies(const text::RopeConfig& rope, std::int64_t length) {
  // In fp32 and by torch's functions, as transformers does it: at far positions an angle depends on the rounding of its
  // frequency.
  const at::Tensor exponents = at::arange(0, rope.dimensions, 2, at::kFloat) / static_cast<double>(rope.dimensions);
  double theta = rope.theta;
  if (rope.scaling == Scaling::kDynamic && length > rope.original_max_positions) {
    const auto dimensions = static_cast<double>(rope.dimensions);
    const double stretch = static_cast<double>(length) / static_cast<double>(rope.original_max_positions);
    theta *= std::pow(rope.factor * stretch - (rope.factor - 1), dimensions / (dimensions - 2));
  }
  const at::Tensor waves = at::pow(at::Scalar(theta), exponents);
  if (rope.scaling == Scaling::kYarn) return YarnFrequencies(rope, waves);
  if (rope.scaling == Scaling::kLongRope) {
    const auto& factors = length > rope.original_max_positions ? rope.long_factors : rope.short_factors;
    return at::reciprocal(at::tensor(factors, at::kFloat) * waves);
  }
  at::Tensor frequencies = at::reciprocal(waves);
  if (rope.scaling == Scaling::kLinear) frequencies.div_(rope.factor);
  if (rope.scaling == Scaling::kLlama3) StretchLlama3(rope, frequencies);
  return frequencies;
}

std::int64_t RotaryTables::ClassOf(std::int64_t length) const {
  if (length <= rope_.original_max_positions) return 0;
  if (rope_.scaling == Scaling::kLongRope) return 1;
  return rope_.scaling == Scaling::kDynamic ? length : 0;
}

RotaryTables::Table RotaryTables::Make(std::int64_t length, std::int64_t positions) const {
  const at::Tensor angles = at::outer(at::arange(positions, at::kFloat), RotaryFrequencies(rope_, length));
  return {(at::cos(angles) * rope_.attention_factor).to(device_),
          (at::sin(angles) * rope_.attention_factor).to(device_)};
}

const RotaryTables::Table& RotaryTables::Kept(std::int64_t length_class, std::int64_t length, std::int64_t positions) {
  constexpr std::int64_t kLeastRows = 1024;
  if (length_class > 1) {
    // Of dynamic RoPE only the last long text's is kept: every length has its own.
    std::erase_if(tables_, [&](const auto& entry) { return entry.first > 1 && entry.first != length_class; });
  }
  Table& table = tables_[length_class];
  if (!table.cosine.defined() || table.cosine.size(0) < positions) {
    table = Make(length, std::max(positions, kLeastRows));
  }
  return table;
}

Rotary RotaryTables::For(const std::vector<std::int32_t>& positions, const std::vector<std::int32_t>& lengths) {
  const auto upload = [this](const std::vector<std::int32_t>& values) {
    return at::tensor(values, at::kInt).to(device_);
  };
  if (rope_.dimensions == 0) {
    const at::Tensor none = at::empty({0, 0}, at::TensorOptions().dtype(at::kFloat).device(device_));
    return {none, none, upload(positions)};
  }
  struct Class {
    std::int64_t length = 0;     // of any of its texts
    std::int64_t positions = 0;  // rows needed
    std::int64_t first_row = 0;
  };
  std::map<std::int64_t, Class> classes;
  if (positions.empty()) classes[0] = {};
  for (std::size_t token = 0; token < positions.size(); ++token) {
    Class& own = classes[ClassOf(lengths[token])];
    own.length = lengths[token];
    own.positions = std::max<std::int64_t>(own.positions, positions[token] + 1);
  }
  if (classes.size() == 1) {
    const auto& [length_class, own] = *classes.begin();
    const Table& table = Kept(length_class, own.length, own.positions);
    return {table.cosine, table.sine, upload(positions)};
  }
  std::vector<at::Tensor> cosines;
  std::vector<at::Tensor> sines;
  std::int64_t rows = 0;
  for (auto& [length_class, own] : classes) {
    const Table table = Make(own.length, own.positions);
    cosines.push_back(table.cosine);
    sines.push_back(table.sine);
    own.first_row = rows;
    rows += own.positions;
  }
  std::vector<std::int32_t> places;
  for (std::size_t token = 0; token < positions.size(); ++token) {
    places.push_back(positions[token] + static_cast<std::int32_t>(classes.at(ClassOf(lengths[token])).first_row));
  }
  return {at::cat(cosines), at::cat(sines), upload(places)};
}

}  // namespace lorasweep::trainer
