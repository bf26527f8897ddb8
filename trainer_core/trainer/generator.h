#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/tokenized_data.h"
#include "trainer_core/trainer/token_sampler.h"
#include "trainer_core/trainer/trainer.h"

// Texts from a base model, and how probable texts are to it, with adapters or without. Free of torch.
//
//   auto generator = MakeGenerator({.device = "auto"}, model_folder);
//   absl::Status loaded = (*generator)->UseAdapters({"", adapter_folder});  // slot 0: the base alone; slot 1
//   auto answer = (*generator)->Generate({.prompt = tokenizer.Encode(prompt), .slot = 1}, [&](std::int32_t id) {
//     Print(id);
//     return true;
//   });
namespace lorasweep::trainer {

struct GenerationOptions {
  std::int64_t max_new_tokens = 256;
  SamplingOptions sampling = {};
  std::uint64_t seed = 0;                         // of sampling; the same seed gives the same text
  std::vector<std::int32_t> extra_stop_ids = {};  // beside the model's own eos ids
};

struct GenerationRequest {
  std::vector<std::int32_t> prompt = {};  // at least one id
  std::size_t slot = 0;                   // of the adapters in use
  GenerationOptions options = {};
};

struct Generation {
  enum class Ending { kStopId, kLength, kCancelled };
  std::vector<std::int32_t> ids;  // new ones, with the stop id that ended it
  Ending ending = Ending::kLength;
};

// A text that goes on by a token.
struct NewToken {
  std::int64_t text = 0;  // as Begin numbered it
  std::int32_t id = 0;
  std::optional<Generation::Ending> ending = {};  // it was the text's last
};

// Told of every new id at once; false ends the generation.
using TokenCallback = std::function<bool(std::int32_t id)>;

// Makes several texts at once, each with keys and values of its own, of any of the adapters in use: the base model's
// matrix products are done together for all. What else is under way changes a text in its last bits only: in fp32 it is
// the one that is made alone; in bf16 a near tie between two tokens may fall the other way.
// Not thread safe: one call at a time.
class TextMaker {
 public:
  virtual ~TextMaker() = default;

  // Begins a text, which ends with one of the model's eos ids (config.json and generation_config.json), an extra stop
  // id, or after max_new_tokens. What its prompt has in common with the beginning of a text that has ended in the slot
  // is not computed again. Its number. Errors: InvalidArgument (an id, an option, a slot, a text longer than learned
  // positions).
  virtual absl::StatusOr<std::int64_t> Begin(const GenerationRequest& request) = 0;
  // The next token of texts under way, of each but those whose prompts are too much for one step with the others.
  // Empty: none is under way. Errors: ResourceExhausted; the texts are as they were.
  virtual absl::StatusOr<std::vector<NewToken>> Step() = 0;
  // Ends a text that is under way.
  virtual void End(std::int64_t text) = 0;
  // Drops all texts, with their keys and values.
  virtual void Forget() = 0;

  // One text from its beginning to its end, while no other is under way. Errors as Begin's and Step's.
  absl::StatusOr<Generation> Generate(const GenerationRequest& request, const TokenCallback& on_token);
  // Many, while no other is under way: as many at once as pay, a next one begins where one ends. `on_text` is told of
  // each when it has ended, with its place among the requests. Where memory runs out, with fewer at once.
  absl::Status GenerateAll(const std::vector<GenerationRequest>& requests,
                           const std::function<void(std::size_t place, const Generation& text)>& on_text);
};

// A model that is there for texts alone.
class Generator : public TextMaker {
 public:
  // From now on with these adapters, PEFT folders, one a slot; an empty path: the base alone, as it is without a call.
  // Texts under way are dropped. Errors: those of ReadAdapter; then all slots are gone but the base alone in slot 0.
  virtual absl::Status UseAdapters(const std::vector<std::filesystem::path>& folders) = 0;
  // The loss of each text on its learned tokens, as a trainer's validation computes it, one result a slot; several
  // texts go through the model at a time. Errors as Begin's and Step's.
  virtual absl::StatusOr<std::vector<ValidationLoss>> Losses(const std::vector<text::Sequence>& texts) = 0;
  // "cpu bf16": what it computes on and in.
  virtual std::string description() const = 0;
};

// So many texts pay at once on any device, and keep what is kept of them within reason.
inline constexpr std::size_t kTextsAtOnce = 32;

// Loads the model as MakeTrainer does; micro_batch_tokens has no meaning here.
absl::StatusOr<std::unique_ptr<Generator>> MakeGenerator(const TrainerOptions& options,
                                                         const std::filesystem::path& model_folder);

}  // namespace lorasweep::trainer
