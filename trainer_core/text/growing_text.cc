#include "trainer_core/text/growing_text.h"

namespace lorasweep::text {

std::string GrowingText::Add(std::int32_t id) {
  ids_.push_back(id);
  const std::string text = Whole();
  // Half a character is shown as U+FFFD until its other half comes.
  if (text.size() <= told_ || text.ends_with("\uFFFD")) return {};
  const std::size_t before = told_;
  told_ = text.size();
  return text.substr(before);
}

std::string GrowingText::Rest() {
  const std::string text = Whole();
  if (text.size() <= told_) return {};
  const std::size_t before = told_;
  told_ = text.size();
  return text.substr(before);
}

}  // namespace lorasweep::text
