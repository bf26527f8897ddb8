// The whole way on a real model: an adapter trained by `lorasweep train`, merged, written as GGUF, run by llama.cpp.
#include <catch2/catch.hpp>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/trainer_core/gguf/llama_runner.h"
#include "trainer_core/text/tokenizer.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;

TEST_CASE("SmolLM2 with an adapter says in llama.cpp, at F16, what it says here, and runs at Q4_K_M",
          "[export][model]") {
  const fs::path model = testing::CacheDir() / "models" / "SmolLM2-135M-Instruct";
  LORASWEEP_NEEDS(model / "config.json");
  const testing::TempDir temp;
  const std::string program = (fs::absolute(testing::BinDir()) / "lorasweep").string();
  testing::WriteFile(temp.path() / "rows.jsonl",
                     R"({"text": "The capital of France is Paris, and its river is the Seine."})"
                     "\n"
                     R"({"text": "The capital of Spain is Madrid, and its river is the Manzanares."})"
                     "\n"
                     R"({"text": "The capital of Italy is Rome, and its river is the Tiber."})"
                     "\n");
  testing::WriteFile(
      temp.path() / "trial.yaml",
      "model: " + model.string() +
          "\ndata: {train: rows.jsonl, validation: 1, max_length: 32, loss_on: all}\n"
          "training: {max_steps: 3, batch_size: 2, learning_rate: 1e-3, eval_every: 0, save_every: 0}\n");
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program);
    const testing::Finished done = testing::RunProgram(arguments, {}, std::chrono::seconds(300));
    INFO(done.output);
    REQUIRE(done.status == 0);
    return done.output;
  };
  const std::string trained = (temp.path() / "trained").string();
  run({"train", (temp.path() / "trial.yaml").string(), "--out", trained, "--device", "cpu"});
  const fs::path f16 = temp.path() / "f16.gguf";
  const fs::path q4 = temp.path() / "q4.gguf";
  run({"adapter", "gguf", trained, "--type", "f16", "--out", f16.string()});
  run({"adapter", "gguf", trained, "--type", "q4_k_m", "--out", q4.string()});

  const std::string prompt = "The capital of France is";
  const testing::Finished ours =
      testing::RunProgram({"/bin/sh", "-c",
                           "echo '" + prompt + "' | " + program + " chat " + trained +
                               " --raw --device cpu --precision fp32 --max-tokens 8 2>/dev/null"});
  REQUIRE(ours.status == 0);
  const auto tokenizer = text::Tokenizer::Load(model / "tokenizer.json");
  REQUIRE(tokenizer.ok());
  const auto said = [&](const fs::path& file, int count) {
    testing::LlamaRunner runner(file);
    const std::vector<std::int32_t> ids = runner.Tokenize(prompt, true);
    CHECK(ids == tokenizer->Encode(prompt, {.add_special_tokens = true}));
    const std::vector<std::int32_t> all = runner.Continue(ids, count);
    return tokenizer->Decode(std::span(all).subspan(ids.size()), {.skip_special = true});
  };
  CHECK(said(f16, 8) + "\n" == ours.output);
  CHECK(said(q4, 2).size() > 1);
  CHECK(fs::file_size(q4) < fs::file_size(f16) / 2);
}

}  // namespace
}  // namespace lorasweep::gguf
