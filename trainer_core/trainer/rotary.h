#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <ATen/ATen.h>

#include "trainer_core/text/model_config.h"

namespace lorasweep::trainer {

// How the tokens of a batch turn (RoPE, rotate-half): token t by the angles of row rows[t].
struct Rotary {
  at::Tensor cosine;  // [rows, pairs], fp32, on the device; of no columns where nothing turns
  at::Tensor sine;
  at::Tensor rows;  // [T] int32
};

// The frequency of each pair of dimensions in a text of `length` tokens, fp32, as transformers' modeling_rope_utils.py
// computes it.
at::Tensor RotaryFrequencies(const text::RopeConfig& rope, std::int64_t length);

// Makes rotations and keeps the tables they are read from, which grow with the longest text seen.
class RotaryTables {
 public:
  RotaryTables(text::RopeConfig rope, at::Device device) : rope_(std::move(rope)), device_(device) {}

  // For tokens at `positions` in texts of `lengths`, each one a token. A text's length matters to dynamic and long RoPE
  // only: there every text turns by its own, whatever else is in the batch.
  Rotary For(const std::vector<std::int32_t>& positions, const std::vector<std::int32_t>& lengths);

 private:
  struct Table {
    at::Tensor cosine;
    at::Tensor sine;
  };

  // Texts of one class have one table: 0 within the original length, else 1 (long RoPE) or the length itself (dynamic).
  std::int64_t ClassOf(std::int64_t length) const;
  Table Make(std::int64_t length, std::int64_t positions) const;
  const Table& Kept(std::int64_t length_class, std::int64_t length, std::int64_t positions);

  text::RopeConfig rope_;
  at::Device device_;
  std::map<std::int64_t, Table> tables_;  // by class
};

}  // namespace lorasweep::trainer
