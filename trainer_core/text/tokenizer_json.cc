#include "trainer_core/text/tokenizer_json.h"

#include "absl/strings/str_cat.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::text {
namespace {

// Far above any real vocabulary (a quarter of a million); ids index an array.
constexpr std::int64_t kMostId = 2'000'000;

// Builds the tree of what is read, and the two lists beside it.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  TokenizerJson json;
  std::string problem;  // why reading ended early

  bool null() override { return Value(Json()); }
  bool boolean(bool value) override { return Value(value); }
  bool number_integer(std::int64_t value) override { return Value(value); }
  bool number_unsigned(std::uint64_t value) override { return Value(value); }
  bool number_float(double value, const std::string&) override { return Value(value); }
  bool binary(Json::binary_t&) override { return false; }  // JSON as text has none

  bool string(std::string& value) override {
    if (place_ == Place::kPair) {
      pair_.push_back(std::move(value));
      return pair_.size() <= 2 || BadMerge("a list of more than two");
    }
    if (place_ != Place::kMerges) return Value(std::move(value));
    const std::size_t space = value.find(' ');
    if (space == 0 || space == std::string::npos || space + 1 == value.size()) return BadMerge(ShowJson(value));
    json.merges->emplace_back(value.substr(0, space), value.substr(space + 1));
    return true;
  }

  bool key(std::string& value) override {
    key_ = std::move(value);
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ != Place::kTree) return place_ == Place::kVocabulary ? BadId("an object") : BadMerge("an object");
    if (InModel() && key_ == "vocab") {
      json.vocabulary.emplace();
      place_ = Place::kVocabulary;
      return true;
    }
    open_.push_back(Add(Json::object()));
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kVocabulary) {
      place_ = Place::kTree;
    } else {
      open_.pop_back();
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::kVocabulary) return BadId("a list");
    if (place_ == Place::kPair) return BadMerge("a list of lists");
    if (place_ == Place::kMerges) {
      pair_.clear();
      place_ = Place::kPair;
      return true;
    }
    if (InModel() && key_ == "merges") {
      json.merges.emplace();
      place_ = Place::kMerges;
      return true;
    }
    open_.push_back(Add(Json::array()));
    return true;
  }

  bool end_array() override {
    if (place_ == Place::kPair) {
      place_ = Place::kMerges;
      if (pair_.size() != 2 || pair_[0].empty() || pair_[1].empty()) return BadMerge(ShowJson(pair_));
      json.merges->emplace_back(std::move(pair_[0]), std::move(pair_[1]));
    } else if (place_ == Place::kMerges) {
      place_ = Place::kTree;
    } else {
      open_.pop_back();
    }
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    problem = absl::StrCat("not valid JSON: ", JsonCause(error));
    return false;
  }

 private:
  enum class Place { kTree, kVocabulary, kMerges, kPair };

  // Whether the innermost open container is the object under "model" at the top.
  bool InModel() const {
    return open_.size() == 2 && json.root.is_object() && json.root.contains("model") &&
           open_.back() == &json.root.at("model") && open_.back()->is_object();
  }

  Json* Add(Json value) {
    if (open_.empty()) {
      json.root = std::move(value);
      return &json.root;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    Json& field = parent[key_];
    field = std::move(value);
    return &field;
  }

  bool Value(Json value) {
    if (place_ == Place::kMerges || place_ == Place::kPair) return BadMerge(ShowJson(value));
    if (place_ == Place::kTree) {
      Add(std::move(value));
      return true;
    }
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::uint64_t{kMostId}) {
      return BadId(ShowJson(value));
    }
    json.vocabulary->emplace_back(std::move(key_), value.get<std::int32_t>());
    return true;
  }

  bool BadId(const std::string& found) {
    problem =
        absl::StrCat("model: vocab: the id of \"", key_, "\" is ", found, ", expected an integer from 0 to ", kMostId);
    return false;
  }

  bool BadMerge(const std::string& found) {
    problem = absl::StrCat("model: merges[", json.merges->size(), "] is ", found,
                           ", expected \"left right\" or [\"left\", \"right\"]");
    return false;
  }

  Place place_ = Place::kTree;
  std::vector<Json*> open_;  // containers of the tree, outermost first
  std::string key_;
  std::vector<std::string> pair_;
};

}  // namespace

absl::StatusOr<TokenizerJson> ParseTokenizerJson(std::string_view text, const std::string& where) {
  if (absl::Status status = CheckJsonText(text, where); !status.ok()) return status;
  Reader reader;
  if (!Json::sax_parse(text, &reader)) return absl::InvalidArgumentError(absl::StrCat(where, ": ", reader.problem));
  return std::move(reader.json);
}

}  // namespace lorasweep::text
