#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "trainer_core/text/tokenizer.h"

namespace lorasweep::text {

// The text of tokens that come one by one, by whole characters; special tokens are left out.
//
//   GrowingText text(tokenizer);
//   Print(text.Add(id));   // for each
//   Print(text.Rest());    // when there are no more
class GrowingText {
 public:
  explicit GrowingText(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

  // What became certain with this token; a character whose bytes are not all there yet waits for the others.
  std::string Add(std::int32_t id);
  // What was held back.
  std::string Rest();
  // All of it.
  std::string Whole() const { return tokenizer_.Decode(ids_, {.skip_special = true}); }

 private:
  Tokenizer tokenizer_;
  std::vector<std::int32_t> ids_;
  std::size_t told_ = 0;  // bytes
};

}  // namespace lorasweep::text
