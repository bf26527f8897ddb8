#include "trainer_core/text/tokenizer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer_core/text/added_tokens.h"
#include "trainer_core/text/bpe.h"
#include "trainer_core/text/decoder.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/json_fields.h"
#include "trainer_core/text/normalizer.h"
#include "trainer_core/text/post_processor.h"
#include "trainer_core/text/pre_tokenizer.h"
#include "trainer_core/text/tokenizer_json.h"

namespace lorasweep::text {
namespace {

constexpr std::size_t kMostFileBytes = 256 * 1024 * 1024;  // real files: up to 35 MB

const Json& FieldOrNull(const Json& object, const char* key) {
  static const Json null;
  const Json* field = FindField(object, key);
  return field == nullptr ? null : *field;
}

}  // namespace

struct Tokenizer::State {
  State(Bpe model, std::vector<AddedToken> tokens, Normalizer normalize, PreTokenizer split, Decoder decode,
        PostProcessor post);

  void EncodeRaw(const AlignedText& input, std::vector<TokenSpan>& out) const;
  void EncodeNormalized(const AlignedText& text, bool starts_input, std::vector<TokenSpan>& out) const;
  const std::string* Content(std::int32_t id) const;

  Bpe bpe;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Decoder decoder;
  PostProcessor post_processor;
  AddedTokenFinder raw_finder;
  AddedTokenFinder normalized_finder;
  std::unordered_map<std::int32_t, AddedToken> added;  // by id
  std::unordered_map<std::string, std::int32_t> added_ids;
  std::int32_t size = 0;

 private:
  AddedTokenFinder MakeFinder(const std::vector<AddedToken>& tokens, bool normalized) const;
};

// Special tokens are tried first, so of two tokens with the same normalised text the special one is found.
AddedTokenFinder Tokenizer::State::MakeFinder(const std::vector<AddedToken>& tokens, bool normalized) const {
  std::vector<AddedToken> chosen;
  std::copy_if(tokens.begin(), tokens.end(), std::back_inserter(chosen),
               [&](const AddedToken& token) { return token.normalized == normalized; });
  std::stable_partition(chosen.begin(), chosen.end(), [](const AddedToken& token) { return token.special; });
  std::vector<std::string> patterns;
  for (const AddedToken& token : chosen) {
    const AlignedText content = AlignedText::FromInput(token.content, /*tracked=*/false);
    patterns.push_back(normalized ? normalizer(content).text() : content.text());
  }
  return AddedTokenFinder(std::move(chosen), patterns);
}

Tokenizer::State::State(Bpe model, std::vector<AddedToken> tokens, Normalizer normalize, PreTokenizer split,
                        Decoder decode, PostProcessor post)
    : bpe(std::move(model)),
      normalizer(std::move(normalize)),
      pre_tokenizer(std::move(split)),
      decoder(std::move(decode)),
      post_processor(std::move(post)),
      raw_finder(MakeFinder(tokens, /*normalized=*/false)),
      normalized_finder(MakeFinder(tokens, /*normalized=*/true)),
      size(bpe.size()) {
  for (AddedToken& token : tokens) {
    size = std::max(size, token.id + 1);
    added_ids[token.content] = token.id;
    const std::int32_t id = token.id;
    added[id] = std::move(token);
  }
}

const std::string* Tokenizer::State::Content(std::int32_t id) const {
  const auto found = added.find(id);
  return found != added.end() ? &found->second.content : bpe.TokenContent(id);
}

void Tokenizer::State::EncodeRaw(const AlignedText& input, std::vector<TokenSpan>& out) const {
  for (const AddedTokenPart& part : raw_finder.Split(input.text())) {
    if (part.id >= 0) {
      const Span source = input.Source(part.span);
      out.push_back({part.id, source.begin, source.end});
    } else {
      EncodeNormalized(normalizer(input.Slice(part.span)), part.span.begin == 0, out);
    }
  }
}

void Tokenizer::State::EncodeNormalized(const AlignedText& text, bool starts_input, std::vector<TokenSpan>& out) const {
  std::vector<BpeToken> tokens;
  for (const AddedTokenPart& part : normalized_finder.Split(text.text())) {
    if (part.id >= 0) {
      const Span source = text.Source(part.span);
      out.push_back({part.id, source.begin, source.end});
      continue;
    }
    Pieces pieces{text.Slice(part.span), {{0, part.span.size()}}, starts_input && part.span.begin == 0};
    pre_tokenizer(pieces);
    for (const Span piece : pieces.spans) {
      tokens.clear();
      bpe.Encode(std::string_view(pieces.text.text()).substr(piece.begin, piece.size()), tokens);
      for (const BpeToken& token : tokens) {
        const Span source = pieces.text.Source({piece.begin + token.span.begin, piece.begin + token.span.end});
        out.push_back({token.id, source.begin, source.end});
      }
    }
  }
}

absl::StatusOr<Tokenizer> Tokenizer::Load(const std::filesystem::path& tokenizer_json) {
  absl::StatusOr<std::string> text = ReadFile(tokenizer_json, kMostFileBytes);
  if (!text.ok()) return text.status();
  return Parse(*text, tokenizer_json.string());
}

absl::StatusOr<Tokenizer> Tokenizer::Parse(std::string_view json, const std::string& where) {
  absl::StatusOr<TokenizerJson> parsed = ParseTokenizerJson(json, where);
  if (!parsed.ok()) return parsed.status();
  const Json& root = parsed->root;
  absl::StatusOr<Bpe> bpe = Bpe::Make(*parsed, where);
  if (!bpe.ok()) return bpe.status();
  absl::StatusOr<Normalizer> normalizer = MakeNormalizer(FieldOrNull(root, "normalizer"), where + ": normalizer");
  if (!normalizer.ok()) return normalizer.status();
  absl::StatusOr<PreTokenizer> pre_tokenizer =
      MakePreTokenizer(FieldOrNull(root, "pre_tokenizer"), where + ": pre_tokenizer");
  if (!pre_tokenizer.ok()) return pre_tokenizer.status();
  absl::StatusOr<Decoder> decoder = MakeDecoder(FieldOrNull(root, "decoder"), where + ": decoder");
  if (!decoder.ok()) return decoder.status();
  absl::StatusOr<PostProcessor> post_processor =
      MakePostProcessor(FieldOrNull(root, "post_processor"), where + ": post_processor");
  if (!post_processor.ok()) return post_processor.status();
  std::vector<AddedToken> added;
  if (const Json* list = FindField(root, "added_tokens")) {
    absl::StatusOr<std::vector<AddedToken>> tokens = MakeAddedTokens(*list, where + ": added_tokens");
    if (!tokens.ok()) return tokens.status();
    added = *std::move(tokens);
  }
  for (AddedToken& token : added) {
    // As in tokenizers, a token that the model knows keeps the model's id.
    token.id = bpe->TokenId(token.content).value_or(token.id);
  }
  return Tokenizer(std::make_shared<const State>(*std::move(bpe), std::move(added), *std::move(normalizer),
                                                 *std::move(pre_tokenizer), *std::move(decoder),
                                                 *std::move(post_processor)));
}

std::vector<std::int32_t> Tokenizer::Encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenSpan> tokens;
  state_->EncodeRaw(AlignedText::FromInput(text, /*tracked=*/false), tokens);
  const PostProcessor& post = state_->post_processor;
  std::vector<std::int32_t> ids;
  ids.reserve(tokens.size() + post.before.size() + post.after.size());
  if (options.add_special_tokens) ids = post.before;
  for (const TokenSpan& token : tokens) ids.push_back(token.id);
  if (options.add_special_tokens) ids.insert(ids.end(), post.after.begin(), post.after.end());
  return ids;
}

