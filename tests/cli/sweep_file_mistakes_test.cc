#include <catch2/catch.hpp>

#include <random>

#include "absl/strings/str_cat.h"
#include "cli/sweep_file.h"
#include "proto/search_space.h"
#include "proto/settings.h"
#include "tests/cli/sweep_file_support.h"

namespace lorasweep::cli {
namespace {

constexpr char kTop[] =
    "(allowed here: name, model, data, training, metric, method, prior, warm_start, cost_aware, parameters, "
    "early_terminate, limits, repeats, seed, trainer, run_cap)";

}  // namespace

TEST_CASE("Every mistake is told with file, line, key, value and what is allowed", "[cli]") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {With("training:\n  learning_rat: 3\n"),
       std::string("sweep.yaml:6: training.learning_rat: unknown key; did you mean learning_rate? ") +
           Allowed(v1::TrainingSpec::descriptor())},
      {With("limit: {trials: 3}\n"), std::string("sweep.yaml:5: limit: unknown key; did you mean limits? ") + kTop},
      {With("max_length: 512\n"),
       std::string("sweep.yaml:5: max_length: unknown key; did you mean data.max_length? ") + kTop},
      {With("seed: 1\nmodel: n\n"), "sweep.yaml:6: model is there twice; it is in line 1 already"},
      {With("run_cap: 3\nlimits: {trials: 4}\n"),
       "sweep.yaml:6: limits.trials: is given twice: as trials and as run_cap in line 5"},
      {With("training: {max_steps: many}\n"),
       "sweep.yaml:5: training.max_steps: many is not allowed (a whole number from 1 to 1000000000)"},
      {With("training: {max_steps: \"40\"}\n"),
       "sweep.yaml:5: training.max_steps: \"40\" is not allowed (a whole number from 1 to 1000000000); a number has no "
       "quotes"},
      {With("training: {max_steps: 40.5}\n"),
       "sweep.yaml:5: training.max_steps: 40.5 is not allowed (a whole number from 1 to 1000000000)"},
      {With("training:\n  batch_size: 8\n  lora_dropout: 1\n"),
       "sweep.yaml:7: training.lora_dropout: 1 is not allowed (a number at least 0 and below 1)"},
      {With("training: {decay_type: cosin}\n"),
       "sweep.yaml:5: training.decay_type: cosin is not allowed; did you mean cosine? (one of linear, cosine, 1-sqrt)"},
      {With("training: {max_steps: }\n"),
       "sweep.yaml:5: training.max_steps: has no value (a whole number from 1 to 1000000000)"},
      {With("seed: [1, 2]\n"), "sweep.yaml:5: seed: a list is not allowed (a whole number at least 0)"},
      {"model: m\ndata: {train: t, packing: 1}\n", "sweep.yaml:2: data.packing: 1 is not allowed (true or false)"},
      {"model: m\ndata: {train: []}\n", "sweep.yaml:2: data.train: an empty list is not allowed"},
      {With("limits: {worker_labels: {gpu: [a100, h100]}}\n"),
       "sweep.yaml:5: limits.worker_labels: a list is not allowed in the list (a map of names to texts, or a list of "
       "texts KEY=VALUE)"},
      {With("limits: {worker_labels: a100}\n"),
       "sweep.yaml:5: limits.worker_labels: a100 is not allowed (a map of names to texts, or a list of texts "
       "KEY=VALUE)"},
      {"model: m\ndata: {train: t, validation: 1.5}\n",
       "sweep.yaml:2: data.validation: 1.5 is not allowed (a share above 0 and below 1, a number of rows, a file or a "
       "list of files)"},
      {"model: m\ndata: {train: [a, b], weights: [2]}\n",
       "sweep.yaml:2: data.weights: 1 for 2 files is not allowed (one for each file of data.train)"},
      {"model: m\ndata: {train: [a, b], weights: [2, 0]}\n",
       "sweep.yaml:2: data.weights: 0.0 is not allowed (a list of numbers, each above 0)"},
      {"model: m\ndata: {train: a, weights: two}\n",
       "sweep.yaml:2: data.weights: two is not allowed (a list of numbers, each above 0)"},
      {"model: m\ndata: {train: a, test: 0}\n",
       "sweep.yaml:2: data.test: 0 is not allowed (a share above 0 and below 1, a number of rows, a file or a list of "
       "files)"},
      {"data: {train: t}\n", "sweep.yaml: model: is missing (a text)"},
      {"model: m\ndata:\n  packing: true\n", "sweep.yaml:2: data.train: is missing (a text or a list of texts)"},
      {"", "sweep.yaml: the file is empty; it needs model, data and parameters"},
      {Parameter("learning_rate: 3e-4"),
       "sweep.yaml:4: parameters.learning_rate: 3e-4 is not allowed; write {value: 3e-4}"},
      {Parameter("optimizer:\n    parameters: {lr: {value: 1}}"),
       "sweep.yaml:5: parameters.optimizer.parameters: nested parameters are not supported; write them side by side "
       "under parameters"},
      {Parameter("learning_rate: {value: 3, step: 2}"),
       "sweep.yaml:4: parameters.learning_rate.step: unknown key (allowed here: distribution, value, values, "
       "probabilities, min, max, q, mu, sigma, a, b, expression, when)"},
      {Parameter("learning_rate: {min: 1e-3, max: 1e-5}"),
       "sweep.yaml:4: parameters.learning_rate: min 0.001 is not below max 1e-05"},
      {Parameter("lora_rank: {min: 4.0, max: 64.0}"),
       "sweep.yaml:4: parameters.lora_rank: gives numbers that are not whole, but training.lora_rank is a whole number "
       "from 1 to 1024; int_uniform, int_log_uniform_values or values fit"},
      {Parameter("lora_rank: {values: [0, 8, 16]}"),
       "sweep.yaml:4: parameters.lora_rank: reaches a value that training.lora_rank cannot take: 0 is not allowed (a "
       "whole number from 1 to 1024)"},
      {Parameter("max_steps: {values: [100, 200]}"),
       "sweep.yaml:4: parameters.max_steps: cannot be searched: the full length is the same for all trials, or their "
       "losses do not compare"},
      {Parameter("weight_decay: {min: 0}"),
       "sweep.yaml:4: parameters.weight_decay: max is missing: min and max go together"},
      {Parameter("lora_alpha: {expression: 2 * }"),
       "sweep.yaml:4: parameters.lora_alpha: expression: column 4: expected a number, a parameter, a function or '(', "
       "found the end"},
      {Parameter("lora_alpha: {expression: 2 * rank}"),
       "sweep.yaml:4: parameters.lora_alpha: its expression reads rank, which is not a parameter (parameters: "
       "lora_alpha)"},
      {With("metric: {name: accuracy}\n"),
       "sweep.yaml:5: metric.name: accuracy is not reported by lorasweep's workers (one of validation/loss, "
       "train/loss; any name with trainer: external)"},
      {With("early_terminate: {min_iter: 3}\n"),
       "sweep.yaml:5: early_terminate: type is missing (one of none, asha, hyperband, paired, median, percentile)"},
      {With("early_terminate: {type: hyperband, max_iter: 27}\n"),
       "sweep.yaml:5: early_terminate.max_iter: max_iter and s go together: give both, or min_steps"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK(Error(text) == expected);
  }
}

