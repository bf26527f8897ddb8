#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lorasweep::gguf {

struct ScoredPiece {
  std::string text;  // UTF-8
  double score = 0;
};

// The merge list that makes byte-pair encoding choose as sentencepiece does from scores: every way to put a piece
// together from two others, best score first, ties by the longer left and then right part, as in transformers'
// generate_merges (convert_slow_tokenizer.py). Pieces in the order of their ids.
std::vector<std::pair<std::string, std::string>> MergesFromScores(const std::vector<ScoredPiece>& pieces);

}  // namespace lorasweep::gguf
