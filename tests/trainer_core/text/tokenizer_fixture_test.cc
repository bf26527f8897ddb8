// The texts and ids of llama.cpp's vocabulary tests, for four real tokenizers.
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::text {
namespace {

std::string Content(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> Texts(const std::filesystem::path& file) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  const std::string all = Content(file);
  std::vector<std::string> texts;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = all.find(separator, begin)) != std::string::npos; begin = end + separator.size()) {
    texts.push_back(all.substr(begin, end - begin));
  }
  texts.push_back(all.substr(begin));
  return texts;
}

std::vector<std::vector<std::int32_t>> Ids(const std::filesystem::path& file) {
  std::istringstream lines(Content(file));
  std::vector<std::vector<std::int32_t>> all;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream numbers(line);
    all.emplace_back();
    for (std::int32_t id = 0; numbers >> id;) all.back().push_back(id);
  }
  return all;
}

struct Real {
  std::string expected;
  std::filesystem::path folder;
  bool drops_bytes = false;  // the vocabulary lacks some bytes, whose text is lost
};

TEST_CASE("real tokenizers give the ids of llama.cpp's vocabulary tests") {
  const std::filesystem::path shared = testing::SharedDir();
  const std::filesystem::path fixtures = shared / "tokenizers/fixtures";
  LORASWEEP_NEEDS(fixtures / "common.inp");
  const std::vector<std::string> texts = Texts(fixtures / "common.inp");
  REQUIRE(texts.size() == 47);
  for (const Real& real :
       {Real{"smollm2", shared / "tokenizers/smollm2", true}, Real{"gpt-2", shared / "tokenizers/gpt2"},
        Real{"mistral-v1-spm", shared / "tokenizers/mistral_v1"},
        Real{"stories260K-spm", shared / "models/stories260K"}}) {
    INFO(real.expected);
    std::vector<std::vector<std::int32_t>> expected = Ids(fixtures / (real.expected + ".out"));
    // The last text is empty; a file without a newline at its end has no line for it.
    if (expected.size() + 1 == texts.size()) expected.emplace_back();
    REQUIRE(expected.size() == texts.size());
    const absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Load(real.folder / "tokenizer.json");
    INFO(tokenizer.status().ToString());
    REQUIRE(tokenizer.ok());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      INFO("text " << i << ": " << texts[i]);
      const std::vector<std::int32_t> ids = tokenizer->Encode(texts[i]);
      CHECK(ids == expected[i]);
      if (!real.drops_bytes) CHECK(tokenizer->Decode(ids) == texts[i]);
      std::vector<std::int32_t> with_offsets;
      for (const TokenSpan& token : tokenizer->EncodeWithOffsets(texts[i])) with_offsets.push_back(token.id);
      CHECK(with_offsets == ids);
    }
  }
}

}  // namespace
}  // namespace lorasweep::text