std::vector<TokenSpan> Tokenizer::EncodeWithOffsets(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenSpan> tokens;
  const PostProcessor& post = state_->post_processor;
  if (options.add_special_tokens) {
    for (const std::int32_t id : post.before) tokens.push_back({id, 0, 0});
  }
  state_->EncodeRaw(AlignedText::FromInput(text, /*tracked=*/true), tokens);
  if (options.add_special_tokens) {
    for (const std::int32_t id : post.after) tokens.push_back({id, text.size(), text.size()});
  }
  return tokens;
}

std::string Tokenizer::Decode(std::span<const std::int32_t> ids, const DecodeOptions& options) const {
  std::vector<std::string> contents;
  contents.reserve(ids.size());
  for (const std::int32_t id : ids) {
    const std::string* content = state_->Content(id);
    if (content == nullptr || (options.skip_special && IsSpecial(id))) continue;
    contents.push_back(*content);
  }
  std::string text;
  for (const std::string& part : state_->decoder(std::move(contents))) text += part;
  return text;
}

std::optional<std::int32_t> Tokenizer::TokenId(std::string_view content) const {
  const auto found = state_->added_ids.find(std::string(content));
  return found != state_->added_ids.end() ? std::optional(found->second) : state_->bpe.TokenId(content);
}

std::optional<std::string_view> Tokenizer::TokenContent(std::int32_t id) const {
  const std::string* content = state_->Content(id);
  return content == nullptr ? std::nullopt : std::optional<std::string_view>(*content);
}

bool Tokenizer::IsAdded(std::int32_t id) const {
  return state_->added.contains(id);
}

bool Tokenizer::IsSpecial(std::int32_t id) const {
  const auto found = state_->added.find(id);
  return found != state_->added.end() && found->second.special;
}

std::int32_t Tokenizer::vocab_size() const {
  return state_->size;
}

}  // namespace lorasweep::text
