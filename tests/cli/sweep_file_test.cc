#include "cli/sweep_file.h"

#include <catch2/catch.hpp>

#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "proto/convert.h"
#include "proto/search_space.h"
#include "proto/settings.h"
#include "tests/support/paths.h"

namespace lorasweep::cli {
namespace {

constexpr char kSample[] = R"(name: math-tutor
model: SmolLM2-135M-Instruct        # folder | name in the Hugging Face cache | .gguf file
data:
  train: data/math.jsonl            # one file or a list
  validation: 0.1                   # a share, a row count or a file
  max_length: 1024
  loss_on: assistant
  packing: true
training: {max_steps: 120, batch_size: 8, warmup: 0.05, schedule: linear, eval_every: 20, save_every: 20}
metric: {name: validation/loss, goal: minimize}
method: tpe
parameters:                         # W&B's sweep keys, as they are
  learning_rate: {distribution: log_uniform_values, min: 5.0e-5, max: 3.0e-3}
  lora_rank: {values: [4, 8, 16, 32, 64]}
  lora_alpha: {expression: "2 * lora_rank"}
  lora_dropout: {values: [0, 0.05, 0.1]}
  weight_decay: {values: [0, 0.01, 0.1]}
early_terminate: {type: asha, min_steps: 20, eta: 3}
limits: {trials: 24, parallel: 4}
seed: 3407
)";

constexpr char kWandb[] = R"(program: train.py
project: my-project
entity: my-team
command: ["${env}", python, "${program}", "${args}"]
description: A sweep as W&B's documentation has them.
method: bayes
model: SmolLM2-135M-Instruct
data: {train: math.jsonl}
run_cap: 12
metric:
  name: val_loss
  goal: minimize
  impute: latest
early_terminate:
  type: hyperband
  max_iter: 27
  s: 2
  eta: 3
  strict: false
parameters:
  max_steps:
    value: 60
  batch_size:
    values: [8, 16]
  learning_rate:
    distribution: log_uniform
    min: -9.5
    max: -5.5
  lora_dropout:
    min: 0
    max: 0.3
  lora_rank:
    distribution: q_log_uniform_values
    q: 8
    min: 8
    max: 128
  warmup:
    min: 0
    max: 10
  schedule:
    values: [linear, cosine, constant]
    probabilities: [0.5, 0.3, 0.2]
  weight_decay:
    distribution: q_beta
    a: 2
    b: 5
    q: 0.01
  adam_beta2:
    distribution: inv_log_uniform_values
    min: 0.9
    max: 0.9999
)";

absl::StatusOr<v1::SweepSpec> Parse(const std::string& text, const std::vector<std::string>& overrides = {},
                                    std::vector<std::string>* warnings = nullptr) {
  return ParseSweepFile(text, "sweep.yaml", overrides, warnings);
}

v1::SweepSpec Valid(const std::string& text, const std::vector<std::string>& overrides = {}) {
  absl::StatusOr<v1::SweepSpec> spec = Parse(text, overrides);
  INFO(spec.status());
  REQUIRE(spec.ok());
  return *std::move(spec);
}

std::string Error(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return std::string{Parse(text, overrides).status().message()};
}

const v1::ParameterSpec& ParameterOf(const v1::SweepSpec& spec, const std::string& name) {
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    if (parameter.name() == name) return parameter;
  }
  FAIL("no parameter " << name);
  return spec.parameters(0);
}

// Four lines that are in order, then `more`, which begins in line 5.
std::string With(const std::string& more) {
  return "model: m\ndata: {train: t.jsonl}\nparameters:\n  learning_rate: {distribution: log_uniform_values, min: "
         "1e-5, "
         "max: 1e-3}\n" +
         more;
}

// Three lines that are in order, then the only parameter in line 4.
std::string Parameter(const std::string& parameter) {
  return "model: m\ndata: {train: t.jsonl}\nparameters:\n  " + parameter + "\n";
}

constexpr char kTop[] =
    "(allowed here: name, model, data, training, metric, method, parameters, early_terminate, limits, seed, trainer, "
    "run_cap)";
