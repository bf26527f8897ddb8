#include <catch2/catch.hpp>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/tiny_model.h"

// `lorasweep chat` with questions from a pipe: the real programs on a real, tiny model.
namespace lorasweep::testing {
namespace {

namespace fs = std::filesystem;

// What the program answers to `input`, one question a line.
Finished Chat(const std::string& input, const std::string& arguments) {
  return RunProgram({"/bin/sh", "-c",
                     "printf '" + input + "' | " + (fs::absolute(BinDir()) / "lorasweep").string() + " chat " +
                         arguments + " --device cpu --threads 1 --precision fp32 --max-tokens 12"});
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("chat answers each line of a pipe, with a memory of what was said, with the adapter or without", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  const TempDir temp;
  const std::string model = MakeTinyChatModel(temp.path()).string();
  const Finished one = Chat("Tell me of Lily.\\n", model);
  INFO(one.output);
  REQUIRE(one.status == 0);
  CHECK(one.output.size() > 5);
  const Finished two = Chat("Tell me of Lily.\\nAnd then?\\n", model);
  CHECK(two.status == 0);
  CHECK(two.output.starts_with(one.output));
  CHECK(two.output.size() > one.output.size());
  // Without its memory, the second question is another one.
  const Finished fresh = Chat("Tell me of Lily.\\n/new\\nAnd then?\\n", model);
  const Finished alone = Chat("And then?\\n", model);
  CHECK(fresh.output == one.output + alone.output);

  WriteFile(temp.path() / "rows.jsonl", TinyConversations(40));
  WriteFile(temp.path() / "trial.yaml",
            "model: tiny-chat\ndata: {train: rows.jsonl, validation: 4, max_length: 128}\n"
            "training: {max_steps: 30, batch_size: 4, learning_rate: 5e-3, save_every: 0, precision: fp32}\n");
  const fs::path out = temp.path() / "trained";
  const Finished trained =
      RunProgram({(BinDir() / "lorasweep").string(), "train", (temp.path() / "trial.yaml").string(), "--out",
                  out.string(), "--device", "cpu", "--threads", "1"});
  INFO(trained.output);
  REQUIRE(trained.status == 0);
  const Finished adapted = Chat("Tell me of Lily.\\n", out.string());
  INFO(adapted.output);
  CHECK(adapted.status == 0);
  CHECK(adapted.output != one.output);
  CHECK(Chat("Tell me of Lily.\\n", model + " --adapter " + out.string()).output == adapted.output);
  CHECK(Chat("Tell me of Lily.\\n", out.string() + " --base").output == one.output);
}

TEST_CASE("chat says what it cannot do", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  const TempDir temp;
  const std::string model = MakeTinyChatModel(temp.path()).string();
  const Finished nowhere = Chat("Hi\\n", (temp.path() / "nowhere").string());
  CHECK(nowhere.status != 0);
  CHECK(Has(nowhere.output, "nowhere"));
  const Finished cold = Chat("Hi\\n", model + " --temperature -1");
  CHECK(cold.status != 0);
  CHECK(Has(cold.output, "temperature"));
  const Finished raw = Chat("Once upon a time\\n", (SharedDir() / "models/stories260K").string() + " --raw");
  INFO(raw.output);
  CHECK(raw.status == 0);
  CHECK(raw.output.size() > 5);
}

}  // namespace
}  // namespace lorasweep::testing
