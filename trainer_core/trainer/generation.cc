#include <algorithm>
#include <deque>
#include <map>
#include <numeric>

#include "trainer_core/trainer/generator.h"

namespace lorasweep::trainer {
namespace {

// Tokens of which keys and values are kept at once, at most: of a model of 8 billion parameters 2 GB.
constexpr std::int64_t kTokensKept = 16384;

std::size_t TextsAtOnce(const std::vector<GenerationRequest>& requests) {
  std::int64_t longest = 1;
  for (const GenerationRequest& request : requests) {
    const auto prompt = static_cast<std::int64_t>(request.prompt.size());
    longest = std::max(longest, prompt + std::min(request.options.max_new_tokens, kTokensKept));
  }
  return std::clamp<std::size_t>(static_cast<std::size_t>(kTokensKept / longest), 1, kTextsAtOnce);
}

}  // namespace

absl::StatusOr<Generation> TextMaker::Generate(const GenerationRequest& request, const TokenCallback& on_token) {
  const absl::StatusOr<std::int64_t> text = Begin(request);
  if (!text.ok()) return text.status();
  Generation generation;
  while (true) {
    const absl::StatusOr<std::vector<NewToken>> tokens = Step();
    if (!tokens.ok()) {
      Forget();
      return tokens.status();
    }
    for (const NewToken& token : *tokens) {
      generation.ids.push_back(token.id);
      const bool wanted = !on_token || on_token(token.id);
      if (token.ending || !wanted) {
        if (!token.ending) End(*text);
        generation.ending = token.ending.value_or(Generation::Ending::kCancelled);
        return generation;
      }
    }
  }
}

absl::Status TextMaker::GenerateAll(const std::vector<GenerationRequest>& requests,
                                    const std::function<void(std::size_t place, const Generation& text)>& on_text) {
  struct Text {
    std::size_t place = 0;
    Generation made = {};
  };
  std::deque<std::size_t> waiting(requests.size());
  std::iota(waiting.begin(), waiting.end(), std::size_t{0});
  std::map<std::int64_t, Text> under_way;
  std::size_t at_once = TextsAtOnce(requests);
  while (!waiting.empty() || !under_way.empty()) {
    while (!waiting.empty() && under_way.size() < at_once) {
      const absl::StatusOr<std::int64_t> text = Begin(requests[waiting.front()]);
      if (!text.ok()) {
        Forget();
        return text.status();
      }
      under_way[*text].place = waiting.front();
      waiting.pop_front();
    }
    const absl::StatusOr<std::vector<NewToken>> tokens = Step();
    if (absl::IsResourceExhausted(tokens.status()) && at_once > 1) {
      // From their prompts again: seeds belong to places, so they come out the same.
      Forget();
      at_once /= 2;
      for (auto text = under_way.rbegin(); text != under_way.rend(); ++text) waiting.push_front(text->second.place);
      under_way.clear();
      continue;
    }
    if (!tokens.ok()) {
      Forget();
      return tokens.status();
    }
    for (const NewToken& token : *tokens) {
      const auto text = under_way.find(token.text);
      if (text == under_way.end()) continue;
      text->second.made.ids.push_back(token.id);
      if (!token.ending) continue;
      text->second.made.ending = *token.ending;
      on_text(text->second.place, text->second.made);
      under_way.erase(text);
    }
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::trainer
