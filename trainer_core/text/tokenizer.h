#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

// Text to token ids and back, as Hugging Face's `tokenizers` does it for the tokenizer.json of a BPE model:
//
//   absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Load("SmolLM2-135M/tokenizer.json");
//   if (!tokenizer.ok()) return tokenizer.status();
//   std::vector<std::int32_t> ids = tokenizer->Encode("Hello world");
//   std::string text = tokenizer->Decode(ids);
namespace lorasweep::text {

struct EncodeOptions {
  // Put what the post-processor adds around a text (a BOS, for instance). Off, because a rendered chat template
  // brings its own.
  bool add_special_tokens = false;
};

struct DecodeOptions {
  bool skip_special = false;  // leave out tokens that are marked special
};

// A token and the bytes [begin, end) of the input that it stands for. Spans never cut a character: of a character that
// several tokens share, each has the whole. Text that a normaliser inserted belongs to the character it stands before.
// Tokens that a post-processor added have an empty span. White space at a token's start belongs to it (`trim_offsets`
// of the file is not applied).
struct TokenSpan {
  std::int32_t id = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Immutable; copies share one state. All methods may be called from any thread.
//
// Texts are UTF-8. What is not is read as U+FFFD, as Python's bytes.decode("utf-8", "replace") does. Texts of added
// tokens in the input ("<|im_end|>") become those tokens. `truncation` and `padding` of the file are not applied.
class Tokenizer {
 public:
  // InvalidArgument when the file is malformed, Unimplemented when it asks for a component that is not supported; both
  // name the file, the component and the field. NotFound when there is no such file.
  static absl::StatusOr<Tokenizer> Load(const std::filesystem::path& tokenizer_json);
  // The same from the text of a tokenizer.json; `where` names it in messages.
  static absl::StatusOr<Tokenizer> Parse(std::string_view json, const std::string& where);

  std::vector<std::int32_t> Encode(std::string_view text, const EncodeOptions& options = {}) const;
  std::vector<TokenSpan> EncodeWithOffsets(std::string_view text, const EncodeOptions& options = {}) const;

  // Ids that the vocabulary does not have are left out.
  std::string Decode(std::span<const std::int32_t> ids, const DecodeOptions& options = {}) const;

  // The id of the token whose content is exactly `content`, added tokens first.
  std::optional<std::int32_t> TokenId(std::string_view content) const;
  // The content of a token as the vocabulary spells it ("Ġthe"). Valid as long as a copy of this tokenizer lives.
  std::optional<std::string_view> TokenContent(std::int32_t id) const;
  // Whether it is one of the file's added tokens, which are found in the raw text, and whether it is marked special.
  bool IsAdded(std::int32_t id) const;
  bool IsSpecial(std::int32_t id) const;
  // One more than the largest id. A model's embedding may have more rows, never fewer.
  std::int32_t vocab_size() const;

 private:
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  std::shared_ptr<const State> state_;
};

}  // namespace lorasweep::text