constexpr char kTraining[] =
    "(allowed here: max_steps, batch_size, micro_batch_size, learning_rate, warmup, schedule, weight_decay, "
    "adam_beta1, "
    "adam_beta2, adam_epsilon, max_grad_norm, lora_rank, lora_alpha, lora_dropout, target_modules, eval_every, "
    "save_every, "
    "precision)";

}  // namespace

TEST_CASE("The sample sweep file is read as it stands", "[cli]") {
  std::vector<std::string> warnings;
  const absl::StatusOr<v1::SweepSpec> spec = Parse(kSample, {}, &warnings);
  REQUIRE(spec.ok());
  CHECK(warnings.empty());
  CHECK(spec->name() == "math-tutor");
  CHECK(spec->data().train(0) == "data/math.jsonl");
  CHECK(spec->data().validation().share() == 0.1);
  CHECK(spec->data().packing());
  CHECK(spec->training().warmup() == 0.05);
  CHECK(spec->training().adam_beta2() == 0.999);
  CHECK(spec->limits().trials() == 24);
  CHECK(proto::MakePrunerOptions(*spec)->rung_sequences == std::vector<std::int64_t>{160, 480});
  const absl::StatusOr<search::Space> space = proto::MakeSpace(*spec);
  REQUIRE(space.ok());
  CHECK(space->free_parameters().size() == 4);
}

TEST_CASE("A sweep file of W&B works once it names a model and data", "[cli]") {
  std::vector<std::string> warnings;
  const absl::StatusOr<v1::SweepSpec> spec = Parse(kWandb, {}, &warnings);
  INFO(spec.status());
  REQUIRE(spec.ok());
  CHECK(warnings ==
        std::vector<std::string>{"metric.impute: W&B's, without a meaning here",
                                 "metric.name: val_loss is taken as validation/loss",
                                 "program, project, entity, command, description: W&B's, without a meaning here"});
  CHECK(spec->name() == "sweep");
  CHECK(spec->method() == "bayes");
  CHECK(spec->limits().trials() == 12);
  CHECK(spec->metric().name() == "validation/loss");
  CHECK(spec->training().max_steps() == 60);
  CHECK(proto::MakePrunerOptions(*spec)->rung_sequences == std::vector<std::int64_t>{24, 72});
  CHECK(proto::MakeSpace(*spec)->free_parameters().size() == 8);
  CHECK(Valid(With("early_terminate: {type: hyperband, min_iter: 5}\n")).early_terminate().min_steps() == 5);
}

TEST_CASE("Values keep the type they are written in", "[cli]") {
  const v1::SweepSpec spec = Valid(
      "trainer: external\nparameters:\n"
      "  a: {values: [1, 1.5, 1e-4, 5.0e-5, \"2\", two, true, -3, .5, 1_000, 0x10, '']}\n"
      "  b: {value: 3}\n  c: {value: 3.0}\n  d: {value: \"3\"}\n  e: {value: no}\n");
  const auto& values = ParameterOf(spec, "a").values();
  REQUIRE(values.size() == 12);
  CHECK(values[0].integer() == 1);
  CHECK(values[1].number() == 1.5);
  CHECK(values[2].number() == 1e-4);
  CHECK(values[3].number() == 5e-5);
  CHECK(values[4].text() == "2");
  CHECK(values[5].text() == "two");
  CHECK(values[6].flag());
  CHECK(values[7].integer() == -3);
  CHECK(values[8].number() == 0.5);
  CHECK(values[9].text() == "1_000");
  CHECK(values[10].text() == "0x10");
  CHECK(values[11].has_text());
  CHECK(ParameterOf(spec, "b").value().has_integer());
  CHECK(ParameterOf(spec, "c").value().has_number());
  CHECK(ParameterOf(spec, "d").value().has_text());
  CHECK(ParameterOf(spec, "e").value().has_flag());
}

