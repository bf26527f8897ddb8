#include "trainer_core/chat/jinja_guard.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lorasweep::chat {
namespace {

constexpr std::size_t kMaxBracketDepth = 64;
constexpr std::size_t kMaxBlockDepth = 128;
constexpr std::size_t kMaxTagTokens = 2048;
constexpr std::int64_t kStepsForAll = 300'000;
constexpr std::int64_t kStepsForEach = 1'000;
constexpr std::size_t kMaxStackBytes = std::size_t{2} << 20;
constexpr std::size_t kMaxStringBytes = std::size_t{1} << 24;
constexpr std::size_t kMaxStringParts = std::size_t{1} << 18;
constexpr std::int64_t kMaxFactor = 4096;

thread_local std::int64_t steps_left = 0;
thread_local const char* stack_base = nullptr;

// First in every body: pays for one run of it.
struct Toll : jinja::statement {
  explicit Toll(std::int64_t steps) : price(steps) {}
  jinja::value execute_impl(jinja::context&) const override {
    SpendSteps(price);
    return jinja::mk_val<jinja::value_undefined>();
  }
  std::int64_t price;
};

// Around operands of +, ~ and *, which grow strings.
struct Bounded : jinja::expression {
  Bounded(jinja::statement_ptr operand, bool multiplies) : inner(std::move(operand)), factor(multiplies) {}
  jinja::value execute_impl(jinja::context& context) const override {
    SpendSteps(1);
    jinja::value value = inner->execute(context);
    if (jinja::is_val<jinja::value_string>(value)) {
      const std::size_t bytes = value->val_str.length();
      if (bytes > kMaxStringBytes || value->val_str.parts.size() > kMaxStringParts ||
          (factor && (bytes > kMaxFactor || value->val_str.parts.size() > kMaxFactor))) {
        throw std::runtime_error("builds too long a text");
      }
    } else if (factor && jinja::is_val<jinja::value_int>(value) && std::abs(value->as_int()) > kMaxFactor) {
      throw std::runtime_error(absl::StrCat("multiplies by more than ", kMaxFactor));
    }
    return value;
  }
  jinja::statement_ptr inner;
  bool factor;
};

struct GenerationMark : jinja::statement {
  explicit GenerationMark(const char* text) : mark(text) {}
  jinja::value execute_impl(jinja::context&) const override {
    return jinja::mk_val<jinja::value_string>(std::string(mark));
  }
  const char* mark;
};

class Guard {
 public:
  void Body(jinja::statements& body, bool toll) {
    for (jinja::statement_ptr& statement : body) {
      if (jinja::is_stmt<jinja::noop_statement>(statement)) {
        statement = std::make_unique<GenerationMark>(marks_++ % 2 == 0 ? kGenerationBegin : kGenerationEnd);
      } else {
        Node(statement.get());
      }
    }
    if (toll) body.insert(body.begin(), std::make_unique<Toll>(static_cast<std::int64_t>(body.size()) + 1));
  }

  std::size_t blocks() const { return marks_ / 2; }

 private:
  void Node(jinja::statement* node) {
    if (node == nullptr) return;
    if (auto* loop = dynamic_cast<jinja::for_statement*>(node)) {
      Node(loop->iterable.get());
      Body(loop->body, true);
      Body(loop->default_block, false);
    } else if (auto* macro = dynamic_cast<jinja::macro_statement*>(node)) {
      Nodes(macro->args);
      Body(macro->body, true);
    } else if (auto* branch = dynamic_cast<jinja::if_statement*>(node)) {
      Node(branch->test.get());
      Body(branch->body, false);
      Body(branch->alternate, false);
    } else if (auto* set = dynamic_cast<jinja::set_statement*>(node)) {
      Node(set->val.get());
      Body(set->body, false);
    } else if (auto* filter = dynamic_cast<jinja::filter_statement*>(node)) {
      Body(filter->body, false);
    } else if (auto* call = dynamic_cast<jinja::call_statement*>(node)) {
      Node(call->call.get());
      Body(call->body, true);
    } else if (auto* object = dynamic_cast<jinja::object_literal*>(node)) {
      for (auto& [key, value] : object->val) Node(value.get());
    } else if (auto* array = dynamic_cast<jinja::array_literal*>(node)) {
      Nodes(array->val);
    } else if (auto* tuple = dynamic_cast<jinja::tuple_literal*>(node)) {
      Nodes(tuple->val);
    } else if (auto* binary = dynamic_cast<jinja::binary_expression*>(node)) {
      Node(binary->left.get());
      Node(binary->right.get());
      const std::string& op = binary->op.value;
      if (op == "+" || op == "~" || op == "*") {
        Bound(binary->left, op == "*");
        Bound(binary->right, op == "*");
      }
    } else if (auto* select = dynamic_cast<jinja::select_expression*>(node)) {
      Node(select->lhs.get());
      Node(select->test.get());
      Bound(select->test, false);  // what a loop's filter is asked for every item
    } else {
      Others(node);
    }
  }

