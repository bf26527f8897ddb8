#include "trainer_core/chat/jinja_program.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <exception>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jinja/parser.h"
#include "trainer_core/chat/jinja_guard.h"

namespace lorasweep::chat {
namespace {

constexpr std::int64_t kMaxRange = 100'000;

// 26 July 2024, the date that Llama 3's template falls back to.
jinja::value FixedDate(const jinja::func_args& args) {
  std::tm date = {};
  date.tm_year = 2024 - 1900;
  date.tm_mon = 6;
  date.tm_mday = 26;
  date.tm_wday = 5;
  date.tm_yday = 207;
  const std::string format = args.get_pos(0)->as_string().str();
  char text[256];
  const std::size_t length = std::strftime(text, sizeof text, format.c_str(), &date);
  return jinja::mk_val<jinja::value_string>(std::string(text, length));
}

jinja::value BoundedRange(const jinja::func_args& args) {
  double length = 0;
  if (args.count() == 1) {
    length = args.get_pos(0)->as_float();
  } else {
    const double step = args.count() > 2 ? args.get_pos(2)->as_float() : 1;
    length = step == 0 ? 0 : (args.get_pos(1)->as_float() - args.get_pos(0)->as_float()) / step;
  }
  if (length > kMaxRange) throw jinja::raised_exception(absl::StrCat("range() of more than ", kMaxRange, " numbers"));
  SpendSteps(static_cast<std::int64_t>(std::max(length, 0.0)));
  return jinja::global_builtins().at("range")(args);
}

// The engine wraps the cause in its own account of where it was; the cause is what a person can act on.
std::string Cause(const std::string& what) {
  static constexpr char kLabel[] = "Error: ";
  const std::size_t at = what.rfind(kLabel);
  return at == std::string::npos ? what : what.substr(at + sizeof kLabel - 1);
}

jinja::value MessageValue(const Message& message) {
  auto content = jinja::mk_val<jinja::value_string>(message.content);
  if (message.role == "assistant") content->mark_input();
  auto object = jinja::mk_val<jinja::value_object>();
  object->insert("role", jinja::mk_val<jinja::value_string>(message.role));
  object->insert("content", content);
  return object;
}

// Joins the parts, and takes the generation marks out of what the template itself wrote.
absl::StatusOr<Rendered> Collect(const std::vector<jinja::string_part>& parts) {
  Rendered rendered;
  bool open = false;
  for (const jinja::string_part& part : parts) {
    if (rendered.text.size() + part.val.size() > kMaxOutputBytes) {
      return absl::InvalidArgumentError(absl::StrCat("the chat template made more than ", kMaxOutputBytes, " bytes"));
    }
    if (part.is_input) {
      if (part.val.empty()) continue;
      rendered.assistant.push_back({rendered.text.size(), rendered.text.size() + part.val.size()});
      rendered.text += part.val;
      continue;
    }
    std::size_t from = 0;
    while (true) {
      const std::size_t at = part.val.find(open ? kGenerationEnd : kGenerationBegin, from);
      rendered.text.append(part.val, from, at == std::string::npos ? std::string::npos : at - from);
      if (at == std::string::npos) break;
      from = at + kGenerationMarkBytes;
      if (open) {
        rendered.generation.back().end = rendered.text.size();
      } else {
        rendered.generation.push_back({rendered.text.size(), rendered.text.size()});
      }
      open = !open;
    }
  }
  if (open) return absl::InvalidArgumentError("the chat template leaves a {% generation %} block open");
  return rendered;
}

}  // namespace

struct JinjaProgram::Compiled {
  std::shared_ptr<std::string> source;  // shared because the engine's contexts share it
  jinja::program program;
  std::size_t generation_blocks = 0;
};

JinjaProgram::JinjaProgram(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
JinjaProgram::JinjaProgram(JinjaProgram&&) noexcept = default;
JinjaProgram& JinjaProgram::operator=(JinjaProgram&&) noexcept = default;
JinjaProgram::~JinjaProgram() = default;

bool JinjaProgram::has_generation_blocks() const {
  return compiled_->generation_blocks > 0;
}

absl::StatusOr<JinjaProgram> JinjaProgram::Compile(const std::string& source) {
  if (source.size() > kMaxTemplateBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the chat template has ", source.size(), " bytes, allowed are ", kMaxTemplateBytes));
  }
  try {
    jinja::lexer lexer;
    const jinja::lexer_result lexed = lexer.tokenize(source);
    if (auto status = CheckNesting(lexed); !status.ok()) return status;
    auto compiled = std::make_unique<Compiled>();
    compiled->source = std::make_shared<std::string>(source);
    compiled->program = jinja::parse_from_tokens(lexed);
    compiled->generation_blocks = GuardProgram(compiled->program);
    return JinjaProgram(std::move(compiled));
  } catch (const std::exception& exception) {
    return absl::InvalidArgumentError(absl::StrCat("the chat template is not valid: ", exception.what()));
  }
}

absl::StatusOr<Rendered> JinjaProgram::Run(const JinjaInput& input) const {
  std::optional<std::string> raised;
  try {
    RunBudget budget(input.messages.size());
    jinja::context context;
    context.src = compiled_->source;
    auto messages = jinja::mk_val<jinja::value_array>();
    for (const Message& message : input.messages) messages->push_back(MessageValue(message));
    context.set_val("messages", messages);
    context.set_val("add_generation_prompt", jinja::mk_val<jinja::value_bool>(input.add_generation_prompt));
    context.set_val("tools", jinja::mk_val<jinja::value_none>());
    context.set_val("documents", jinja::mk_val<jinja::value_none>());
    for (const auto& [name, text] : input.texts) context.set_val(name, jinja::mk_val<jinja::value_string>(text));
    context.set_val("range", jinja::mk_val<jinja::value_func>("range", BoundedRange));
    context.set_val("strftime_now", jinja::mk_val<jinja::value_func>("strftime_now", FixedDate));
    context.set_val("raise_exception", jinja::mk_val<jinja::value_func>(
                                           "raise_exception", [&raised](const jinja::func_args& args) -> jinja::value {
                                             raised = args.get_pos(0)->as_string().str();
                                             throw jinja::raised_exception(*raised);
                                           }));
    jinja::runtime runtime(context);
    const jinja::value result = runtime.execute(compiled_->program);
    return Collect(jinja::runtime::gather_string_parts(result)->val_str.parts);
  } catch (const std::exception& exception) {
    if (raised) return absl::InvalidArgumentError(absl::StrCat("the chat template refuses this: ", *raised));
    return absl::InvalidArgumentError(absl::StrCat("the chat template failed: ", Cause(exception.what())));
  }
}

}  // namespace lorasweep::chat
