#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "trainer_core/text/aligned_text.h"

namespace lorasweep::text {

struct TokenizerJson;

// A token and the bytes of the piece that it stands for.
struct BpeToken {
  std::int32_t id = 0;
  Span span;
};

// Byte-pair encoding (Sennrich, Haddow, Birch: "Neural machine translation of rare words with subword units", 2016)
// with the vocabulary and merges of a tokenizer.json. Immutable.
class Bpe {
 public:
  // From the "model" of a tokenizer.json, which messages call `file`. Unimplemented for other models, dropout and word
  // affixes.
  static absl::StatusOr<Bpe> Make(const TokenizerJson& json, const std::string& file);

  // Appends the tokens of one piece: its characters, or bytes of characters that are not in the vocabulary, merged
  // pair by pair, lowest rank first, of equal ones the leftmost. O(n log n) in the length of the piece.
  void Encode(std::string_view piece, std::vector<BpeToken>& out) const;

  std::optional<std::int32_t> TokenId(std::string_view content) const;
  // Null when there is no token of that id.
  const std::string* TokenContent(std::int32_t id) const;
  // One more than the largest id.
  std::int32_t size() const { return static_cast<std::int32_t>(contents_.size()); }

 private:
  struct Merge {
    std::uint32_t rank = 0;
    std::int32_t id = 0;  // of the merged token
  };
  struct Symbol {
    std::int32_t id = 0;
    bool alive = true;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::ptrdiff_t previous = -1;
    std::ptrdiff_t next = -1;
  };

  absl::Status ReadOptions(const nlohmann::json& model, const std::string& where);
  absl::Status ReadVocabulary(const TokenizerJson& json, const std::string& where);
  absl::Status ReadMerges(const TokenizerJson& json, const std::string& where);
  absl::Status AddMerge(std::string_view left, std::string_view right, std::uint32_t rank, const std::string& where);

  std::vector<Symbol> SplitCharacters(std::string_view piece) const;
  bool AppendBytes(std::string_view character, std::size_t begin, std::vector<Symbol>& symbols) const;
  void MergeAll(std::vector<Symbol>& symbols) const;
  static std::uint64_t PairKey(std::int32_t left, std::int32_t right) {
    return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
  }
  const Merge* FindMerge(std::int32_t left, std::int32_t right) const;

  absl::flat_hash_map<std::string, std::int32_t> ids_;
  std::vector<std::optional<std::string>> contents_;  // by id
  absl::flat_hash_map<std::uint64_t, Merge> merges_;  // by both ids
  std::array<std::int32_t, 256> byte_ids_{};          // of "<0x00>" … "<0xFF>", -1: none
  std::int32_t unknown_id_ = -1;
  bool fuse_unknown_ = false;
  bool byte_fallback_ = false;
  bool ignore_merges_ = false;
};

}  // namespace lorasweep::text