  void Nodes(jinja::statements& nodes) {
    for (jinja::statement_ptr& node : nodes) Node(node.get());
  }

  void Bound(jinja::statement_ptr& operand, bool factor) {
    const std::size_t pos = operand->pos;
    operand = std::make_unique<Bounded>(std::move(operand), factor);
    operand->pos = pos;
  }

  // Expressions of the other kinds, through the engine's own visitor (which hands out const nodes of our program).
  void Others(jinja::statement* node) {
    std::vector<const jinja::statement*> children;
    jinja::context context;
    context.visitor = [&](bool, const jinja::statement*, const std::vector<jinja::visitor_pair>& pairs) {
      for (const auto& [label, list] : pairs) children.insert(children.end(), list.begin(), list.end());
    };
    node->visit(context);
    for (const jinja::statement* child : children) Node(const_cast<jinja::statement*>(child));
  }

  std::size_t marks_ = 0;
};

bool Opens(jinja::token::type type) {
  return type == jinja::token::open_paren || type == jinja::token::open_square_bracket ||
         type == jinja::token::open_curly_bracket;
}

bool Closes(jinja::token::type type) {
  return type == jinja::token::close_paren || type == jinja::token::close_square_bracket ||
         type == jinja::token::close_curly_bracket;
}

}  // namespace

absl::Status CheckNesting(const jinja::lexer_result& lexed) {
  const std::set<std::string> openers = {"if", "for", "macro", "call", "filter", "elif"};
  std::size_t brackets = 0, tag_tokens = 0, deepest = 0;
  std::vector<std::size_t> blocks;  // weight of each open block: an elif nests in the if before it
  std::size_t depth = 0;
  for (std::size_t i = 0; i < lexed.tokens.size(); ++i) {
    const jinja::token& token = lexed.tokens[i];
    ++tag_tokens;
    if (token.t == jinja::token::open_statement || token.t == jinja::token::open_expression) {
      tag_tokens = brackets = 0;
    }
    if (Opens(token.t)) deepest = std::max(deepest, ++brackets);
    if (Closes(token.t) && brackets > 0) --brackets;
    const bool in_tag = token.t != jinja::token::text && token.t != jinja::token::comment;
    if (deepest > kMaxBracketDepth || (in_tag && tag_tokens > kMaxTagTokens)) {
      return absl::InvalidArgumentError("an expression of the chat template is too large");
    }
    if (token.t != jinja::token::open_statement || i + 1 >= lexed.tokens.size()) continue;
    const std::string& name = lexed.tokens[i + 1].value;
    const bool block_set =
        name == "set" && i + 3 < lexed.tokens.size() && lexed.tokens[i + 3].t == jinja::token::close_statement;
    if (name == "elif" && !blocks.empty()) {
      ++blocks.back();
      ++depth;
    } else if (openers.contains(name) || block_set) {
      blocks.push_back(1);
      ++depth;
    } else if (name.starts_with("end") && name != "endgeneration" && !blocks.empty()) {
      depth -= blocks.back();
      blocks.pop_back();
    }
    if (depth > kMaxBlockDepth) return absl::InvalidArgumentError("the chat template nests too many blocks");
  }
  return absl::OkStatus();
}

void SpendSteps(std::int64_t steps) {
  const char* here = static_cast<const char*>(__builtin_frame_address(0));
  if (stack_base - here > static_cast<std::ptrdiff_t>(kMaxStackBytes)) throw std::runtime_error("nested too deeply");
  steps_left -= steps;
  if (steps_left < 0) throw std::runtime_error("runs too many statements");
}

std::size_t GuardProgram(jinja::program& program) {
  Guard guard;
  guard.Body(program.body, false);
  return guard.blocks();
}

RunBudget::RunBudget(std::size_t messages) {
  steps_left = kStepsForAll + kStepsForEach * static_cast<std::int64_t>(messages);
  stack_base = static_cast<const char*>(__builtin_frame_address(0));
}

RunBudget::~RunBudget() {
  steps_left = 0;
  stack_base = nullptr;
}

}  // namespace lorasweep::chat
