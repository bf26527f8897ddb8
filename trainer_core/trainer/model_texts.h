#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "trainer_core/trainer/generator.h"
#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {

// Texts of a model that somebody else has, with the adapters of a pass, a slot each, or none (slot 0).
class ModelTexts final : public TextMaker {
 public:
  // `model` outlives it. After `stop`, Step is Cancelled.
  explicit ModelTexts(Transformer& model, std::stop_token stop = {}) : model_(model), stop_(std::move(stop)) {}

  // From now on with these adapters, which outlive their use; null: the base alone. Texts under way are dropped.
  void Use(const LoraPass* pass);

  absl::StatusOr<std::int64_t> Begin(const GenerationRequest& request) override;
  absl::StatusOr<std::vector<NewToken>> Step() override;
  void End(std::int64_t text) override;
  void Forget() override;

 private:
  // A row of the cache: the text that is made there, or the last one that was.
  struct Seat {
    std::int64_t text = -1;  // its number; -1: none is under way
    std::size_t slot = 0;
    std::vector<std::int32_t> all;  // the tokens so far; the cache has those before the last step's choice
    std::int64_t made = 0;          // of them, how many are not the prompt's
    GenerationOptions options;
    std::int64_t ended = 0;  // when: the larger, the later
  };

  // How much of what the cache has of a seat's last text a prompt can go on from; its last token is always computed,
  // for its scores.
  std::int64_t Reusable(const Seat& seat, std::int64_t cached, const std::vector<std::int32_t>& prompt) const;
  // The free seat that has most of the prompt, else the one that was left first, else a new one.
  std::size_t SeatFor(const GenerationRequest& request);
  NewToken Choose(Seat& seat, std::span<float> scores);
  void Leave(Seat& seat);
  std::size_t slots() const { return pass_ == nullptr ? 1 : static_cast<std::size_t>(pass_->size()); }

  Transformer& model_;
  const std::stop_token stop_;
  const LoraPass* pass_ = nullptr;
  TokenCache cache_;  // its rows are the seats
  std::vector<Seat> seats_;
  std::int64_t next_text_ = 0;
  std::int64_t endings_ = 0;
};

}  // namespace lorasweep::trainer
