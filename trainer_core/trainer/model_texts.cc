#include "trainer_core/trainer/model_texts.h"

#include <algorithm>
#include <optional>

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "trainer_core/trainer/seeds.h"
#include "trainer_core/trainer/torch_guard.h"

namespace lorasweep::trainer {
namespace {

constexpr std::int64_t kTokensAtOnce = 2048;  // of prompts

// Whether keys that were turned in a text of `past` tokens are wrong in one of `now`: long RoPE has two tables, and
// transformers computes the whole text anew where it goes over to the other.
bool NeedsAnotherTable(const text::RopeConfig& rope, std::int64_t past, std::int64_t now) {
  return rope.scaling == text::RopeConfig::Scaling::kLongRope && past <= rope.original_max_positions &&
         now > rope.original_max_positions;
}

bool Contains(const std::vector<std::int32_t>& ids, std::int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

void ModelTexts::Use(const LoraPass* pass) {
  Forget();
  pass_ = pass;
}

absl::StatusOr<std::int64_t> ModelTexts::Begin(const GenerationRequest& request) {
  const GenerationOptions& options = request.options;
  if (request.prompt.empty()) return absl::InvalidArgumentError("the prompt has no tokens");
  if (options.max_new_tokens < 1) return absl::InvalidArgumentError("max_new_tokens must be at least 1");
  if (request.slot >= slots()) return absl::InvalidArgumentError(absl::StrCat("there is no adapter ", request.slot));
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

absl::StatusOr<std::vector<NewToken>> ModelTexts::Step() {
  if (stop_.stop_requested()) return absl::CancelledError("stopped");
  return TorchGuard([&]() -> absl::StatusOr<std::vector<NewToken>> {
    std::vector<std::vector<RowTokens>> texts(slots());
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
    const at::Tensor scores =
        model_.Logits(model_.Continue(texts, pass_, cache_), pass_).to(at::kFloat).cpu().contiguous();
    const auto vocabulary = static_cast<std::size_t>(scores.size(2));
    for (std::size_t slot = 0; slot < slots(); ++slot) {
      float* row = scores.select(0, static_cast<std::int64_t>(slot)).mutable_data_ptr<float>();
      for (const RowTokens& text : texts[slot]) {
        chosen.push_back(Choose(seats_[text.row], {row, vocabulary}));
        row += vocabulary;
      }
    }
    return chosen;
  });
}

void ModelTexts::End(std::int64_t text) {
  for (Seat& seat : seats_) {
    if (seat.text == text) Leave(seat);
  }
}

void ModelTexts::Forget() {
  seats_.clear();
  cache_ = {};
}

std::int64_t ModelTexts::Reusable(const Seat& seat, std::int64_t cached,
                                  const std::vector<std::int32_t>& prompt) const {
  const text::RopeConfig& rope = model_.config().rope;
  // Keys of long RoPE's other table, or of dynamic RoPE at another length, are of no use.
  if (rope.scaling == text::RopeConfig::Scaling::kDynamic) return 0;
  if (rope.scaling == text::RopeConfig::Scaling::kLongRope && cached > rope.original_max_positions) return 0;
  const auto most = std::min(static_cast<std::size_t>(cached), prompt.size() - 1);
  std::size_t common = 0;
  while (common < most && seat.all[common] == prompt[common]) ++common;
  return static_cast<std::int64_t>(common);
}

std::size_t ModelTexts::SeatFor(const GenerationRequest& request) {
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

NewToken ModelTexts::Choose(Seat& seat, std::span<float> scores) {
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

void ModelTexts::Leave(Seat& seat) {
  seat.text = -1;
  seat.ended = ++endings_;
}

}  // namespace lorasweep::trainer
