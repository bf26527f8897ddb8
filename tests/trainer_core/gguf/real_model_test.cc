#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/support/paths.h"
#include "tests/trainer_core/gguf/llama_cpp_source.h"
#include "trainer_core/gguf/gguf_file.h"
#include "trainer_core/gguf/import.h"
#include "trainer_core/gguf/tokenizer_files.h"
#include "trainer_core/text/tokenizer.h"

// The import of a real 4-bit model, against what its publisher's files and transformers say.
namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

nlohmann::json ReadJson(const fs::path& file) {
  return nlohmann::json::parse(ReadFile(file));
}

std::vector<std::string> Split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t at = text.find(separator); at != std::string::npos; at = text.find(separator, from)) {
    parts.push_back(text.substr(from, at - from));
    from = at + separator.size();
  }
  parts.push_back(text.substr(from));
  return parts;
}

// llama.cpp's form: texts with a separator line between them, and one line of ids for each.
void CheckGolden(const text::Tokenizer& tokenizer, const std::string& inputs, const std::string& outputs) {
  const auto texts = Split(inputs, "\n__ggml_vocab_test__\n");
  const auto lines = Split(outputs, "\n");
  REQUIRE(texts.size() > 40);
  REQUIRE(lines.size() >= 46);
  for (std::size_t i = 0; i < std::min(texts.size(), lines.size()); ++i) {
    std::istringstream stream(lines[i]);
    const std::vector<std::int32_t> expected{std::istream_iterator<std::int32_t>(stream), {}};
    INFO(texts[i]);
    CHECK(tokenizer.Encode(texts[i]) == expected);
  }
}

TEST_CASE("SmolLM2 is imported as its publisher has it", "[gguf][model]") {
  const fs::path gguf = testing::CacheDir() / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
  const fs::path published = testing::SharedDir() / "tokenizers" / "smollm2";
  LORASWEEP_NEEDS(gguf);
  LORASWEEP_NEEDS(published);
  testing::TempDir dir;
  const fs::path folder = dir.path() / "model";
  const absl::Status status = ImportGguf(gguf, folder);
  INFO(status);
  REQUIRE(status.ok());

  SECTION("the settings are the published ones") {
    const auto ours = ReadJson(folder / "config.json");
    const auto theirs = ReadJson(published / "config.json");
    for (const auto& [key, value] : theirs.items()) {
      if (key == "initializer_range") continue;  // of use before training only, and not in the file
      INFO(key);
      CHECK(ours[key] == value);
    }
    CHECK(ReadJson(folder / "generation_config.json") == ReadJson(published / "generation_config.json"));
    CHECK(ReadJson(folder / "tokenizer_config.json")["chat_template"] ==
          ReadJson(published / "tokenizer_config.json")["chat_template"]);
  }

  SECTION("the tokenizer is the published one") {
    CHECK(ReadJson(folder / "tokenizer.json") == ReadJson(published / "tokenizer.json"));
    const auto tokenizer = text::Tokenizer::Load(folder / "tokenizer.json");
    INFO(tokenizer.status());
    REQUIRE(tokenizer.ok());
    const fs::path fixtures = testing::SharedDir() / "tokenizers" / "fixtures";
    CheckGolden(*tokenizer, ReadFile(fixtures / "common.inp"), ReadFile(fixtures / "smollm2.out"));
  }

  SECTION("transformers computes the reference's numbers with it") {
    LORASWEEP_NEEDS(testing::PeerPython());
    const fs::path reference_file = published / "reference_bf16weights_fp32math.json";
    const std::string command =
        absl::StrCat("'", testing::PeerPython().string(), "' '",
                     (testing::SourceDir() / "tests/trainer_core/gguf/mean_loss.py").string(), "' '", folder.string(),
                     "' '", reference_file.string(), "' > '", (dir.path() / "answer.json").string(), "'");
    REQUIRE(std::system(command.c_str()) == 0);
    const auto answer = ReadJson(dir.path() / "answer.json");
    const auto reference = ReadJson(reference_file);
    CHECK(answer["input_ids"] == reference["input_ids"]);
    CHECK(std::abs(answer["mean_loss"].get<double>() - reference["mean_loss"].get<double>()) < 1e-5);
    for (std::size_t i = 0; i < reference["token_logprobs"].size(); ++i) {
      CHECK(std::abs(answer["token_logprobs"][i].get<double>() - reference["token_logprobs"][i].get<double>()) < 1e-4);
    }
  }
}

TEST_CASE("Real vocabularies tokenise as llama.cpp's golden files say", "[gguf][model]") {
  LORASWEEP_NEEDS(testing::LlamaCppArchive());
  testing::TempDir dir;
  testing::UnpackLlamaCppModels("ggml-vocab-*", dir.path());
  for (const std::string name : {"gpt-2", "llama-bpe", "qwen2", "llama-spm", "phi-3"}) {
    const fs::path gguf = dir.path() / absl::StrCat("ggml-vocab-", name, ".gguf");
    const auto file = GgufFile::Open(gguf);
    INFO(name << ": " << file.status());
    REQUIRE(file.ok());
    const auto files = BuildTokenizerFiles(*file, /*vocab_rows=*/1 << 20, /*context_length=*/4096);
    INFO(files.status());
    REQUIRE(files.ok());
    const auto tokenizer = text::Tokenizer::Parse(files->tokenizer_json, name);
    INFO(tokenizer.status());
    REQUIRE(tokenizer.ok());
    CheckGolden(*tokenizer, ReadFile(gguf.string() + ".inp"), ReadFile(gguf.string() + ".out"));
  }
}

}  // namespace
}  // namespace lorasweep::gguf
