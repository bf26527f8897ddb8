#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/cluster.h"
#include "tests/support/tiny_model.h"

// `lorasweep evaluate`: the real programs on a real, tiny model, up to the leaderboard.
namespace lorasweep::testing {
namespace {

namespace fs = std::filesystem;

nlohmann::json Json(const std::string& output) {
  const auto begin = output.find("{\n");
  INFO(output);
  REQUIRE(begin != std::string::npos);
  return nlohmann::json::parse(output.substr(begin), nullptr, /*allow_exceptions=*/false);
}

const nlohmann::json& Metric(const nlohmann::json& answer, const std::string& name) {
  for (const nlohmann::json& metric : answer["metrics"]) {
    if (metric["metric"] == name) return metric;
  }
  FAIL(name << " is not there: " << answer.dump(1));
  return answer;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("evaluate measures the best trial against its base, and the numbers join the trial", "[e2e]") {
  LORASWEEP_NEEDS(SharedDir() / "models/stories260K");
  Cluster cluster;
  MakeTinyChatModel(cluster.folder());
  WriteFile(cluster.folder() / "rows.jsonl", TinyConversations(60));
  WriteFile(cluster.folder() / "tuned.yaml",
            "model: " + (cluster.folder() / "tiny-chat").string() +
                "\ndata: {train: rows.jsonl, validation: 4, max_length: 128}\n"
                "training: {max_steps: 40, batch_size: 4, eval_every: 0, save_every: 0, precision: fp32}\n"
                "metric: {objectives: {eval/exact_match: maximize}}\n"
                "parameters: {learning_rate: {values: [5.0e-3, 5.1e-3]}}\nmethod: grid\n");
  cluster.StartWorker("w");
  const std::string sweep = cluster.Submit(cluster.folder() / "tuned.yaml");
  WriteFile(cluster.folder() / "choices.jsonl",
            R"({"question": "Tell me of Lily on day 3.", "choices": ["Once upon a time, Lily saw a red ball.", )"
            R"("ball red a saw Lily time a upon Once."], "answer": 0})"
            "\n");
  REQUIRE(cluster.WaitForSweep(sweep, v1::Sweep::COMPLETED));

  const auto evaluate = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"evaluate", "--threads", "1", "--precision", "fp32", "--device", "cpu"};
    words.insert(words.end(), more.begin(), more.end());
    return cluster.Cli(words);
  };
  const std::string rows = (cluster.folder() / "rows.jsonl").string();
  const std::string choices = (cluster.folder() / "choices.jsonl").string();
  const fs::path answers = cluster.folder() / "answers.jsonl";
  const Finished best =
      evaluate({sweep + "/best", "--data", rows, "--limit", "10", "--data", choices, "--answer", "time, (\\w+) saw",
                "--max-tokens", "24", "--out", answers.string(), "--output", "json"});
  INFO(best.output);
  REQUIRE(best.status == 0);
  const nlohmann::json answer = Json(best.output);
  const nlohmann::json& exact = Metric(answer, "exact_match");
  CHECK(exact["cases"] == 10);
  CHECK(exact["tuned"]["value"].get<double>() > exact["base"]["value"].get<double>());
  CHECK(exact["change"]["low"].get<double>() > 0);
  CHECK(exact["p_value"].get<double>() < 0.05);
  CHECK(Metric(answer, "perplexity")["change"]["high"].get<double>() < 1);
  CHECK(answer["recorded"] == true);
  const std::string written = ReadFile(answers);
  CHECK(std::count(written.begin(), written.end(), '\n') == 10);
  CHECK(nlohmann::json::parse(written.substr(0, written.find('\n')))["asked"] == "Tell me of Lily on day 0.");

  const nlohmann::json board = Json(cluster.Cli({"leaderboard", sweep, "--output", "json"}).output);
  const nlohmann::json& measured = board["rows"][0]["trial"]["measurements"];
  REQUIRE(measured.size() >= 2);
  CHECK(board["rows"][0]["objectives"][0] == exact["tuned"]["value"]);
  const Finished shown = cluster.Cli({"show", sweep + "/best"});
  CHECK(Has(shown.output, "eval/exact_match"));
  CHECK(Has(shown.output, "rows.jsonl"));

  const Finished chosen = evaluate({(cluster.folder() / "tiny-chat").string(), "--data", choices, "--output", "json"});
  INFO(chosen.output);
  REQUIRE(chosen.status == 0);
  CHECK(Metric(Json(chosen.output), "accuracy")["base"]["value"] == 1);
  CHECK(Metric(Json(chosen.output), "accuracy")["tuned"].is_null());
  CHECK(Json(chosen.output)["recorded"] == false);

  const Finished nowhere = evaluate({sweep + "/best", "--data", rows, "--limit", "2", "--answer", "x = N"});
  CHECK(nowhere.status == 2);
  CHECK(Has(nowhere.output, "in none of the data's own answers"));
  CHECK(evaluate({sweep + "/best", "--data", rows, "--answer", "x ="}).status == 2);

  // How fast it is, by a benchmark that answers at once.
  const fs::path bench = cluster.folder() / "llama-bench";
  WriteFile(
      bench,
      "#!/bin/sh\n[ \"$(head -c 4 \"$2\")\" = GGUF ] || exit 1\n"
      "echo '[{\"n_threads\": 2, \"cpu_info\": \"C\", \"n_prompt\": 8, \"n_gen\": 0, \"samples_ts\": [90, 110]},'\n"
      "echo ' {\"n_threads\": 2, \"cpu_info\": \"C\", \"n_prompt\": 0, \"n_gen\": 8, \"samples_ts\": [20, 24]}]'\n");
  fs::permissions(bench, fs::perms::owner_all);
  const Finished fast = cluster.Cli({"speed", sweep + "/best", "--all-trials", "--type", "f16,q8_0", "--llama-bench",
                                     bench, "--out", cluster.folder() / "gguf", "--output", "json"});
  INFO(fast.output);
  REQUIRE(fast.status == 0);
  const nlohmann::json speed = Json(fast.output);
  CHECK(speed["recorded"] == 2);
  CHECK(speed["types"][1]["type"] == "q8_0");
  CHECK(speed["types"][1]["tokens_per_second"]["value"] == 22);
  CHECK(speed["types"][0]["file_bytes"] == fs::file_size(cluster.folder() / "gguf/f16.gguf"));
  for (const v1::Trial& trial : cluster.Trials(sweep)) {
    const auto rate = std::find_if(trial.measurements().begin(), trial.measurements().end(),
                                   [](const auto& one) { return one.metric() == "cpu/f16/tokens_per_second"; });
    REQUIRE(rate != trial.measurements().end());
    CHECK(rate->value() == 22);
    CHECK(rate->low() < 22);
  }
  const Finished unknown = cluster.Cli({"speed", sweep + "/best", "--type", "q4km", "--llama-bench", bench});
  CHECK(unknown.status == 2);
  CHECK(Has(unknown.output, "--type q4km is not known"));
}

}  // namespace
}  // namespace lorasweep::testing
