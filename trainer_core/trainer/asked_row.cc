#include "trainer_core/trainer/asked_row.h"

#include <algorithm>

namespace lorasweep::trainer {

AskedRow Ask(const text::Sequence& row, const text::Tokenizer& tokenizer) {
  std::size_t end = row.ids.size();
  while (end > 1 && row.learned[end - 1] == 0) --end;
  std::size_t begin = end;
  while (begin > 1 && row.learned[begin - 1] != 0) --begin;
  if (begin <= 1) begin = std::max<std::size_t>(1, end / 2);
  const auto place = [&row](std::size_t index) { return row.ids.begin() + static_cast<std::ptrdiff_t>(index); };
  AskedRow asked{.prompt = {row.ids.begin(), place(begin)}, .expected = {place(begin), place(end)}, .stop_ids = {}};
  const auto last = std::find_if(asked.expected.rbegin(), asked.expected.rend(),
                                 [&](std::int32_t id) { return tokenizer.IsSpecial(id); });
  if (last != asked.expected.rend()) asked.stop_ids.push_back(*last);
  return asked;
}

}  // namespace lorasweep::trainer
