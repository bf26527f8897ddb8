#include "trainer_core/chat/supervision.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::chat {
namespace {

bool Overlaps(const text::TokenSpan& token, const ByteSpan& span) {
  return token.begin < span.end && token.end > span.begin;
}

// The tokens from index `first` on that overlap a target are learned; targets are in order.
Supervised Mask(std::string text, const std::vector<text::TokenSpan>& tokens, const std::vector<ByteSpan>& targets,
                std::size_t first) {
  Supervised result;
  result.sequence.ids.reserve(tokens.size());
  result.sequence.learned.assign(tokens.size(), 0);
  auto target = targets.begin();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    result.sequence.ids.push_back(tokens[i].id);
    while (target != targets.end() && target->end <= tokens[i].begin) ++target;
    if (i == 0 || i < first || target == targets.end() || !Overlaps(tokens[i], *target)) continue;
    result.sequence.learned[i] = 1;
    if (!result.learned.empty() && result.sequence.learned[i - 1] != 0) {
      result.learned.back().end = std::max(result.learned.back().end, tokens[i].end);
    } else {
      result.learned.push_back({tokens[i].begin, tokens[i].end});
    }
  }
  result.text = std::move(text);
  return result;
}

std::size_t CommonTokens(const std::vector<text::TokenSpan>& a, const std::vector<text::TokenSpan>& b) {
  const auto same = [](const text::TokenSpan& x, const text::TokenSpan& y) { return x.id == y.id; };
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end(), same).first - a.begin());
}

// Templates may have a turn in several blocks, one behind the other.
std::vector<ByteSpan> Joined(const std::vector<ByteSpan>& spans) {
  std::vector<ByteSpan> joined;
  for (const ByteSpan& span : spans) {
    if (!joined.empty() && joined.back().end == span.begin) {
      joined.back().end = span.end;
    } else {
      joined.push_back(span);
    }
  }
  return joined;
}

}  // namespace

Supervisor::Supervisor(absl::StatusOr<ChatTemplate> chat_template, SpecialTokens special_tokens,
                       text::Tokenizer tokenizer, const SupervisionOptions& options)
    : template_(std::move(chat_template)),
      special_tokens_(std::move(special_tokens)),
      tokenizer_(std::move(tokenizer)),
      options_(options) {
  if (template_.ok() && !template_->has_generation_blocks()) finder_.emplace(*template_, tokenizer_);
}

absl::StatusOr<Supervisor> Supervisor::Load(const std::filesystem::path& model_folder,
                                            const SupervisionOptions& options) {
  auto tokenizer = text::Tokenizer::Load(model_folder / "tokenizer.json");
  if (!tokenizer.ok()) return tokenizer.status();
  auto special_tokens = LoadSpecialTokens(model_folder, *tokenizer);
  if (!special_tokens.ok()) return special_tokens.status();
  auto source = ChatTemplateSource(model_folder, options.chat_template);
  if (!source.ok()) {
    if (!absl::IsNotFound(source.status()) || !options.chat_template.empty()) return source.status();
    return Supervisor(source.status(), *std::move(special_tokens), *std::move(tokenizer), options);
  }
  SpecialTokens for_template = *special_tokens;
  if (!options.chat_template.empty()) {
    // A template that is not the model's own writes a BOS where the model expects one before texts.
    const std::vector<std::int32_t> around = tokenizer->Encode("", {.add_special_tokens = true});
    const auto bos = around.empty() ? std::nullopt : tokenizer->TokenContent(around.front());
    for_template["bos_token"] = std::string(bos.value_or(""));
  }
  auto chat_template = ChatTemplate::Parse(*std::move(source), std::move(for_template));
  if (!chat_template.ok()) {
    const std::string place = options.chat_template.empty() ? model_folder.string() : options.chat_template;
    return absl::Status(chat_template.status().code(),
                        absl::StrCat(place, ": ", std::string(chat_template.status().message())));
  }
  return Supervisor(std::move(chat_template), *std::move(special_tokens), *std::move(tokenizer), options);
}

absl::StatusOr<Supervised> Supervisor::Supervise(const RowContent& row) const {
  if (const auto* chat = std::get_if<Chat>(&row)) return SuperviseChat(*chat);
  if (const auto* instruction = std::get_if<Instruction>(&row)) {
    if (template_.ok()) return SuperviseChat(AsChat(*instruction));
    Instruction prompted = *instruction;
    if (prompted.system.empty()) prompted.system = options_.system_prompt;
    return SuperviseCompletion(AsCompletion(prompted));
  }
  if (const auto* choice = std::get_if<MultipleChoice>(&row); choice != nullptr && template_.ok()) {
    return SuperviseChat(AsChat(*choice, choice->right));
  }
  if (!options_.system_prompt.empty()) {
    return absl::InvalidArgumentError("data.system_prompt has no place in plain texts, prompts and completions");
  }
  if (const auto* completion = std::get_if<Completion>(&row)) return SuperviseCompletion(*completion);
  if (const auto* choice = std::get_if<MultipleChoice>(&row)) {
    return SuperviseCompletion(AsCompletion(*choice, choice->right));
  }
  return SuperviseText(std::get<PlainText>(row));
}

