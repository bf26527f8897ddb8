#include "trainer_core/trainer/generator.h"

#include <algorithm>
#include <optional>
#include <string>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/compute_type.h"
#include "trainer_core/trainer/devices.h"
#include "trainer_core/trainer/evaluation.h"
#include "trainer_core/trainer/lanes.h"
#include "trainer_core/trainer/lora_bank.h"
#include "trainer_core/trainer/seeds.h"
#include "trainer_core/trainer/torch_guard.h"
#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {
namespace {

constexpr std::int64_t kTokensAtOnce = 2048;  // of texts that are only read, and of prompts

// Whether keys that were turned in a text of `past` tokens are wrong in one of `now`: long RoPE has two tables, and
// transformers computes the whole text anew where it goes over to the other.
bool NeedsAnotherTable(const text::RopeConfig& rope, std::int64_t past, std::int64_t now) {
  return rope.scaling == text::RopeConfig::Scaling::kLongRope && past <= rope.original_max_positions &&
         now > rope.original_max_positions;
}

bool Contains(const std::vector<std::int32_t>& ids, std::int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// A row of the cache: the text that is made there, or the last one that was.
struct Seat {
  std::int64_t text = -1;  // its number; -1: none is under way
  std::size_t slot = 0;
  std::vector<std::int32_t> all;  // the tokens so far; the cache has those before the last step's choice
  std::int64_t made = 0;          // of them, how many are not the prompt's
  GenerationOptions options;
  std::int64_t ended = 0;  // when: the larger, the later
};

class TorchGenerator : public Generator {
 public:
  TorchGenerator(Transformer model, const TrainerOptions& options, std::string device)
      : model_(std::move(model)), threads_(options.threads), device_(std::move(device)) {}

  absl::Status UseAdapters(const std::vector<std::filesystem::path>& folders) override {
    return TorchGuard([&]() -> absl::Status {
      Forget();
      pass_.reset();
      bank_.reset();
      slots_ = 1;
      std::vector<SlotAdapter> slots;
      std::vector<Adapter> adapters;
      for (const std::filesystem::path& folder : folders) {
        Adapter& adapter = adapters.emplace_back();
        SlotAdapter& slot = slots.emplace_back();
        slot.modules.resize(text::ModuleNames(model_.config()).size());
        if (folder.empty()) continue;
        absl::StatusOr<Adapter> read = ReadAdapter(folder, model_.config());
        if (!read.ok()) return read.status();
        adapter = *std::move(read);
        slot = {.modules = adapter.config.modules, .whole = adapter.config.whole, .use_dora = adapter.config.use_dora};
      }
      if (folders.empty()) return absl::InvalidArgumentError("no adapter is to be used");
      slots_ = folders.size();
      if (slots_ == 1 && folders.front().empty()) return absl::OkStatus();
      bank_.emplace(model_.config(), slots, model_.device(),
                    [this](std::size_t parameter) { return model_.Parameter(parameter); });
      std::vector<std::size_t> numbers;
      for (std::size_t slot = 0; slot < slots_; ++slot) {
        if (!folders[slot].empty()) bank_->Insert(adapters[slot].values, slot, bank_->parameters());
        numbers.push_back(slot);
      }
      pass_.emplace(bank_->EvaluationPass(numbers, model_.type()));
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::int64_t> Begin(const GenerationRequest& request) override {
    const GenerationOptions& options = request.options;
    if (request.prompt.empty()) return absl::InvalidArgumentError("the prompt has no tokens");
    if (options.max_new_tokens < 1) return absl::InvalidArgumentError("max_new_tokens must be at least 1");
    if (request.slot >= slots_) return absl::InvalidArgumentError(absl::StrCat("there is no adapter ", request.slot));
    if (absl::Status valid = options.sampling.Validate(); !valid.ok()) return valid;
    if (absl::Status valid = model_.CheckIds({request.prompt.begin(), request.prompt.end()}); !valid.ok()) return valid;
    const std::size_t place = SeatFor(request);
    Seat& seat = seats_[place];
    std::int64_t& cached = cache_.tokens[place];
    cached = seat.slot == request.slot ? Reusable(seat, cached, request.prompt) : 0;
    seat.text = next_text_++;
    seat.slot = request.slot;
    seat.all = request.prompt;
    seat.made = 0;
    seat.options = options;
    return seat.text;
  }

  absl::StatusOr<std::vector<NewToken>> Step() override {
    if (threads_ > 0) UseThreads(threads_);
    return TorchGuard([&]() -> absl::StatusOr<std::vector<NewToken>> {
      std::vector<std::vector<RowTokens>> texts(slots_);
      std::int64_t tokens = 0;
      for (std::size_t place = 0; place < seats_.size(); ++place) {
        const Seat& seat = seats_[place];
        if (seat.text < 0) continue;
        std::int64_t& cached = cache_.tokens[place];
        const auto length = static_cast<std::int64_t>(seat.all.size());
        if (NeedsAnotherTable(model_.config().rope, cached, length)) cached = 0;
        if (tokens > 0 && tokens + length - cached > kTokensAtOnce) continue;
        tokens += length - cached;
        texts[seat.slot].push_back({place, {seat.all.begin() + cached, seat.all.end()}});
      }
      std::vector<NewToken> chosen;
      if (tokens == 0) return chosen;
      const LoraPass* const pass = pass_ ? &*pass_ : nullptr;
      const at::Tensor scores =
          model_.Logits(model_.Continue(texts, pass, cache_), pass).to(at::kFloat).cpu().contiguous();
      const auto vocabulary = static_cast<std::size_t>(scores.size(2));
      for (std::size_t slot = 0; slot < slots_; ++slot) {
        float* row = scores.select(0, static_cast<std::int64_t>(slot)).mutable_data_ptr<float>();
        for (const RowTokens& text : texts[slot]) {
          chosen.push_back(Choose(seats_[text.row], {row, vocabulary}));
          row += vocabulary;
        }
      }
      return chosen;
    });
  }

  void End(std::int64_t text) override {
    for (Seat& seat : seats_) {
      if (seat.text == text) Leave(seat);
    }
  }

  void Forget() override {
    seats_.clear();
    cache_ = {};
  }

  absl::StatusOr<std::vector<ValidationLoss>> Losses(const std::vector<text::Sequence>& texts) override {
    if (threads_ > 0) UseThreads(threads_);
    for (const text::Sequence& one : texts) {
      if (absl::Status valid = model_.CheckIds({one.ids.begin(), one.ids.end()}); !valid.ok()) return valid;
    }
    std::optional<Evaluator> evaluator;
    absl::Status made = TorchGuard([&] {
      evaluator.emplace(model_, texts, kTokensAtOnce, lanes_);
      return absl::OkStatus();
    });
    while (made.ok()) {
      absl::StatusOr<std::vector<ValidationLoss>> losses =
          TorchGuard([&]() -> absl::StatusOr<std::vector<ValidationLoss>> {
            return evaluator->Evaluate(model_, lanes_, pass_ ? &*pass_ : nullptr);
          });
      if (losses.ok() || !absl::IsResourceExhausted(losses.status()) || !evaluator->Shrink(model_, texts)) {
        return losses;
      }
    }
    return made;
  }

  std::string description() const override {
    return absl::StrCat(device_, model_.type() == at::kFloat  ? " fp32"
                                 : model_.type() == at::kHalf ? " fp16"
                                                              : " bf16");
  }

 private:
  // How much of what the cache has of a seat's last text a prompt can go on from; its last token is always computed,
  // for its scores.
  std::int64_t Reusable(const Seat& seat, std::int64_t cached, const std::vector<std::int32_t>& prompt) const {
    const text::RopeConfig& rope = model_.config().rope;
    // Keys of long RoPE's other table, or of dynamic RoPE at another length, are of no use.
    if (rope.scaling == text::RopeConfig::Scaling::kDynamic) return 0;
    if (rope.scaling == text::RopeConfig::Scaling::kLongRope && cached > rope.original_max_positions) return 0;
    const auto most = std::min(static_cast<std::size_t>(cached), prompt.size() - 1);
    std::size_t common = 0;
    while (common < most && seat.all[common] == prompt[common]) ++common;
    return static_cast<std::int64_t>(common);
  }

  // The free seat that has most of the prompt, else the one that was left first, else a new one.
  std::size_t SeatFor(const GenerationRequest& request) {
    std::optional<std::size_t> best;
    std::int64_t best_common = 0;
    for (std::size_t place = 0; place < seats_.size(); ++place) {
      const Seat& seat = seats_[place];
      if (seat.text >= 0) continue;
      const std::int64_t common = seat.slot == request.slot ? Reusable(seat, cache_.tokens[place], request.prompt) : 0;
      if (best && (common < best_common || (common == best_common && seat.ended > seats_[*best].ended))) continue;
      best = place;
      best_common = common;
    }
    if (best) return *best;
    seats_.emplace_back();
    cache_.tokens.push_back(0);
    return seats_.size() - 1;
  }

  NewToken Choose(Seat& seat, std::span<float> scores) {
    const text::ModelConfig& config = model_.config();
    const auto place = static_cast<std::uint64_t>(seat.all.size());
    const double unit = UnitFloat(SubSeed(seat.options.seed, place));
    NewToken token{.text = seat.text, .id = ChooseToken(scores, seat.all, seat.options.sampling, unit)};
    seat.all.push_back(token.id);
    ++seat.made;
    const bool full = config.learned_positions && static_cast<std::int64_t>(seat.all.size()) > config.max_positions;
    if (Contains(config.eos_ids, token.id) || Contains(seat.options.extra_stop_ids, token.id)) {
      token.ending = Generation::Ending::kStopId;
    } else if (full || seat.made == seat.options.max_new_tokens) {
      token.ending = Generation::Ending::kLength;
    }
    if (token.ending) Leave(seat);
    return token;
  }

  void Leave(Seat& seat) {
    seat.text = -1;
    seat.ended = ++endings_;
  }

  Transformer model_;
  int threads_;
  Lanes lanes_{1};
  std::string device_;
  std::size_t slots_ = 1;
  std::optional<LoraBank> bank_;
  std::optional<LoraPass> pass_;  // none: the base alone
  TokenCache cache_;              // its rows are the seats
  std::vector<Seat> seats_;
  std::int64_t next_text_ = 0;
  std::int64_t endings_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Generator>> MakeGenerator(const TrainerOptions& options,
                                                         const std::filesystem::path& model_folder) {
  return TorchGuard([&]() -> absl::StatusOr<std::unique_ptr<Generator>> {
    const absl::StatusOr<DeviceInfo> device = ChooseDevice(options.device);
    if (!device.ok()) return device.status();
    if (options.threads > 0) UseThreads(options.threads);
    absl::StatusOr<Transformer> model =
        Transformer::Load(model_folder, at::Device(device->name), ChooseType(options.precision, *device));
    if (!model.ok()) return model.status();
    return std::make_unique<TorchGenerator>(*std::move(model), options, device->name);
  });
}

}  // namespace lorasweep::trainer
