#include "cli/sweep_file_yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kMostNodes = 20000;
constexpr std::size_t kMostBytes = std::size_t{8} << 20;
constexpr std::size_t kDeepest = 32;
constexpr char kTooDeep[] = "nested too deeply (at most 32 levels)";
constexpr std::string_view kTextTag = "tag:yaml.org,2002:str";

struct Weight {
  std::size_t nodes = 0;
  std::size_t bytes = 0;
};

void AddWeight(const YamlNode& node, Weight* weight) {
  ++weight->nodes;
  weight->bytes += node.text.size();
  for (const YamlNode::Key& key : node.keys) weight->bytes += key.text.size();
  for (const YamlNode& item : node.items) AddWeight(item, weight);
}

std::size_t Depth(const YamlNode& node) {
  std::size_t deepest = 0;
  for (const YamlNode& item : node.items) deepest = std::max(deepest, Depth(item));
  return deepest + 1;
}

// Builds the tree from yaml-cpp's events. After the first error the rest of the events is ignored.
class TreeBuilder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node = Make(YamlNode::Kind::kNull, mark);
    if (Weigh(node)) Put(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = Make(YamlNode::Kind::kScalar, mark);
    node.text = value;
    // yaml-cpp's tags: "?" for plain scalars, "!" for quoted and block ones.
    node.quoted = tag == "!" || tag == kTextTag;
    if (!node.quoted && !tag.empty() && tag != "?") Fail(mark, absl::StrCat("the tag ", tag, " is not supported"));
    if (Weigh(node)) Put(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (error_.has_value()) return;
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      Fail(mark, "an alias stands inside what it names");
      return;
    }
    YamlNode copy = found->second;
    // A list or map keeps its own lines, but a scalar is at fault where it is used.
    if (copy.items.empty()) copy.line = mark.line + 1;
    if (stack_.size() + Depth(copy) > kDeepest) Fail(mark, kTooDeep);
    if (Weigh(copy)) Put(std::move(copy), 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

  const std::optional<YamlError>& error() const { return error_; }
  YamlNode TakeRoot() { return std::move(root_); }

 private:
  struct Frame {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    std::map<std::string, int> lines;  // of the keys so far
  };

  static YamlNode Make(YamlNode::Kind kind, const YAML::Mark& mark) {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    return node;
  }

  void Fail(const YAML::Mark& mark, std::string message) { Fail(mark.line + 1, std::move(message)); }
  void Fail(int line, std::string message) {
    if (!error_.has_value()) error_ = YamlError{line, std::move(message)};
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (!tag.empty() && tag != "?" && tag != "!") Fail(mark, absl::StrCat("the tag ", tag, " is not supported"));
    if (stack_.size() >= kDeepest) Fail(mark, kTooDeep);
    YamlNode node = Make(kind, mark);
    if (error_.has_value() || !Weigh(node)) return;
    stack_.push_back({std::move(node), anchor, {}});
  }

  void Close() {
    if (error_.has_value()) return;
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    Put(std::move(frame.node), frame.anchor);
  }

  // Hands a finished node to the list or map around it.
  void Put(YamlNode node, YAML::anchor_t anchor) {
    if (error_.has_value()) return;
    if (anchor != 0) {
      if (!Weigh(node)) return;
      anchors_[anchor] = node;
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.kind == YamlNode::Kind::kList || frame.node.keys.size() > frame.node.items.size()) {
      frame.node.items.push_back(std::move(node));
      return;
    }
    if (node.kind != YamlNode::Kind::kScalar) {
      Fail(node.line, "a key must be a text");
      return;
    }
    const auto [first, is_new] = frame.lines.emplace(node.text, node.line);
    if (!is_new) {
      Fail(node.line, absl::StrCat(node.text, " is there twice; it is in line ", first->second, " already"));
      return;
    }
    frame.node.keys.push_back({std::move(node.text), node.line});
  }

  bool Weigh(const YamlNode& node) {
    AddWeight(node, &weight_);
    if (weight_.nodes <= kMostNodes && weight_.bytes <= kMostBytes) return true;
    Fail(node.line, absl::StrCat("too large (at most ", kMostNodes, " values and ", kMostBytes >> 20,
                                 " MiB, aliases counted each time)"));
    return false;
  }

  YamlNode root_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  Weight weight_;
  std::optional<YamlError> error_;
};

// yaml-cpp's words are about its own parser; these are about the file.
const std::map<std::string, std::string>& Words() {
  using namespace YAML::ErrorMsg;  // NOLINT: a table of constants
  static const std::map<std::string, std::string> words = {
      {END_OF_MAP,
       "the indentation or a missing `:` makes no sense here: every line of a block is `key: value`, equally indented"},
      {END_OF_MAP_FLOW, "a `{` is not closed by `}`, or a `,` is missing"},
      {END_OF_SEQ, "the indentation makes no sense here: every item of a list begins with `- `, equally indented"},
      {END_OF_SEQ_FLOW, "a `[` is not closed by `]`, or a `,` is missing"},
      {FLOW_END, "a `]` or `}` closes nothing"},
      {MAP_KEY, "a key cannot stand here; look at the indentation and the line before"},
      {MAP_VALUE, "a `:` cannot stand here; look at the indentation, and put a text with `: ` in it in quotes"},
      {BLOCK_ENTRY, "a `- ` cannot stand here; look at the indentation"},
      {TAB_IN_INDENTATION, "a tab in the indentation; YAML wants spaces"},
      {EOF_IN_SCALAR, "a quoted text is not closed"},
      {DOC_IN_SCALAR, "a quoted text is not closed"},
      {UNKNOWN_TOKEN, "a text cannot begin with this character; put it in quotes"},
      {ALIAS_NOT_FOUND, "a name must follow `*`; a text that begins with `*` needs quotes"},
      {ANCHOR_NOT_FOUND, "a name must follow `&`; a text that begins with `&` needs quotes"},
      {UNKNOWN_ANCHOR, "the name after `*` is not defined by any `&` before; a text that begins with `*` needs quotes"},
  };
  return words;
}

std::string Rephrase(const std::string& message) {
  const auto found = Words().find(message);
  return absl::StrCat("not valid YAML: ", found != Words().end() ? found->second : message);
}

// Length of the UTF-8 character at `at`, 0 where the bytes are none.
std::size_t CharacterLength(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 && first <= 0xF4  ? 4
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xC2 && first < 0xE0 ? 2
                                                             : 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool too_large = first == 0xF4 && second >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

// The first line that is indented by a tab, 0 when there is none. yaml-cpp stumbles over such lines in many ways.
int FirstTabIndentedLine(std::string_view text) {
  int line = 1;
  bool indentation = true;
  for (const char c : text) {
    if (c == '\t' && indentation) return line;
    if (c == '\n') ++line;
    indentation = c == '\n' || (indentation && c == ' ');
  }
  return 0;
}

std::optional<YamlError> CheckText(std::string_view text) {
  int line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = CharacterLength(text, at);
    if (length == 0) return YamlError{line, "not UTF-8: save the file in that encoding"};
    const char c = text[at];
    if (c == '\n') ++line;
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') {
      return YamlError{line, absl::StrCat("a control character (byte ", static_cast<int>(c), ") is not allowed")};
    }
    at += length;
  }
  return std::nullopt;
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].text == key) return &items[i];
  }
  return nullptr;
}

