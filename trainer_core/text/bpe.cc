#include "trainer_core/text/bpe.h"

#include <queue>
#include <utility>

#include "trainer_core/text/utf8.h"

namespace lorasweep::text {
namespace {

absl::string_view ToAbsl(std::string_view text) {
  return {text.data(), text.size()};
}

// A pair that may be merged. Stale when one of its sides has been merged since.
struct Candidate {
  std::uint32_t rank = 0;
  std::int32_t id = 0;
  std::size_t left = 0;

  // For a queue whose top is the lowest rank, and the leftmost of one rank.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  }
};

}  // namespace

std::optional<std::int32_t> Bpe::TokenId(std::string_view content) const {
  const auto found = ids_.find(ToAbsl(content));
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const std::string* Bpe::TokenContent(std::int32_t id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= contents_.size()) return nullptr;
  const std::optional<std::string>& content = contents_[static_cast<std::size_t>(id)];
  return content.has_value() ? &*content : nullptr;
}

const Bpe::Merge* Bpe::FindMerge(std::int32_t left, std::int32_t right) const {
  const auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

bool Bpe::AppendBytes(std::string_view character, std::size_t begin, std::vector<Symbol>& symbols) const {
  for (const char c : character) {
    if (byte_ids_[static_cast<std::uint8_t>(c)] < 0) return false;
  }
  for (std::size_t i = 0; i < character.size(); ++i) {
    symbols.push_back(
        {.id = byte_ids_[static_cast<std::uint8_t>(character[i])], .begin = begin + i, .end = begin + i + 1});
  }
  return true;
}

std::vector<Bpe::Symbol> Bpe::SplitCharacters(std::string_view piece) const {
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  bool fusing = false;  // the last symbol is an unknown one that the next may join
  std::size_t at = 0;
  while (at < piece.size()) {
    const std::size_t begin = at;
    NextCodePoint(piece, at);
    const std::string_view character = piece.substr(begin, at - begin);
    if (const auto found = ids_.find(ToAbsl(character)); found != ids_.end()) {
      symbols.push_back({.id = found->second, .begin = begin, .end = at});
      fusing = false;
    } else if (byte_fallback_ && AppendBytes(character, begin, symbols)) {
      fusing = false;
    } else if (unknown_id_ >= 0) {
      if (fusing && fuse_unknown_) {
        symbols.back().end = at;
      } else {
        symbols.push_back({.id = unknown_id_, .begin = begin, .end = at});
      }
      fusing = true;
    }
    // Without an unknown token, characters that the vocabulary does not have are dropped.
  }
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    symbols[i].previous = static_cast<std::ptrdiff_t>(i) - 1;
    symbols[i].next = i + 1 < symbols.size() ? static_cast<std::ptrdiff_t>(i) + 1 : -1;
  }
  return symbols;
}

void Bpe::MergeAll(std::vector<Symbol>& symbols) const {
  std::vector<Candidate> storage;
  storage.reserve(symbols.size());
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
    if (const Merge* merge = FindMerge(symbols[i].id, symbols[i + 1].id))
      storage.push_back({merge->rank, merge->id, i});
  }
  std::priority_queue<Candidate> queue(std::less<Candidate>{}, std::move(storage));
  const auto consider = [&](std::ptrdiff_t left, std::ptrdiff_t right) {
    if (left < 0 || right < 0) return;
    const auto at = static_cast<std::size_t>(left);
    if (const Merge* merge = FindMerge(symbols[at].id, symbols[static_cast<std::size_t>(right)].id)) {
      queue.push({merge->rank, merge->id, at});
    }
  };
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.left];
    if (!left.alive || left.next < 0) continue;
    Symbol& right = symbols[static_cast<std::size_t>(left.next)];
    const Merge* merge = FindMerge(left.id, right.id);
    if (merge == nullptr || merge->id != top.id) continue;
    left.id = top.id;
    left.end = right.end;
    left.next = right.next;
    right.alive = false;
    if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = static_cast<std::ptrdiff_t>(top.left);
    consider(left.previous, static_cast<std::ptrdiff_t>(top.left));
    consider(static_cast<std::ptrdiff_t>(top.left), left.next);
  }
}

void Bpe::Encode(std::string_view piece, std::vector<BpeToken>& out) const {
  if (ignore_merges_) {
    if (const std::optional<std::int32_t> id = TokenId(piece)) {
      out.push_back({*id, {0, piece.size()}});
      return;
    }
  }
  std::vector<Symbol> symbols = SplitCharacters(piece);
  MergeAll(symbols);
  for (const Symbol& symbol : symbols) {
    if (symbol.alive) out.push_back({symbol.id, {symbol.begin, symbol.end}});
  }
}

}  // namespace lorasweep::text
