#include "worker/trial_setup.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/pack_key.h"
#include "trainer_core/trainer/config_words.h"

namespace lorasweep::worker {
namespace {

// An interval in steps at the sweep's batch size, in the trial's own steps; 0 stays 0.
std::int64_t ScaleInterval(std::int64_t interval, double scale) {
  if (interval <= 0) return 0;
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(interval) * scale));
}

// A choice by its word; errors name the setting.
template <typename Choice>
absl::Status Choose(const char* setting, const absl::StatusOr<Choice>& parsed, Choice* choice) {
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("training.", setting, ": ", std::string{parsed.status().message()}));
  }
  *choice = *parsed;
  return absl::OkStatus();
}

// The words among the settings.
absl::Status ReadChoices(const v1::TrainingSpec& training, trainer::TrainConfig* config) {
  absl::Status status;
  if (training.has_schedule()) {
    status.Update(Choose("schedule", trainer::ParseSchedule(training.schedule()), &config->schedule));
  }
  if (training.has_decay_type()) {
    status.Update(Choose("decay_type", trainer::ParseDecayShape(training.decay_type()), &config->decay_type));
  }
  if (training.has_optimizer()) {
    status.Update(Choose("optimizer", trainer::ParseOptimizer(training.optimizer()), &config->optimizer));
  }
  if (training.has_bias()) {
    status.Update(Choose("bias", trainer::ParseBias(training.bias()), &config->whole.bias));
  }
  if (training.has_init_lora_weights()) {
    status.Update(
        Choose("init_lora_weights", trainer::ParseInit(training.init_lora_weights()), &config->init_lora_weights));
  }
  return status;
}

// "q_proj=8" as a pair.
absl::Status ReadPatterns(const char* setting, const google::protobuf::RepeatedPtrField<std::string>& texts,
                          std::vector<std::pair<std::string, double>>* patterns) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    double number = 0;
    if (equals == std::string::npos || equals == 0 || !absl::SimpleAtod(text.substr(equals + 1), &number) ||
        !(number > 0 && number <= 1e6)) {
      return absl::InvalidArgumentError(
          absl::StrCat("training.", setting, ": \"", text, "\" is not allowed (pattern=number, as in q_proj=8)"));
    }
    patterns->emplace_back(text.substr(0, equals), number);
  }
  return absl::OkStatus();
}

// Which modules get an adapter, and what each one's is like.
absl::Status ReadTargets(const v1::TrainingSpec& training, trainer::TrainConfig* config) {
  if (!training.target_modules().empty()) {
    config->target_modules.assign(training.target_modules().begin(), training.target_modules().end());
  }
  config->exclude_modules.assign(training.exclude_modules().begin(), training.exclude_modules().end());
  config->whole.modules_to_save.assign(training.modules_to_save().begin(), training.modules_to_save().end());
  config->whole.ensure_weight_tying = training.ensure_weight_tying();
  for (const double layer : training.layers_to_transform()) {
    if (layer != std::floor(layer) || layer < 0 || layer > 1e6) {
      return absl::InvalidArgumentError(absl::StrCat("training.layers_to_transform: ", layer, " is no layer"));
    }
    config->layers_to_transform.push_back(static_cast<std::int64_t>(layer));
  }
  absl::Status status = ReadPatterns("rank_pattern", training.rank_pattern(), &config->rank_pattern);
  status.Update(ReadPatterns("alpha_pattern", training.alpha_pattern(), &config->alpha_pattern));
  return status;
}

absl::StatusOr<trainer::Precision> ToPrecision(const std::string& word) {
  if (word == "auto") return trainer::Precision::kAuto;
  if (word == "bf16") return trainer::Precision::kBf16;
  if (word == "fp16") return trainer::Precision::kFp16;
  if (word == "fp32") return trainer::Precision::kFp32;
  return absl::InvalidArgumentError(
      absl::StrCat("training.precision: \"", word, "\" is not allowed (one of auto, bf16, fp16, fp32)"));
}

absl::StatusOr<trainer::Quantization> ToQuantization(const std::string& word) {
  if (word == "none") return trainer::Quantization::kNone;
  if (word == "nf4") return trainer::Quantization::kNf4;
  if (word == "fp4") return trainer::Quantization::kFp4;
  if (word == "int8") return trainer::Quantization::kInt8;
  return absl::InvalidArgumentError(
      absl::StrCat("training.quantization: \"", word, "\" is not allowed (one of none, nf4, fp4, int8)"));
}

}  // namespace