std::vector<Message> Supervisor::WithSystemPrompt(std::span<const Message> messages) const {
  std::vector<Message> all;
  if (!options_.system_prompt.empty() && !messages.empty() && messages.front().role != "system") {
    all.push_back({"system", options_.system_prompt});
  }
  all.insert(all.end(), messages.begin(), messages.end());
  return all;
}

absl::StatusOr<std::size_t> Supervisor::PromptTokens(std::span<const Message> prompt,
                                                     const std::vector<text::TokenSpan>& whole) const {
  auto rendered = template_->Render(prompt, {.add_generation_prompt = true});
  if (!rendered.ok()) return rendered.status();
  return CommonTokens(tokenizer_.EncodeWithOffsets(rendered->text), whole);
}

absl::StatusOr<Supervised> Supervisor::SuperviseChat(const Chat& chat) const {
  if (!template_.ok()) return template_.status();
  const std::vector<Message> messages = WithSystemPrompt(chat.messages);
  const std::size_t added = messages.size() - chat.messages.size();

  auto rendered = template_->Render(messages);
  if (!rendered.ok()) return rendered.status();
  const std::vector<text::TokenSpan> tokens = tokenizer_.EncodeWithOffsets(rendered->text);
  const std::vector<ByteSpan> whole = {{0, rendered->text.size()}};
  if (options_.loss_on == LossOn::kAll) return Mask(std::move(rendered->text), tokens, whole, 0);

  std::size_t first = 0;
  if (chat.prompt > 0) {
    auto prompt = PromptTokens(std::span(messages).first(chat.prompt + added), tokens);
    if (!prompt.ok()) return prompt.status();
    first = *prompt;
    if (options_.loss_on == LossOn::kCompletion) return Mask(std::move(rendered->text), tokens, whole, first);
  }
  std::vector<ByteSpan> targets = finder_ ? finder_->Find(*rendered, messages, tokens) : Joined(rendered->generation);
  if (options_.loss_on != LossOn::kAssistant && !targets.empty()) targets.erase(targets.begin(), targets.end() - 1);
  return Mask(std::move(rendered->text), tokens, targets, first);
}

absl::StatusOr<std::string> Supervisor::WithEos(std::string text) const {
  const auto eos = special_tokens_.find("eos_token");
  if (eos == special_tokens_.end() || eos->second.empty()) {
    return absl::InvalidArgumentError(
        "the model names no eos_token, with which a text has to end: add it to its tokenizer_config.json");
  }
  if (!text.ends_with(eos->second)) text += eos->second;
  return text;
}

std::vector<text::TokenSpan> Supervisor::EncodeText(const std::string& text) const {
  std::vector<text::TokenSpan> tokens = tokenizer_.EncodeWithOffsets(text, {.add_special_tokens = true});
  // What the tokenizer adds has an empty span. A text that brings it itself has it once all the same.
  const auto added = [](const text::TokenSpan& token) { return token.begin == token.end; };
  if (tokens.size() > 1 && added(tokens[0]) && tokens[1].id == tokens[0].id) tokens.erase(tokens.begin());
  if (tokens.size() > 1 && added(tokens.back()) && tokens[tokens.size() - 2].id == tokens.back().id) tokens.pop_back();
  return tokens;
}

absl::StatusOr<Supervised> Supervisor::SuperviseCompletion(const Completion& row) const {
  auto text = WithEos(absl::StrCat(row.prompt, row.completion));
  if (!text.ok()) return text.status();
  const std::vector<text::TokenSpan> tokens = EncodeText(*text);
  const std::size_t first = options_.loss_on == LossOn::kAll ? 0 : CommonTokens(EncodeText(row.prompt), tokens);
  const std::vector<ByteSpan> whole = {{0, text->size()}};
  return Mask(*std::move(text), tokens, whole, first);
}

absl::StatusOr<Supervised> Supervisor::SuperviseText(const PlainText& row) const {
  auto text = WithEos(row.text);
  if (!text.ok()) return text.status();
  const std::vector<text::TokenSpan> tokens = EncodeText(*text);
  const std::vector<ByteSpan> whole = {{0, text->size()}};
  return Mask(*std::move(text), tokens, whole, 0);
}

}  // namespace lorasweep::chat
