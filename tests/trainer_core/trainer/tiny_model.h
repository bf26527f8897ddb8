#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/paths.h"
#include "trainer_core/text/safetensors_writer.h"
#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/trainer/trainer.h"

// A Llama small enough for milliseconds, with random weights, and data for it.
namespace lorasweep::testing {

inline constexpr int kTinyVocabulary = 64;

inline void WriteTinyModel(const std::filesystem::path& folder, std::uint64_t seed = 1) {
  constexpr std::int64_t kHidden = 32;
  constexpr std::int64_t kKeys = 16;  // 2 key heads of 8; 4 query heads
  constexpr std::int64_t kInner = 48;
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 64, "max_position_embeddings": 1024, "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0, "tie_word_embeddings": true, "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2,
    "torch_dtype": "float32"})";
  std::mt19937_64 random(seed);
  std::map<std::string, std::pair<std::vector<std::int64_t>, std::vector<float>>> weights;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, float middle, float spread) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) {
      value = middle + spread * (static_cast<float>(random() >> 40) * 0x1p-23F - 1.0F);
    }
    weights[name] = {std::move(shape), std::move(values)};
  };
  add("model.embed_tokens.weight", {kTinyVocabulary, kHidden}, 0, 1.0F);
  add("model.norm.weight", {kHidden}, 1, 0.1F);
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    add(layer + "input_layernorm.weight", {kHidden}, 1, 0.1F);
    add(layer + "post_attention_layernorm.weight", {kHidden}, 1, 0.1F);
    add(layer + "self_attn.q_proj.weight", {kHidden, kHidden}, 0, 0.3F);
    add(layer + "self_attn.k_proj.weight", {kKeys, kHidden}, 0, 0.3F);
    add(layer + "self_attn.v_proj.weight", {kKeys, kHidden}, 0, 0.3F);
    add(layer + "self_attn.o_proj.weight", {kHidden, kHidden}, 0, 0.3F);
    add(layer + "mlp.gate_proj.weight", {kInner, kHidden}, 0, 0.3F);
    add(layer + "mlp.up_proj.weight", {kInner, kHidden}, 0, 0.3F);
    add(layer + "mlp.down_proj.weight", {kHidden, kInner}, 0, 0.3F);
  }
  std::vector<text::TensorView> tensors;
  for (const auto& [name, weight] : weights) {
    tensors.push_back({.name = name,
                       .dtype = text::DType::kF32,
                       .shape = weight.first,
                       .bytes = std::as_bytes(std::span(weight.second))});
  }
  REQUIRE(text::WriteSafetensors(folder / "model.safetensors", tensors).ok());
}

// A sequence of `length` tokens below `vocabulary`; those from `learned_from` on are targets.
inline text::Sequence MakeSequence(std::uint64_t seed, std::size_t length, std::size_t learned_from,
                                   std::uint64_t vocabulary = kTinyVocabulary) {
  std::mt19937_64 random(seed);
  text::Sequence sequence;
  for (std::size_t i = 0; i < length; ++i) {
    sequence.ids.push_back(static_cast<std::int32_t>(random() % vocabulary));
    sequence.learned.push_back(i >= learned_from && i > 0 ? 1 : 0);
  }
  return sequence;
}

// `rows` training rows of one sequence each and `validation` sequences, of different lengths.
inline std::shared_ptr<text::TokenizedData> MakeData(std::size_t rows, std::size_t validation,
                                                     std::uint64_t vocabulary = kTinyVocabulary) {
  auto data = std::make_shared<text::TokenizedData>();
  data->key = "tiny";
  for (std::size_t i = 0; i < rows; ++i) {
    data->train.push_back({{MakeSequence(100 + i, 6 + 5 * (i % 4), 2 + i % 3, vocabulary)}});
  }
  for (std::size_t i = 0; i < validation; ++i) {
    data->validation.push_back(MakeSequence(500 + i, 7 + 3 * i, 3, vocabulary));
  }
  return data;
}

// Remembers everything; commands "stop" or the like at chosen steps.
class Recorder : public trainer::TrialObserver {
 public:
  trainer::Command OnProgress(std::size_t slot, const trainer::Progress& progress) override {
    reports[slot].push_back(progress);
    if (on_progress) on_progress(slot, progress);
    const auto found = commands.find({slot, progress.step});
    return found == commands.end() ? trainer::Command::kContinue : found->second;
  }
  void OnCheckpoint(std::size_t slot, std::int64_t step, const std::filesystem::path& file) override {
    checkpoints[slot].push_back(step);
    last_checkpoint = file;
  }

  std::vector<double> Losses(std::size_t slot = 0) const {
    std::vector<double> losses;
    for (const trainer::Progress& progress : reports.at(slot)) {
      if (progress.step > 0) losses.push_back(progress.train_loss);
    }
    return losses;
  }

  std::map<std::size_t, std::vector<trainer::Progress>> reports;
  std::map<std::size_t, std::vector<std::int64_t>> checkpoints;
  std::filesystem::path last_checkpoint;
  std::map<std::pair<std::size_t, std::int64_t>, trainer::Command> commands;
  std::function<void(std::size_t, const trainer::Progress&)> on_progress;
};

// One thread: on models this small, others only wait.
inline std::unique_ptr<trainer::Trainer> MakeFp32Trainer(const std::filesystem::path& model,
                                                         std::shared_ptr<const text::TokenizedData> data,
                                                         std::int64_t micro_batch_tokens = 0, int threads = 1,
                                                         trainer::Quantization quantization = {}) {
  auto made = trainer::MakeTrainer({.device = "cpu",
                                    .precision = trainer::Precision::kFp32,
                                    .quantization = quantization,
                                    .threads = threads,
                                    .micro_batch_tokens = micro_batch_tokens},
                                   model, std::move(data));
  INFO(std::string{made.status().message()});
  REQUIRE(made.ok());
  return *std::move(made);
}

inline trainer::Outcome RunOne(trainer::Trainer& trainer, const trainer::TrialJob& job, Recorder& recorder,
                               std::stop_token stop = {}) {
  auto outcomes = trainer.Run({{job}}, recorder, std::move(stop));
  INFO(std::string{outcomes.status().message()});
  REQUIRE(outcomes.ok());
  REQUIRE(outcomes->size() == 1);
  return outcomes->front();
}

}  // namespace lorasweep::testing