YamlNode* YamlNode::Find(std::string_view key) {
  return const_cast<YamlNode*>(static_cast<const YamlNode*>(this)->Find(key));
}

std::optional<YamlError> ParseYaml(std::string_view text, YamlNode* root) {
  if (std::optional<YamlError> error = CheckText(text)) return error;
  *root = YamlNode();
  root->line = 1;
  TreeBuilder builder;
  try {
    // yaml-cpp takes a quoted text that is never closed for one that ends with the file; the end mark makes it an
    // error.
    std::istringstream stream{absl::StrCat(std::string(text), "\n...\n")};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder) && !builder.error().has_value()) {
      *root = builder.TakeRoot();
      TreeBuilder second;
      if (parser.HandleNextDocument(second)) {
        return YamlError{second.TakeRoot().line, "a second document begins after `---`; a sweep file has one"};
      }
    }
  } catch (const YAML::Exception& exception) {
    // A syntax error explains what the tree lacks, but yaml-cpp's own limits say less than ours.
    if (builder.error().has_value() && !Words().contains(exception.msg)) return builder.error();
    const int last_line =
        1 + static_cast<int>(std::count(text.begin(), text.end(), '\n')) - (text.ends_with('\n') ? 1 : 0);
    const int line = exception.mark.is_null() ? 1 : std::min(exception.mark.line + 1, last_line);
    if (const int tab = FirstTabIndentedLine(text); tab > 0 && tab <= line) {
      return YamlError{tab, Rephrase(YAML::ErrorMsg::TAB_IN_INDENTATION)};
    }
    return YamlError{line, Rephrase(exception.msg)};
  } catch (const std::exception& exception) {
    return YamlError{1, absl::StrCat("not valid YAML: ", exception.what())};
  }
  return builder.error();
}

}  // namespace lorasweep::cli
