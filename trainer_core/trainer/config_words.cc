#include "trainer_core/trainer/config_words.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::trainer {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::pair<std::string_view, Schedule> kSchedules[] = {
    {"linear", Schedule::kLinear},
    {"cosine", Schedule::kCosine},
    {"cosine_with_restarts", Schedule::kCosineWithRestarts},
    {"cosine_with_min_lr", Schedule::kCosineWithMinLr},
    {"constant", Schedule::kConstant},
    {"constant_with_warmup", Schedule::kConstantWithWarmup},
    {"polynomial", Schedule::kPolynomial},
    {"inverse_sqrt", Schedule::kInverseSqrt},
    {"warmup_stable_decay", Schedule::kWarmupStableDecay},
    {"wsd", Schedule::kWarmupStableDecay},
};

constexpr std::pair<std::string_view, DecayShape> kDecayShapes[] = {
    {"linear", DecayShape::kLinear}, {"cosine", DecayShape::kCosine}, {"1-sqrt", DecayShape::kOneMinusSqrt}};

// "paged" only says where the state lies; "fused" how it is computed.
constexpr std::pair<std::string_view, Optimizer> kOptimizers[] = {
    {"adamw", Optimizer::kAdamW},
    {"adamw_torch", Optimizer::kAdamW},
    {"adamw_torch_fused", Optimizer::kAdamW},
    {"paged_adamw_32bit", Optimizer::kAdamW},
    {"adamw_8bit", Optimizer::kAdamW8bit},
    {"adamw_bnb_8bit", Optimizer::kAdamW8bit},
    {"paged_adamw_8bit", Optimizer::kAdamW8bit},
    {"sgd", Optimizer::kSgd},
    {"lion", Optimizer::kLion},
    {"lion_32bit", Optimizer::kLion},
    {"paged_lion_32bit", Optimizer::kLion},
    {"lion_8bit", Optimizer::kLion8bit},
    {"paged_lion_8bit", Optimizer::kLion8bit},
    {"adafactor", Optimizer::kAdafactor},
};

constexpr std::pair<std::string_view, text::BiasTraining> kBiases[] = {{"none", text::BiasTraining::kNone},
                                                                       {"all", text::BiasTraining::kAll},
                                                                       {"lora_only", text::BiasTraining::kLoraOnly}};

constexpr std::string_view kIterations = "pissa_niter_";
constexpr std::int64_t kMostIterations = 1000;
constexpr std::pair<std::string_view, InitKind> kInits[] = {{"true", InitKind::kDefault},
                                                            {"gaussian", InitKind::kGaussian},
                                                            {"pissa", InitKind::kPissa},
                                                            {"olora", InitKind::kOlora}};

template <typename Choice, std::size_t size>
absl::StatusOr<Choice> Parse(const std::pair<std::string_view, Choice> (&table)[size], std::string_view word) {
  std::string words;
  for (const auto& [name, choice] : table) {
    if (name == word) return choice;
    absl::StrAppend(&words, words.empty() ? "" : ", ", std::string{name});
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", std::string{word}, "\" is not allowed (one of ", words, ")"));
}

template <typename Choice, std::size_t size>
std::string_view FirstWord(const std::pair<std::string_view, Choice> (&table)[size], Choice wanted) {
  for (const auto& [name, choice] : table) {
    if (choice == wanted) return name;
  }
  return ""sv;
}

}  // namespace

absl::StatusOr<Schedule> ParseSchedule(std::string_view word) {
  return Parse(kSchedules, word);
}
absl::StatusOr<DecayShape> ParseDecayShape(std::string_view word) {
  return Parse(kDecayShapes, word);
}
absl::StatusOr<Optimizer> ParseOptimizer(std::string_view word) {
  return Parse(kOptimizers, word);
}

absl::StatusOr<text::BiasTraining> ParseBias(std::string_view word) {
  return Parse(kBiases, word);
}

absl::StatusOr<InitSettings> ParseInit(std::string_view word) {
  InitSettings init;
  if (word.starts_with(kIterations)) {
    init.kind = InitKind::kPissa;
    if (absl::SimpleAtoi(std::string{word.substr(kIterations.size())}, &init.pissa_niter) && init.pissa_niter >= 1 &&
        init.pissa_niter <= kMostIterations) {
      return init;
    }
  }
  const absl::StatusOr<InitKind> kind = Parse(kInits, word);
  if (!kind.ok()) return kind.status();
  init.kind = *kind;
  return init;
}

std::string_view Word(Schedule schedule) {
  return FirstWord(kSchedules, schedule);
}
std::string_view Word(DecayShape shape) {
  return FirstWord(kDecayShapes, shape);
}
std::string_view Word(Optimizer optimizer) {
  return FirstWord(kOptimizers, optimizer);
}

std::string_view Word(text::BiasTraining bias) {
  return FirstWord(kBiases, bias);
}

std::string Word(const InitSettings& init) {
  if (init.pissa_niter > 0) return absl::StrCat(std::string{kIterations}, init.pissa_niter);
  return std::string{FirstWord(kInits, init.kind)};
}

}  // namespace lorasweep::trainer
