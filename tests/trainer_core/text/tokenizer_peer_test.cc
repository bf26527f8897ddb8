// Our tokenizer against Hugging Face's `tokenizers`, live: ids, offsets and decoded texts of random inputs.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::text {
namespace {

// One record of a .cases file (see tokenizer_cases.py).
struct Case {
  std::string text;
  std::vector<TokenSpan> tokens;
  std::string decoded;
};

class CaseReader {
 public:
  explicit CaseReader(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(stream), {});
  }

  std::vector<Case> All() {
    std::vector<Case> cases(Number());
    for (Case& one : cases) {
      one.text = Text();
      one.tokens.resize(Number());
      for (TokenSpan& token : one.tokens) {
        token.id = static_cast<std::int32_t>(Number());
        token.begin = Number();
        token.end = Number();
      }
      one.decoded = Text();
    }
    REQUIRE(at_ == bytes_.size());
    return cases;
  }

 private:
  std::uint32_t Number() {
    if (at_ + 4 > bytes_.size()) FAIL("the file of cases ends early");
    std::uint32_t value = 0;
    for (int i = 3; i >= 0; --i)
      value = (value << 8) | static_cast<std::uint8_t>(bytes_[at_ + static_cast<std::size_t>(i)]);
    at_ += 4;
    return value;
  }
  std::string Text() {
    const std::size_t size = Number();
    if (at_ + size > bytes_.size()) FAIL("the file of cases ends early");
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }

  std::string bytes_;
  std::size_t at_ = 0;
};

std::string Show(const std::vector<TokenSpan>& tokens) {
  std::string shown;
  for (const TokenSpan& token : tokens) {
    shown += std::to_string(token.id) + "[" + std::to_string(token.begin) + "," + std::to_string(token.end) + ") ";
  }
  return shown;
}

// Of each kind of difference the first few are shown, all are counted.
struct Differences {
  int ids = 0;
  int offsets = 0;
  int decoded = 0;
};

Differences Compare(const Tokenizer& tokenizer, const std::vector<Case>& cases, bool with_offsets) {
  constexpr int kShown = 3;
  Differences different;
  for (const Case& one : cases) {
    std::vector<std::int32_t> expected;
    for (const TokenSpan& token : one.tokens) expected.push_back(token.id);
    const std::vector<std::int32_t> ids = tokenizer.Encode(one.text);
    if (ids != expected) {
      if (++different.ids <= kShown) {
        WARN("ids of " << Catch::StringMaker<std::string>::convert(one.text) << "\n"
                       << Catch::Detail::stringify(ids) << "\n"
                       << Catch::Detail::stringify(expected));
      }
      continue;
    }
    const std::string spans = Show(tokenizer.EncodeWithOffsets(one.text));
    if (with_offsets && spans != Show(one.tokens) && ++different.offsets <= kShown) {
      WARN("offsets of \"" << one.text << "\"\n" << spans << "\n" << Show(one.tokens));
    }
    const std::string decoded = tokenizer.Decode(ids);
    if (decoded != one.decoded && ++different.decoded <= kShown) {
      WARN("decoded: \"" << decoded << "\", expected: \"" << one.decoded << "\"");
    }
  }
  return different;
}

// Where tokenizers gives each token the characters that it is made of. It does not
// - when the vocabulary lacks a byte (SmolLM2): what follows in the word is off by as many;
// - when a normaliser makes a text shorter (Qwen's is NFC): of what was joined or reordered only a part is counted.
bool HasExactOffsets(const std::string& name) {
  if (name.starts_with("smollm2") || name.starts_with("qwen")) return false;
  for (const char* variant : {"-nfd", "-nfkc", "-nfkd", "-o200k", "-previous"}) {
    if (name.ends_with(variant)) return false;
  }
  return true;
}

TEST_CASE("ids, offsets and decoded texts equal those of tokenizers on random inputs") {
  const std::filesystem::path shared = testing::SharedDir();
  LORASWEEP_NEEDS(testing::PeerPython());
  LORASWEEP_NEEDS(shared / "tokenizers");
  const testing::TempDir folder;
  const std::filesystem::path script = testing::SourceDir() / "tests/trainer_core/text/tokenizer_cases.py";
  std::string command =
      testing::PeerPython().string() + " " + script.string() + " 20261 10000 " + folder.path().string();
  for (const char* name : {"smollm2", "gpt2", "mistral_v1"}) {
    command += std::string(" ") + name + "=" + (shared / "tokenizers" / name / "tokenizer.json").string();
  }
  command += " stories260K=" + (shared / "models/stories260K/tokenizer.json").string();
  // Published tokenizers of other families, where a person put them.
  const std::filesystem::path published = testing::CacheDir() / "tokenizers";
  if (std::filesystem::exists(published)) {
    for (const auto& entry : std::filesystem::directory_iterator(published)) {
      command += " " + entry.path().filename().string() + ":=" + (entry.path() / "tokenizer.json").string();
    }
  }
  REQUIRE(std::system(command.c_str()) == 0);

  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".json") continue;
    INFO(entry.path().stem().string());
    const absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Load(entry.path());
    INFO(tokenizer.status().ToString());
    REQUIRE(tokenizer.ok());
    std::filesystem::path file = entry.path();
    const std::vector<Case> cases = CaseReader(file.replace_extension(".cases")).All();
    const Differences different = Compare(*tokenizer, cases, HasExactOffsets(entry.path().stem().string()));
    CHECK(different.ids == 0);
    CHECK(different.offsets == 0);
    CHECK(different.decoded == 0);
    compared += static_cast<int>(cases.size());
  }
  CHECK(compared > 40000);
}

}  // namespace
}  // namespace lorasweep::text
