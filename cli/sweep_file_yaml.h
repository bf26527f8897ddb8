#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "search/value.h"

namespace lorasweep::cli {

// A YAML document as a tree that remembers where each node stood.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Key {
    std::string text;
    int line = 0;
  };

  Kind kind = Kind::kNull;
  std::string text;             // kScalar
  bool quoted = false;          // kScalar: "16" and !!str 16 are texts, whatever they look like
  int line = 0;                 // 1 is the first
  std::vector<Key> keys;        // kMap, each once, in file order
  std::vector<YamlNode> items;  // kList; kMap: the values, in the order of keys

  // The value of a key; null when it is not there.
  YamlNode* Find(std::string_view key);
  const YamlNode* Find(std::string_view key) const;
};

struct YamlError {
  int line = 0;
  std::string message;  // what is wrong, and how to put it right
};

// What a scalar means, as YAML 1.1 (PyYAML, W&B) has it for flags, whole numbers and numbers, but with 1e-4 a number as
// in YAML 1.2; anything else and whatever is quoted is a text.
search::Value TypedValue(const YamlNode& scalar);

// Parses one document. Nothing in `text` crashes it or makes it use much more memory than `text`: aliases are copied,
// up to 20000 values and 8 MiB in all; more, nesting deeper than 32, and an alias inside what it names are errors. So
// are keys that are there twice or are no texts, a second document, and bytes that are not UTF-8.
// An empty document is kNull. After an error *root is unspecified. The one place where yaml-cpp is used.
std::optional<YamlError> ParseYaml(std::string_view text, YamlNode* root);

}  // namespace lorasweep::cli
