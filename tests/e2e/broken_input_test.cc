#include <functional>
#include <set>

#include "tests/e2e/cluster.h"
#include "tests/support/tiny_model.h"

// Broken input of every kind, through the command that a person types: one clear error, exit code 1 or 2, no trace of a
// crash or of a library's own words.
namespace lorasweep::testing {
namespace {

struct Folder {
  TempDir temp;
  std::filesystem::path model = MakeTinyChatModel(temp.path());
  std::string rows = TinyConversations(20);
  std::string sweep =
      "model: tiny-chat\ndata: {train: rows.jsonl, validation: 4}\ntraining: {max_steps: 2, batch_size: 2}\n"
      "parameters:\n  learning_rate: {min: 1.0e-4, max: 1.0e-2}\nlimits: {trials: 1}\n";

  void Replace(const std::string& from, const std::string& to) {
    const std::size_t at = sweep.find(from);
    REQUIRE(at != std::string::npos);
    sweep.replace(at, from.size(), to);
  }
  Finished Run() const {
    WriteFile(temp.path() / "rows.jsonl", rows);
    WriteFile(temp.path() / "sweep.yaml", sweep);
    return RunProgram({BinDir() / "lorasweep", "run", temp.path() / "sweep.yaml", "--state", temp.path() / "state"});
  }
};

// Runs it broken and checks the shape of the answer; `words` must all be in it.
void CheckRefused(const Folder& folder, const std::vector<std::string>& words) {
  const Finished finished = folder.Run();
  INFO(finished.output);
  CHECK((finished.status == 1 || finished.status == 2));
  for (const std::string& word : words) CHECK(finished.output.find(word) != std::string::npos);
  for (const char* trace :
       {"terminate called", "what():", "Segmentation", "Assertion", "std::", "c10::", "exception", "Traceback"}) {
    INFO(trace);
    CHECK(finished.output.find(trace) == std::string::npos);
  }
  std::size_t errors = 0;
  for (std::size_t at = finished.output.find("error:"); at != std::string::npos;
       at = finished.output.find("error:", at + 1))
    ++errors;
  CHECK(errors == 1);
}

using Break = std::function<void(Folder&)>;

void Broken(const Break& how, const std::vector<std::string>& words) {
  Folder folder;
  how(folder);
  CheckRefused(folder, words);
}

TEST_CASE("A broken sweep file is refused with its line, key and what is allowed", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  SECTION("an unknown key") {
    Broken([](Folder& f) { f.Replace("max_steps", "max_stpes"); }, {"sweep.yaml:3", "max_stpes", "max_steps"});
  }
  SECTION("rank 0") {
    Broken([](Folder& f) { f.Replace("max_steps: 2", "max_steps: 2, lora_rank: 0"); },
           {"sweep.yaml:3", "lora_rank", "0"});
  }
  SECTION("not YAML") {
    Broken([](Folder& f) { f.sweep = "model: [unclosed\n"; }, {"sweep.yaml"});
  }
  SECTION("an empty file") {
    Broken([](Folder& f) { f.sweep.clear(); }, {"sweep.yaml"});
  }
  SECTION("no model") {
    Broken([](Folder& f) { f.Replace("model: tiny-chat\n", ""); }, {"model"});
  }
  SECTION("no training data") {
    Broken([](Folder& f) { f.Replace("train: rows.jsonl, ", ""); }, {"train"});
  }
  SECTION("a text where a number belongs") {
    Broken([](Folder& f) { f.Replace("batch_size: 2", "batch_size: many"); }, {"sweep.yaml:3", "batch_size", "many"});
  }
  SECTION("reversed bounds") {
    Broken([](Folder& f) { f.Replace("min: 1.0e-4, max: 1.0e-2", "min: 1.0e-2, max: 1.0e-4"); }, {"learning_rate"});
  }
  SECTION("an unknown method") {
    Broken([](Folder& f) { f.sweep += "method: magic\n"; }, {"method", "magic", "tpe"});
  }
  SECTION("an unknown parameter") {
    Broken([](Folder& f) { f.Replace("  learning_rate:", "  learning_rat:"); }, {"learning_rat", "learning_rate"});
  }
  SECTION("an expression over nothing") {
    Broken([](Folder& f) { f.Replace("limits", "  lora_alpha: {expression: 2 * rank}\nlimits"); },
           {"lora_alpha", "rank"});
  }
  SECTION("a key twice") {
    Broken([](Folder& f) { f.sweep += "limits: {trials: 2}\n"; }, {"limits"});
  }
}

TEST_CASE("Broken data is refused with its file and line", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  SECTION("a missing file") {
    Broken([](Folder& f) { f.Replace("rows.jsonl", "no-such.jsonl"); }, {"no-such.jsonl"});
  }
  SECTION("a row that is not JSON") {
    Broken([](Folder& f) { f.rows += "{\"conversations\": [\n"; }, {"rows.jsonl:21"});
  }
  SECTION("a row without a conversation") {
    Broken([](Folder& f) { f.rows += "{\"text\": 1}\n"; }, {"rows.jsonl:21"});
  }
  SECTION("an unknown role") {
    Broken([](Folder& f) { f.rows += "{\"conversations\": [{\"from\": \"wizard\", \"value\": \"x\"}]}\n"; },
           {"rows.jsonl:21", "wizard"});
  }
  SECTION("an empty file") {
    Broken([](Folder& f) { f.rows.clear(); }, {"rows.jsonl"});
  }
  SECTION("no room for validation") {
    Broken([](Folder& f) { f.Replace("validation: 4", "validation: 20"); }, {"validation"});
  }
  SECTION("an empty validation set") {
    Broken([](Folder& f) { f.Replace("validation: 4", "validation: 0"); }, {"validation"});
  }
  SECTION("all tokens masked: nothing but questions") {
    Broken(
        [](Folder& f) {
          f.rows.clear();
          for (int i = 0; i < 9; ++i) {
            f.rows += "{\"conversations\": [{\"from\": \"human\", \"value\": \"q" + std::to_string(i) + "\"}]}\n";
          }
        },
        {"data.train", "9 rows read", "9 without anything to learn"});
  }
}

TEST_CASE("A broken model folder is refused with the file that is wrong", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  SECTION("no such model") {
    Broken([](Folder& f) { f.Replace("tiny-chat", "no-such-model"); }, {"no-such-model"});
  }
  SECTION("a truncated safetensors file") {
    Broken([](Folder& f) { std::filesystem::resize_file(f.model / "model.safetensors", 500000); },
           {"model.safetensors"});
  }
  SECTION("a safetensors file of noise") {
    Broken([](Folder& f) { WriteFile(f.model / "model.safetensors", std::string(4096, '\xee')); },
           {"model.safetensors"});
  }
  SECTION("no weights") {
    Broken([](Folder& f) { std::filesystem::remove(f.model / "model.safetensors"); }, {"safetensors"});
  }
  SECTION("a config of another architecture") {
    Broken(
        [](Folder& f) {
          WriteFile(f.model / "config.json", R"({"architectures": ["BertModel"], "model_type": "bert"})");
        },
        {"config.json", "BertModel"});
  }
  SECTION("a config that is not JSON") {
    Broken([](Folder& f) { WriteFile(f.model / "config.json", "{"); }, {"config.json"});
  }
  SECTION("no chat template") {
    Broken([](Folder& f) { WriteFile(f.model / "tokenizer_config.json", R"({"eos_token": "</s>"})"); },
           {"chat template"});
  }
  SECTION("a chat template that does not parse") {
    Broken([](Folder& f) { WriteFile(f.model / "tokenizer_config.json", R"({"chat_template": "{% for %}"})"); },
           {"template"});
  }
  SECTION("no tokenizer") {
    Broken([](Folder& f) { std::filesystem::remove(f.model / "tokenizer.json"); }, {"tokenizer.json"});
  }
}

}  // namespace
}  // namespace lorasweep::testing
