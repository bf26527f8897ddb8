#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/chat/conversation.h"

namespace lorasweep::chat {

// Bytes [begin, end) of a text.
struct ByteSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const ByteSpan&, const ByteSpan&) = default;
};

// What a template made of a conversation.
struct Rendered {
  std::string text;
  // Where text of assistant messages went, in order, as far as the engine could follow it through the template's
  // filters (some methods, like most parts of a split, lose it).
  std::vector<ByteSpan> assistant;
  // What came out of the template's {% generation %} blocks, in order.
  std::vector<ByteSpan> generation;
};

struct JinjaInput {
  std::span<const Message> messages;
  std::map<std::string, std::string> texts;  // bos_token, eos_token, …
  bool add_generation_prompt = false;
};

// A compiled Jinja template, with the settings that transformers gives chat templates: trim_blocks, lstrip_blocks, loop
// controls, raise_exception, strftime_now (always 26 July 2024, so that the same data renders the same on any day),
// {% generation %}. Templates come from outside: the source's size and nesting, the steps of a run and the size of what
// it makes are limited. Immutable; Run may be called from any thread.
class JinjaProgram {
 public:
  // InvalidArgument: not a template, or beyond the limits.
  static absl::StatusOr<JinjaProgram> Compile(const std::string& source);

  JinjaProgram(JinjaProgram&&) noexcept;
  JinjaProgram& operator=(JinjaProgram&&) noexcept;
  ~JinjaProgram();

  // InvalidArgument: the template raised an exception (its text is the message's end), failed, or went beyond the
  // limits.
  absl::StatusOr<Rendered> Run(const JinjaInput& input) const;

  bool has_generation_blocks() const;

 private:
  struct Compiled;
  explicit JinjaProgram(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace lorasweep::chat