TEST_CASE("YAML that is none is told in words about the file", "[cli]") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"model: m\ndata: {train: t\n", "sweep.yaml:2: not valid YAML: a `{` is not closed by `}`, or a `,` is missing"},
      {"model: \"m\ndata: {train: t}\n", "sweep.yaml:2: not valid YAML: a quoted text is not closed"},
      {"model: m\ndata:\n\ttrain: t\n", "sweep.yaml:3: not valid YAML: a tab in the indentation; YAML wants spaces"},
      {"model: m: n\n",
       "sweep.yaml:1: not valid YAML: a `:` cannot stand here; look at the indentation, and put a text with `: ` in it "
       "in quotes"},
      {"model: @m\n", "sweep.yaml:1: not valid YAML: a text cannot begin with this character; put it in quotes"},
      {"model: *m\n",
       "sweep.yaml:1: not valid YAML: the name after `*` is not defined by any `&` before; a text that begins with `*` "
       "needs quotes"},
      {"model: m\n---\nmodel: n\n", "sweep.yaml:3: a second document begins after `---`; a sweep file has one"},
      {"- a\n- b\n",
       "sweep.yaml:1: a list is not a sweep file; keys are expected (name, model, data, training, metric, method, "
       "prior, "
       "warm_start, cost_aware, parameters, early_terminate, limits, repeats, seed, trainer)"},
      {"model: m\nname: \xff\n", "sweep.yaml:2: not UTF-8: save the file in that encoding"},
      {std::string("model: m\nname: a\0b\n", 19), "sweep.yaml:2: a control character (byte 0) is not allowed"},
      {"model: !!python/object:os.system m\n",
       "sweep.yaml:1: the tag tag:yaml.org,2002:python/object:os.system is not supported"},
      {"a: &a [*a]\n", "sweep.yaml:1: an alias stands inside what it names"},
      {absl::StrCat("model: ", std::string(60, '['), std::string(60, ']'), "\n"),
       "sweep.yaml:1: nested too deeply (at most 32 levels)"},
      {"? {a: b}\n: c\n", "sweep.yaml:1: a key must be a text"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK(Error(text) == expected);
  }
}

