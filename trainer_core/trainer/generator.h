#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/trainer/token_sampler.h"
#include "trainer_core/trainer/trainer.h"

// Text from a base model, and how probable texts are to it, with an adapter or without. Free of torch.
//
//   auto generator = MakeGenerator({.device = "auto"}, model_folder);
//   absl::Status loaded = (*generator)->UseAdapter(adapter_folder);
//   auto answer = (*generator)->Generate(tokenizer.Encode(prompt), {.max_new_tokens = 200}, [&](std::int32_t id) {
//     Print(decoder.Add(id));
//     return true;
//   });
namespace lorasweep::trainer {

struct GenerationOptions {
  std::int64_t max_new_tokens = 256;
  SamplingOptions sampling = {};
  std::uint64_t seed = 0;                         // of sampling; the same seed gives the same text
  std::vector<std::int32_t> extra_stop_ids = {};  // beside the model's own eos ids
};

struct Generation {
  enum class Ending { kStopId, kLength, kCancelled };
  std::vector<std::int32_t> ids;  // new ones, with the stop id that ended it
  Ending ending = Ending::kLength;
};

// Told of every new id at once; false ends the generation.
using TokenCallback = std::function<bool(std::int32_t id)>;

// Not thread safe: one call at a time.
class Generator {
 public:
  virtual ~Generator() = default;
  // From now on with the adapter of a PEFT folder; an empty path: the base alone. Errors: those of ReadAdapter.
  virtual absl::Status UseAdapter(const std::filesystem::path& folder) = 0;
  // Continues `prompt` (at least one id) until one of the model's eos ids (config.json and generation_config.json), an
  // extra stop id, or max_new_tokens. Keys and values are cached, and a prompt that goes on from the text of the last
  // call reuses them. Errors: InvalidArgument (an id, an option, a text longer than learned positions),
  // ResourceExhausted.
  virtual absl::StatusOr<Generation> Generate(const std::vector<std::int32_t>& prompt, const GenerationOptions& options,
                                              const TokenCallback& on_token) = 0;
  // The loss of each text on its learned tokens, as a trainer's validation computes it; several texts go through the
  // model at a time. Errors as Generate's.
  virtual absl::StatusOr<ValidationLoss> Losses(const std::vector<text::Sequence>& texts) = 0;
  // "cpu bf16": what it computes on and in.
  virtual std::string description() const = 0;
};

// Loads the model as MakeTrainer does; micro_batch_tokens has no meaning here.
absl::StatusOr<std::unique_ptr<Generator>> MakeGenerator(const TrainerOptions& options,
                                                         const std::filesystem::path& model_folder);

}  // namespace lorasweep::trainer
