#include "trainer_core/text/rope_config.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"

namespace lorasweep::text {
namespace {

constexpr double kMostFactor = 1e6;
constexpr double kMostTheta = 1e12;
constexpr std::int64_t kMostPositions = std::int64_t{1} << 32;

struct ScalingName {
  const char* name;
  RopeConfig::Scaling scaling;
};
constexpr ScalingName kScalings[] = {
    {"default", RopeConfig::Scaling::kNone},    {"linear", RopeConfig::Scaling::kLinear},
    {"dynamic", RopeConfig::Scaling::kDynamic}, {"llama3", RopeConfig::Scaling::kLlama3},
    {"yarn", RopeConfig::Scaling::kYarn},       {"longrope", RopeConfig::Scaling::kLongRope}};

RopeConfig::Scaling ReadScaling(FieldReader& part, const RopeDefaults& defaults) {
  // "type" is the older spelling.
  std::string name = part.String("rope_type", part.String("type", "default"));
  if (defaults.old_long_names && (name == "su" || name == "yarn")) name = "longrope";
  std::string known;
  for (const ScalingName& scaling : kScalings) {
    if (name == scaling.name) return scaling.scaling;
    absl::StrAppend(&known, known.empty() ? "" : ", ", "\"", scaling.name, "\"");
  }
  part.Unsupported(absl::StrCat("\"rope_type\" is \"", name, "\"; supported are ", known));
  return RopeConfig::Scaling::kNone;
}

void ReadLlama3(FieldReader& part, RopeConfig& rope) {
  rope.low_freq_factor = part.Number("low_freq_factor", std::nullopt, 1e-6, kMostFactor);
  rope.high_freq_factor = part.Number("high_freq_factor", std::nullopt, 1e-6, kMostFactor);
  if (part.ok() && rope.high_freq_factor <= rope.low_freq_factor) {
    part.Invalid(absl::StrCat("\"high_freq_factor\" is ", rope.high_freq_factor,
                              ", expected more than low_freq_factor, ", rope.low_freq_factor));
  }
}

double YarnAttention(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

void ReadYarn(FieldReader& part, RopeConfig& rope) {
  rope.beta_fast = part.Number("beta_fast", 32.0, 1e-6, kMostFactor);
  rope.beta_slow = part.Number("beta_slow", 1.0, 1e-6, kMostFactor);
  rope.truncate = part.Bool("truncate", true);
  const double mscale = part.Number("mscale", 0.0, 0.0, kMostFactor);
  const double of_all = part.Number("mscale_all_dim", 0.0, 0.0, kMostFactor);
  const double usual = mscale > 0 && of_all > 0
                           ? YarnAttention(rope.factor, mscale) / YarnAttention(rope.factor, of_all)
                           : YarnAttention(rope.factor, 1.0);
  rope.attention_factor = part.Number("attention_factor", usual, 1e-6, kMostFactor);
}

void ReadLongRope(FieldReader& part, RopeConfig& rope) {
  const auto pairs = static_cast<std::size_t>(rope.dimensions / 2);
  rope.short_factors = part.Numbers("short_factor", pairs, 1e-6, kMostFactor);
  rope.long_factors = part.Numbers("long_factor", pairs, 1e-6, kMostFactor);
  const auto original = static_cast<double>(rope.original_max_positions);
  const double usual =
      rope.factor <= 1 || original <= 1 ? 1.0 : std::sqrt(1 + std::log(rope.factor) / std::log(original));
  rope.attention_factor = part.Number("attention_factor", usual, 1e-6, kMostFactor);
}

// One object of parameters; `root` has what older files say beside it.
RopeConfig ReadPart(FieldReader& root, FieldReader& part, double theta, const RopeDefaults& defaults,
                    const ModelConfig& config) {
  using Scaling = RopeConfig::Scaling;
  RopeConfig rope;
  rope.theta = part.Number("rope_theta", theta, 1.0, kMostTheta);
  const double partial =
      part.Number("partial_rotary_factor", root.Number("partial_rotary_factor", 1.0, 0.0, 1.0), 0.0, 1.0);
  if (partial != 1.0 && !defaults.partial) part.Unsupported("\"partial_rotary_factor\" must be 1 in this architecture");
  rope.dimensions = static_cast<std::int64_t>(static_cast<double>(config.head_dim) * partial);
  if (rope.dimensions % 2 != 0 || rope.dimensions < 2) {
    part.Invalid(absl::StrCat("RoPE turns ", rope.dimensions, " dimensions of a head of ", config.head_dim,
                              ", expected an even number of at least 2"));
    return rope;
  }
  rope.scaling = ReadScaling(part, defaults);
  if (rope.scaling == Scaling::kNone) return rope;
  const std::int64_t usual =
      defaults.original_max_positions > 0 ? defaults.original_max_positions : config.max_positions;
  const char* const original = "original_max_position_embeddings";
  rope.original_max_positions = root.Has(original) || defaults.original_max_positions > 0
                                    ? root.Int(original, usual, 1, kMostPositions)
                                    : part.Int(original, usual, 1, kMostPositions);
  if (rope.scaling == Scaling::kDynamic) rope.original_max_positions = config.max_positions;
  if (!root.ok() || !part.ok()) return rope;
  std::optional<double> factor;
  if (rope.scaling == Scaling::kYarn || rope.scaling == Scaling::kLongRope) {
    factor = static_cast<double>(config.max_positions) / static_cast<double>(rope.original_max_positions);
  }
  rope.factor = part.Number("factor", factor, 1e-6, kMostFactor);
  if (rope.scaling == Scaling::kDynamic && rope.dimensions < 4) part.Invalid("dynamic RoPE needs heads of 4 or more");
  if (rope.scaling == Scaling::kLlama3) ReadLlama3(part, rope);
  if (rope.scaling == Scaling::kYarn) ReadYarn(part, rope);
  if (rope.scaling == Scaling::kLongRope) ReadLongRope(part, rope);
  return rope;
}

}  // namespace

void ReadRope(FieldReader& root, const RopeDefaults& defaults, ModelConfig& config) {
  const char* const name = root.Has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const Json none = Json::object();
  const Json* whole = FindField(root.object(), name);
  if (whole == nullptr) whole = &none;
  const std::string place = absl::StrCat(root.where(), ": ", name);
  const double theta = root.Number("rope_theta", defaults.theta, 1.0, kMostTheta);
  const double local = root.Number("rope_local_base_freq", defaults.window_theta, 0.0, kMostTheta);
  const auto read = [&](const Json& object, double fallback) {
    FieldReader part(object, place);
    if (!object.is_object()) {
      root.Keep(absl::InvalidArgumentError(absl::StrCat(place, " must be an object")));
      return RopeConfig{};
    }
    RopeConfig rope = ReadPart(root, part, fallback, defaults, config);
    root.Keep(part.status());
    return rope;
  };
  const Json* full = FindField(*whole, "full_attention");
  const Json* sliding = FindField(*whole, "sliding_attention");
  if (full == nullptr && sliding == nullptr) {
    config.rope = read(*whole, theta);
    // Scaling is for layers that see everything.
    if (defaults.window_theta > 0) config.window_rope = read(none, local);
    return;
  }
  config.rope = read(full == nullptr ? none : *full, theta);
  config.window_rope = read(sliding == nullptr ? none : *sliding, defaults.window_theta > 0 ? local : theta);
}

}  // namespace lorasweep::text