absl::StatusOr<trainer::TrainConfig> ConfigFromLease(const v1::Lease& lease) {
  const v1::TrainingSpec& training = lease.spec().training();
  if (lease.max_steps() < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_steps of ", lease.trial(), ": ", lease.max_steps(), " is not allowed (at least 1)"));
  }
  trainer::TrainConfig config;
  config.max_steps = lease.max_steps();
  if (training.has_batch_size()) config.batch_size = training.batch_size();
  if (training.has_learning_rate()) config.learning_rate = training.learning_rate();
  if (training.has_warmup()) config.warmup = training.warmup();
  if (absl::Status chosen = ReadChoices(training, &config); !chosen.ok()) return chosen;
  if (training.has_num_cycles()) config.num_cycles = training.num_cycles();
  if (training.has_power()) config.power = training.power();
  if (training.has_lr_end()) config.lr_end = training.lr_end();
  if (training.has_min_lr()) config.min_lr = training.min_lr();
  if (training.has_min_lr_rate()) config.min_lr_rate = training.min_lr_rate();
  if (training.has_timescale()) config.timescale = training.timescale();
  if (training.has_decay_steps()) config.decay_steps = training.decay_steps();
  if (training.has_momentum()) config.momentum = training.momentum();
  if (training.has_loraplus_lr_ratio()) config.loraplus_lr_ratio = training.loraplus_lr_ratio();
  if (training.has_loraplus_lr_embedding()) config.loraplus_lr_embedding = training.loraplus_lr_embedding();
  if (training.has_weight_decay()) config.weight_decay = training.weight_decay();
  if (training.has_adam_beta1()) config.adam_beta1 = training.adam_beta1();
  if (training.has_adam_beta2()) config.adam_beta2 = training.adam_beta2();
  if (training.has_adam_epsilon()) config.adam_epsilon = training.adam_epsilon();
  if (training.has_max_grad_norm()) config.max_grad_norm = training.max_grad_norm();
  if (training.has_label_smoothing()) config.label_smoothing = training.label_smoothing();
  if (training.has_neftune_noise_alpha()) config.neftune_noise_alpha = training.neftune_noise_alpha();
  if (training.has_lora_rank()) config.lora_rank = training.lora_rank();
  if (training.has_lora_alpha()) config.lora_alpha = training.lora_alpha();
  if (training.has_lora_dropout()) config.lora_dropout = training.lora_dropout();
  if (training.has_load_best_model_at_end()) config.load_best_model_at_end = training.load_best_model_at_end();
  if (training.has_early_stopping_patience()) config.early_stopping_patience = training.early_stopping_patience();
  if (training.has_early_stopping_threshold()) config.early_stopping_threshold = training.early_stopping_threshold();
  if (training.has_use_rslora()) config.use_rslora = training.use_rslora();
  if (training.has_use_dora()) config.use_dora = training.use_dora();
  if (training.has_samples()) config.samples = training.samples();
  if (training.has_samples_tokens()) config.samples_tokens = training.samples_tokens();
  if (training.has_adapter()) config.adapter = training.adapter();
  if (absl::Status read = ReadTargets(training, &config); !read.ok()) return read;
  const double scale = training.max_steps() > 0
                           ? static_cast<double>(lease.max_steps()) / static_cast<double>(training.max_steps())
                           : 1.0;
  config.eval_every = ScaleInterval(training.has_eval_every() ? training.eval_every() : config.eval_every, scale);
  config.save_every = ScaleInterval(training.has_save_every() ? training.save_every() : config.save_every, scale);
  return config;
}

absl::StatusOr<TrialSetup> SetupFromLease(const v1::Lease& lease) {
  const v1::SweepSpec& spec = lease.spec();
  if (spec.model().empty()) return absl::InvalidArgumentError("model: missing");
  if (spec.data().train().empty()) return absl::InvalidArgumentError("data.train: missing");
  TrialSetup setup;
  setup.model = spec.model();
  setup.data = spec.data();
  setup.seed = static_cast<std::uint64_t>(spec.seed());
  const v1::TrainingSpec& training = spec.training();
  trainer::TrainerOptions& options = setup.options;
  if (training.has_precision()) {
    const absl::StatusOr<trainer::Precision> precision = ToPrecision(training.precision());
    if (!precision.ok()) return precision.status();
    options.precision = *precision;
  }
  if (training.has_quantization()) {
    const absl::StatusOr<trainer::Quantization> quantization = ToQuantization(training.quantization());
    if (!quantization.ok()) return quantization.status();
    options.quantization = *quantization;
  }
  if (training.has_double_quantization()) options.double_quantization = training.double_quantization();
  options.gradient_checkpointing = training.gradient_checkpointing();
  options.micro_batch_tokens = training.micro_batch_size() * spec.data().max_length();
  setup.data_files.assign(spec.data().train().begin(), spec.data().train().end());
  for (const v1::Split* split : {&spec.data().validation(), &spec.data().test()}) {
    setup.data_files.insert(setup.data_files.end(), split->files().paths().begin(), split->files().paths().end());
  }
  if (spec.data().has_chat_template()) setup.data_files.push_back(spec.data().chat_template());
  setup.key = proto::PackKey(spec);
  return setup;
}

std::int64_t LargestRank(const v1::SweepSpec& spec) {
  const auto whole = [](const v1::Value& value) {
    return value.has_number() ? static_cast<std::int64_t>(std::clamp(value.number(), 0.0, 1024.0)) : value.integer();
  };
  std::int64_t largest = 0;
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    if (parameter.name() != "lora_rank") continue;
    for (const v1::Value& value : parameter.values()) largest = std::max(largest, whole(value));
    if (parameter.has_max()) largest = std::max(largest, whole(parameter.max()));
  }
  return largest;
}

}  // namespace lorasweep::worker