TEST_CASE("Lists, splits and texts are taken in each of their forms", "[cli]") {
  CHECK(Valid("model: m\ndata: {train: [a, b]}\n").data().train_size() == 2);
  CHECK(Valid("model: m\ndata: {train: 'a, b'}\n").data().train(0) == "a, b");
  CHECK(Valid("model: m\ndata: {train: a, validation: 64}\n").data().validation().rows() == 64);
  CHECK(Valid("model: m\ndata: {train: a, validation: 1}\n").data().validation().rows() == 1);
  CHECK(Valid("model: m\ndata: {train: a, validation: v.jsonl}\n").data().validation().files().paths(0) == "v.jsonl");
  CHECK(Valid("model: m\ndata: {train: a, validation: [v, w]}\n").data().validation().files().paths(1) == "w");
  CHECK(Valid(With("training: {target_modules: [q_proj, v_proj]}\n")).training().target_modules(1) == "v_proj");
  CHECK(Valid(With("training: {target_modules: all-linear}\n")).training().target_modules(0) == "all-linear");
  CHECK(Valid(With("training: {max_steps: 1e3}\n")).training().max_steps() == 1000);
  CHECK(Valid(With("training:\n")).training().max_steps() == 100);
  CHECK(Valid(With("name: 42\n")).name() == "42");
  const v1::SweepSpec lists = Valid(Parameter("target_modules: {values: [[q_proj, v_proj], all-linear]}"));
  CHECK(ParameterOf(lists, "target_modules").values(0).text() == "q_proj,v_proj");
  const v1::SweepSpec anchors = Valid(Parameter("lora_dropout: &d {values: [0, 0.1]}\n  weight_decay: *d"));
  CHECK(ParameterOf(anchors, "weight_decay").values_size() == 2);
}

TEST_CASE("Data files and models beside the sweep file are made absolute, others are left", "[cli]") {
  const testing::TempDir folder;
  std::filesystem::create_directories(folder.path() / "sweeps");
  std::filesystem::create_directories(folder.path() / "models" / "tiny");
  std::ofstream(folder.path() / "math.jsonl") << "{}\n";
  std::ofstream(folder.path() / "sweeps" / "first-try.yaml")
      << "model: ../models/tiny\ndata: {train: [../math.jsonl, s3.jsonl], validation: ../math.jsonl}\n"
         "parameters: {model: {values: [../models/tiny, hub-name]}}\n";
  const absl::StatusOr<v1::SweepSpec> spec = LoadSweepFile(folder.path() / "sweeps" / "first-try.yaml");
  REQUIRE(spec.ok());
  CHECK(spec->name() == "first-try");
  CHECK(spec->model() == (folder.path() / "models/tiny").string());
  CHECK(spec->data().train(0) == (folder.path() / "math.jsonl").string());
  CHECK(spec->data().train(1) == "s3.jsonl");
  CHECK(spec->data().validation().files().paths(0) == (folder.path() / "math.jsonl").string());
  CHECK(spec->parameters(0).values(0).text() == (folder.path() / "models/tiny").string());
  CHECK(spec->parameters(0).values(1).text() == "hub-name");
}

TEST_CASE("A file that is missing, a folder or too large is refused", "[cli]") {
  const testing::TempDir folder;
  CHECK(LoadSweepFile(folder.path() / "none.yaml").status() ==
        absl::NotFoundError((folder.path() / "none.yaml").string() + ": no such file"));
  CHECK(LoadSweepFile(folder.path()).status().code() == absl::StatusCode::kInvalidArgument);
  std::ofstream(folder.path() / "large.yaml") << "name: " << std::string(std::size_t{2} << 20, 'x');
  CHECK(LoadSweepFile(folder.path() / "large.yaml").status().code() == absl::StatusCode::kResourceExhausted);
}

TEST_CASE("Overrides change values by path or by bare key", "[cli]") {
  const v1::SweepSpec spec = Valid(kSample, {"training.learning_rate=3e-4", "max_steps=40", "trials=3", "method=random",
                                             "data.validation=64", "target_modules=[q_proj, v_proj]", "name=quick=1",
                                             "parameters.lora_dropout.values=[0, 0.2]", "run_cap=5"});
  CHECK(spec.training().max_steps() == 40);
  CHECK(spec.limits().trials() == 5);
  CHECK(Valid(kWandb, {"trials=2"}).limits().trials() == 2);
  CHECK(
      Valid(With("early_terminate: {type: hyperband, min_iter: 5}\n"), {"min_steps=7"}).early_terminate().min_steps() ==
      7);
  CHECK(spec.training().learning_rate() == 3e-4);
  CHECK(spec.method() == "random");
  CHECK(spec.data().validation().rows() == 64);
  CHECK(spec.training().target_modules_size() == 2);
  CHECK(spec.name() == "quick=1");
  CHECK(ParameterOf(spec, "lora_dropout").values(1).number() == 0.2);
}

