#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

// For jinja_program.cc only: keeps foreign templates from exhausting time, memory or stack. Includes the engine.
#include "jinja/lexer.h"
#include "jinja/runtime.h"

namespace lorasweep::chat {

inline constexpr std::size_t kMaxTemplateBytes = std::size_t{1} << 18;
inline constexpr std::size_t kMaxOutputBytes = std::size_t{1} << 25;

// What marks the ends of a {% generation %} block in the output: noncharacters, which no text of a person has.
inline constexpr char kGenerationBegin[] = "\xF4\x8F\xBF\xBF\xF4\x8F\xBF\xBE(";
inline constexpr char kGenerationEnd[] = "\xF4\x8F\xBF\xBF\xF4\x8F\xBF\xBE)";
inline constexpr std::size_t kGenerationMarkBytes = sizeof(kGenerationBegin) - 1;

// InvalidArgument when the source nests so deeply that parsing or running it would need unbounded stack.
absl::Status CheckNesting(const jinja::lexer_result& lexed);

// Adds to a parsed program: a budget for the statements it may run, limits on strings that it builds and on the stack,
// and marks around generation blocks. Returns the number of such blocks.
std::size_t GuardProgram(jinja::program& program);

// Pays for `steps` statements of the current run. Throws std::runtime_error, for the engine to carry out, when the
// budget or the stack is used up.
void SpendSteps(std::int64_t steps);

// A run's budget, by the length of the conversation; on the stack while it runs, for the current thread.
class RunBudget {
 public:
  explicit RunBudget(std::size_t messages);
  ~RunBudget();
  RunBudget(const RunBudget&) = delete;
  RunBudget& operator=(const RunBudget&) = delete;
};

}  // namespace lorasweep::chat
