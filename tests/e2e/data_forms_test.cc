#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/tiny_model.h"

// What people bring, from their files to an adapter: the real programs on a real, tiny model.
namespace lorasweep::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// As mlabonne/FineTome-100k: ShareGPT with a source and a score.
std::string FineTome(int rows) {
  std::string text;
  for (int i = 0; i < rows; ++i) {
    Json row = {{"source", "infini-instruct-top-500k"}, {"score", 5.2}};
    row["conversations"] = {{{"from", "human"}, {"value", "Tell of number " + std::to_string(i) + "."}},
                            {{"from", "gpt"}, {"value", "It is a number.\n\n```python\nprint(1)\n```"}}};
    text += row.dump() + "\n";
  }
  return text;
}

// As nickrosh/Evol-Instruct-Code-80k-v1 and tatsu-lab/alpaca.
std::string Instructions(int rows, bool with_input) {
  Json list = Json::array();
  for (int i = 0; i < rows; ++i) {
    Json row = {{"instruction", "Add one to the number."}, {"output", std::to_string(i + 1)}};
    if (with_input) {
      row["input"] = std::to_string(i);
      row["text"] = "Below is an instruction …";
    } else {
      row["instruction"] = "Write a function f" + std::to_string(i) + ".";
    }
    list.push_back(row);
  }
  return list.dump(1);
}

TEST_CASE("FineTome-like, Evol-Instruct-like, Alpaca and Parquet data train as they come", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  const TempDir temp;
  const fs::path& folder = temp.path();
  MakeTinyChatModel(folder);
  WriteFile(folder / "finetome.jsonl", FineTome(20));
  WriteFile(folder / "evol.json", Instructions(20, false));
  WriteFile(folder / "alpaca.json", Instructions(20, true));
  fs::copy_file(SourceDir() / "tests/trainer_core/chat/reference/sharegpt.parquet", folder / "rows.parquet");
  WriteFile(folder / "trial.yaml",
            "model: tiny-chat\n"
            "data:\n"
            "  train: [finetome.jsonl, evol.json, alpaca.json, rows.parquet]\n"
            "  weights: [2, 1, 1, 1]\n"
            "  validation: 8\n"
            "  max_length: 256\n"
            "  packing: true\n"
            "training: {max_steps: 3, batch_size: 2, eval_every: 3, save_every: 0, precision: fp32, lora_rank: 4}\n");
  const std::vector<std::string> environment = {"LORASWEEP_CACHE=" + (folder / "cache").string()};
  const std::string program = (BinDir() / "lorasweep").string();
  const Finished trained = RunProgram({program, "train", (folder / "trial.yaml").string(), "--out",
                                       (folder / "out").string(), "--device", "cpu", "--threads", "1"},
                                      environment);
  INFO(trained.output);
  CHECK(trained.status == 0);
  CHECK(fs::exists(folder / "out" / "adapter" / "adapter_model.safetensors"));
  // What the worker tokenised is there for whoever asks next.
  CHECK_FALSE(fs::is_empty(folder / "cache" / "data"));

  const Finished shown =
      RunProgram({program, "data", "show", (folder / "trial.yaml").string(), "--output", "json"}, environment);
  INFO(shown.output);
  REQUIRE(shown.status == 0);
  const Json model = Json::parse(shown.output)["models"][0];
  CHECK(model["rows_read"] == 660);
  CHECK(model["duplicates"] == 0);
  CHECK(model["train"]["sequences"] == 652);
  CHECK(model["rows"].size() == 8);
}

}  // namespace
}  // namespace lorasweep::testing