TEST_CASE("An override of a searched setting fixes it", "[cli]") {
  std::vector<std::string> warnings;
  const absl::StatusOr<v1::SweepSpec> spec = Parse(kSample, {"lora_rank=8"}, &warnings);
  REQUIRE(spec.ok());
  CHECK(warnings == std::vector<std::string>{"--set lora_rank=8: lora_rank is fixed and no longer searched"});
  CHECK(spec->training().lora_rank() == 8);
  const absl::StatusOr<search::Params> point =
      proto::MakeSpace(*spec)->Complete({{"learning_rate", 1e-4}, {"lora_dropout", 0.05}, {"weight_decay", 0.1}});
  REQUIRE(point.ok());
  CHECK(point->at("lora_alpha") == search::Value(std::int64_t{16}));
}

TEST_CASE("What is wrong with an override is said of the override", "[cli]") {
  CHECK(Error(kSample, {"max_steps=many"}) ==
        "--set max_steps=many: training.max_steps: many is not allowed (a whole number from 1 to 1000000000)");
  CHECK(Error(kSample, {"max_step=3"}) == "--set max_step=3: unknown key; did you mean max_steps?");
  CHECK(Error(kSample, {"max_steps"}) == "--set max_steps: not of the form key=value");
  CHECK(Error(kSample, {"a..b=3"}) == "--set a..b=3: a..b is not a path of keys");
  CHECK(Error(kSample, {"seed.x=3"}) == "--set seed.x=3: seed has no keys");
  CHECK(Error(kSample, {"seed={"}) == "--set seed={: not valid YAML: a `{` is not closed by `}`, or a `,` is missing");
  CHECK(Error(kSample, {"training.lr=3"}) ==
        std::string("--set training.lr=3: training.lr: unknown key; did you mean learning_rate? ") + kTraining);
}

TEST_CASE("Surprising but legal files are warned about", "[cli]") {
  std::vector<std::string> warnings;
  CHECK(Parse(kSample, {"max_steps=20"}, &warnings).ok());
  CHECK(warnings == std::vector<std::string>{"early_terminate: its first rung is not before max_steps 20, so no trial "
                                             "will be stopped early"});
  warnings.clear();
  CHECK(Parse(Parameter("learning_rate: {distribution: log_uniform, min: 1e-5, max: 1e-3}"), {}, &warnings).ok());
  CHECK(warnings ==
        std::vector<std::string>{"parameters.learning_rate: min and max of log_uniform are natural logarithms, "
                                 "as in W&B; for plain bounds take log_uniform_values"});
}

TEST_CASE("Every mistake is told with file, line, key, value and what is allowed", "[cli]") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {With("training:\n  learning_rat: 3\n"),
       std::string("sweep.yaml:6: training.learning_rat: unknown key; did you mean learning_rate? ") + kTraining},
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
      {With("training: {schedule: cosin}\n"),
       "sweep.yaml:5: training.schedule: cosin is not allowed; did you mean cosine? (one of linear, cosine, constant)"},
      {With("training: {max_steps: }\n"),
       "sweep.yaml:5: training.max_steps: has no value (a whole number from 1 to 1000000000)"},
      {With("seed: [1, 2]\n"), "sweep.yaml:5: seed: a list is not allowed (a whole number at least 0)"},
      {"model: m\ndata: {train: t, packing: 1}\n", "sweep.yaml:2: data.packing: 1 is not allowed (true or false)"},
      {"model: m\ndata: {train: []}\n", "sweep.yaml:2: data.train: an empty list is not allowed"},
      {"model: m\ndata: {train: t, validation: 1.5}\n",
       "sweep.yaml:2: data.validation: 1.5 is not allowed (a share above 0 and below 1, a number of rows, a file or a "
       "list of files)"},
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
       "probabilities, min, max, q, mu, sigma, a, b, expression)"},
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
       "sweep.yaml:5: early_terminate: type is missing (one of none, asha, hyperband, median)"},
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
       "parameters, early_terminate, limits, seed, trainer)"},
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