TEST_CASE("An alias bomb is refused before it grows", "[cli]") {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char name = 'b'; name < 'k'; ++name) {
    bomb.push_back(name);
    bomb.append(": &").push_back(name);
    bomb.append(" [x");
    for (int i = 0; i < 10; ++i) bomb.append(", *").push_back(static_cast<char>(name - 1));
    bomb.append("]\n");
  }
  CHECK_THAT(Error(bomb), Catch::Contains("too large (at most 20000 values and 8 MiB, aliases counted each time)"));
  std::string large = absl::StrCat("a: &a ", std::string(500000, 'x'), "\nb: [x");
  for (int i = 0; i < 17; ++i) large.append(", *a");
  large.append("]\n");
  CHECK_THAT(Error(large), Catch::Contains("too large"));
  CHECK_FALSE(Parse(std::string(200000, '[')).ok());
  CHECK_FALSE(Parse(std::string(200000, '{')).ok());
}

TEST_CASE("Many mistakes are told together, the first twenty of them", "[cli]") {
  std::string text = With("");
  for (int i = 0; i < 30; ++i) absl::StrAppend(&text, "unknown", i, ": 1\n");
  const std::string error = Error(text);
  CHECK(std::count(error.begin(), error.end(), '\n') == 20);
  CHECK_THAT(error, Catch::StartsWith("sweep.yaml:5: unknown0: ") && Catch::EndsWith("… and 10 more"));
}

TEST_CASE("Files broken at random never crash the reader, and what it accepts is valid", "[cli]") {
  const std::string alphabet = ":{}[],-#&*!|>'\"%@`\n\t \r0123456789.eE+~abcxyz\\\xc3\xa9\x80?";
  std::vector<std::string> seeds = {kSample, kWandb, With("training:\n  target_modules: &a [q_proj]\n")};
  int accepted = 0;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    std::mt19937_64 random(seed);
    std::string text = seeds[seed % seeds.size()];
    const std::uint64_t edits = 1 + random() % 4;
    for (std::uint64_t edit = 0; edit < edits; ++edit) {
      const std::size_t at = random() % text.size();
      const std::size_t length = std::min<std::size_t>(random() % 12, text.size() - at);
      switch (random() % 4) {
        case 0:
          text[at] = alphabet[random() % alphabet.size()];
          break;
        case 1:
          text.erase(at, length);
          break;
        case 2:
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
          break;
        default:
          text.insert(random() % text.size(), text.substr(at, length));
      }
      if (text.empty()) text.push_back('x');
    }
    const absl::StatusOr<v1::SweepSpec> spec = Parse(text);
    if (!spec.ok()) {
      INFO(text);
      REQUIRE(spec.status().message().find("sweep.yaml") == 0);
      continue;
    }
    ++accepted;
    REQUIRE(proto::ValidateSpec(*spec).ok());
    REQUIRE(proto::MakeSpace(*spec).ok());
    v1::SweepSpec wire;
    REQUIRE(wire.ParseFromString(spec->SerializeAsString()));
  }
  CHECK(accepted > 100);
}

}  // namespace lorasweep::cli
