#include "worker/trial_setup.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_coordinator.h"

namespace lorasweep::worker {
namespace {

using testing::MakeLease;

TEST_CASE("Every training setting of a lease reaches the trainer", "[worker]") {
  v1::Lease lease = MakeLease(1, 40);
  v1::TrainingSpec& training = *lease.mutable_spec()->mutable_training();
  training.set_batch_size(6);
  training.set_learning_rate(3e-4);
  training.set_warmup(0.1);
  training.set_schedule("cosine");
  training.set_num_cycles(2);
  training.set_power(3);
  training.set_lr_end(1e-6);
  training.set_min_lr(1e-5);
  training.set_min_lr_rate(0.5);
  training.set_timescale(70);
  training.set_decay_steps(0.2);
  training.set_decay_type("1-sqrt");
  training.set_optimizer("lion_32bit");
  training.set_momentum(0.9);
  training.set_loraplus_lr_ratio(16);
  training.set_loraplus_lr_embedding(1e-5);
  training.set_weight_decay(0.01);
  training.set_adam_beta1(0.8);
  training.set_adam_beta2(0.95);
  training.set_adam_epsilon(1e-6);
  training.set_max_grad_norm(0.5);
  training.set_label_smoothing(0.1);
  training.set_neftune_noise_alpha(5);
  training.set_lora_rank(8);
  training.set_lora_alpha(24);
  training.set_lora_dropout(0.05);
  training.add_target_modules("q_proj");
  training.add_target_modules("v_proj");
  training.add_exclude_modules("k_proj");
  training.add_modules_to_save("lm_head");
  training.set_ensure_weight_tying(true);
  training.set_bias("lora_only");
  training.add_layers_to_transform(3);
  training.add_rank_pattern("q_proj=4");
  training.add_alpha_pattern("a=b=0.5");
  training.set_use_rslora(true);
  training.set_use_dora(true);
  training.set_init_lora_weights("pissa_niter_4");
  training.set_adapter("/adapters/a");
  training.set_eval_every(10);
  training.set_save_every(0);
  training.set_load_best_model_at_end(true);
  training.set_early_stopping_patience(3);
  training.set_early_stopping_threshold(0.01);
  const absl::StatusOr<trainer::TrainConfig> config = ConfigFromLease(lease);
  REQUIRE(config.ok());
  CHECK(config->max_steps == 40);
  CHECK(config->batch_size == 6);
  CHECK(config->load_best_model_at_end);
  CHECK(config->early_stopping_patience == 3);
  CHECK(config->early_stopping_threshold == 0.01);
  CHECK(config->learning_rate == 3e-4);
  CHECK(config->warmup == 0.1);
  CHECK(config->schedule == trainer::Schedule::kCosine);
  CHECK(config->num_cycles == 2);
  CHECK(config->power == 3);
  CHECK(config->lr_end == 1e-6);
  CHECK(config->min_lr == 1e-5);
  CHECK(config->min_lr_rate == 0.5);
  CHECK(config->timescale == 70);
  CHECK(config->decay_steps == 0.2);
  CHECK(config->decay_type == trainer::DecayShape::kOneMinusSqrt);
  CHECK(config->optimizer == trainer::Optimizer::kLion);
  CHECK(config->momentum == 0.9);
  CHECK(config->loraplus_lr_ratio == 16);
  CHECK(config->loraplus_lr_embedding == 1e-5);
  CHECK(config->weight_decay == 0.01);
  CHECK(config->adam_beta1 == 0.8);
  CHECK(config->adam_beta2 == 0.95);
  CHECK(config->adam_epsilon == 1e-6);
  CHECK(config->max_grad_norm == 0.5);
  CHECK(config->label_smoothing == 0.1);
  CHECK(config->neftune_noise_alpha == 5);
  CHECK(config->lora_rank == 8);
  CHECK(config->lora_alpha == 24);
  CHECK(config->lora_dropout == 0.05);
  CHECK(config->target_modules == std::vector<std::string>{"q_proj", "v_proj"});
  CHECK(config->exclude_modules == std::vector<std::string>{"k_proj"});
  CHECK(config->whole.modules_to_save == std::vector<std::string>{"lm_head"});
  CHECK(config->whole.ensure_weight_tying);
  CHECK(config->whole.bias == text::BiasTraining::kLoraOnly);
  CHECK(config->layers_to_transform == std::vector<std::int64_t>{3});
  CHECK(config->rank_pattern == std::vector<std::pair<std::string, double>>{{"q_proj", 4}});
  CHECK(config->alpha_pattern == std::vector<std::pair<std::string, double>>{{"a=b", 0.5}});
  CHECK(config->use_rslora);
  CHECK(config->use_dora);
  CHECK(config->init_lora_weights.kind == trainer::InitKind::kPissa);
  CHECK(config->init_lora_weights.pissa_niter == 4);
  CHECK(config->adapter == "/adapters/a");
  CHECK(config->eval_every == 10);
  CHECK(config->save_every == 0);
}

TEST_CASE("A trial with twice the sweep's batch size evaluates after half as many of its steps", "[worker]") {
  v1::Lease lease = MakeLease(1, 40);
  lease.mutable_spec()->mutable_training()->set_batch_size(8);
  lease.mutable_spec()->mutable_training()->set_eval_every(10);
  lease.mutable_spec()->mutable_training()->set_save_every(1);
  lease.set_max_steps(20);
  const absl::StatusOr<trainer::TrainConfig> config = ConfigFromLease(lease);
  REQUIRE(config.ok());
  CHECK(config->max_steps == 20);
  CHECK(config->eval_every == 5);
  CHECK(config->save_every == 1);
}

TEST_CASE("Words that no setting has are refused by name", "[worker]") {
  v1::Lease lease = MakeLease(1);
  lease.mutable_spec()->mutable_training()->set_schedule("zigzag");
  CHECK_THAT(std::string{ConfigFromLease(lease).status().message()},
             Catch::Contains("training.schedule") && Catch::Contains("zigzag") && Catch::Contains("cosine"));
  lease = MakeLease(1);
  lease.mutable_spec()->mutable_training()->set_precision("fp12");
  CHECK_THAT(std::string{SetupFromLease(lease).status().message()}, Catch::Contains("fp12"));
  lease = MakeLease(1);
  lease.set_max_steps(0);
  CHECK(absl::IsInvalidArgument(ConfigFromLease(lease).status()));
  lease = MakeLease(1);
  lease.mutable_spec()->clear_model();
  CHECK(absl::IsInvalidArgument(SetupFromLease(lease).status()));
}

TEST_CASE("Trials share a trainer when model, data and precision are equal, whatever else differs", "[worker]") {
  const v1::Lease first = MakeLease(1);
  v1::Lease second = MakeLease(2);
  second.mutable_spec()->mutable_training()->set_learning_rate(0.5);
  second.mutable_spec()->mutable_training()->set_lora_rank(64);
  const auto key = [](const v1::Lease& lease) { return SetupFromLease(lease)->key; };
  CHECK(key(first) == key(second));
  v1::Lease other = first;
  other.mutable_spec()->set_model("another");
  CHECK(key(first) != key(other));
  other = first;
  other.mutable_spec()->mutable_data()->set_max_length(65);
  CHECK(key(first) != key(other));
  other = first;
  other.mutable_spec()->set_seed(1);
  CHECK(key(first) != key(other));
  other = first;
  other.mutable_spec()->mutable_training()->set_precision("fp32");
  CHECK(key(first) != key(other));
  other = first;
  other.mutable_spec()->mutable_training()->set_quantization("nf4");
  CHECK(key(first) != key(other));
  other = first;
  other.mutable_spec()->mutable_training()->set_gradient_checkpointing(true);
  CHECK(key(first) != key(other));
}

TEST_CASE("How the base model is kept reaches the trainer", "[worker]") {
  v1::Lease lease = MakeLease(1);
  CHECK(SetupFromLease(lease)->options.quantization == trainer::Quantization::kNone);
  v1::TrainingSpec& training = *lease.mutable_spec()->mutable_training();
  training.set_precision("fp16");
  training.set_quantization("nf4");
  training.set_double_quantization(false);
  training.set_gradient_checkpointing(true);
  const trainer::TrainerOptions options = SetupFromLease(lease)->options;
  CHECK(options.precision == trainer::Precision::kFp16);
  CHECK(options.quantization == trainer::Quantization::kNf4);
  CHECK_FALSE(options.double_quantization);
  CHECK(options.gradient_checkpointing);
  training.set_quantization("int3");
  CHECK_THAT(std::string{SetupFromLease(lease).status().message()}, Catch::Contains("int3") && Catch::Contains("nf4"));
}

TEST_CASE("A pack is planned for the largest rank that its sweep searches", "[worker]") {
  v1::SweepSpec spec;
  CHECK(LargestRank(spec) == 0);
  v1::ParameterSpec& rate = *spec.add_parameters();
  rate.set_name("learning_rate");
  rate.mutable_max()->set_number(0.5);
  CHECK(LargestRank(spec) == 0);
  v1::ParameterSpec& rank = *spec.add_parameters();
  rank.set_name("lora_rank");
  for (const int choice : {8, 64, 16}) rank.add_values()->set_integer(choice);
  CHECK(LargestRank(spec) == 64);
  rank.clear_values();
  rank.mutable_max()->set_number(128.0);
  CHECK(LargestRank(spec) == 128);
}

TEST_CASE("Rows in one forward pass become tokens in one", "[worker]") {
  v1::Lease lease = MakeLease(1);
  lease.mutable_spec()->mutable_training()->set_micro_batch_size(3);
  CHECK(SetupFromLease(lease)->options.micro_batch_tokens == 3 * 64);
}

}  // namespace
}  // namespace lorasweep::worker
