#include "cli/sweep_file.h"

#include <catch2/catch.hpp>

#include <fstream>

#include "proto/convert.h"
#include "proto/search_space.h"
#include "proto/settings.h"
#include "tests/cli/sweep_file_support.h"
#include "tests/support/paths.h"

namespace lorasweep::cli {
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
  CHECK(Valid("model: m\ndata: {train: a, test: 0.2}\n").data().test().share() == 0.2);
  CHECK_FALSE(Valid("model: m\ndata: {train: a}\n").data().has_test());
  CHECK(Valid("model: m\ndata: {train: [a, b], weights: [2, 0.5]}\n").data().weights(1) == 0.5);
  CHECK(Valid("model: m\ndata: {train: [a, b]}\n", {"data.weights=2,1"}).data().weights(0) == 2);
  CHECK(Valid("model: m\ndata: {train: a, validation: 1}\n").data().validation().rows() == 1);
  CHECK(Valid("model: m\ndata: {train: a, validation: v.jsonl}\n").data().validation().files().paths(0) == "v.jsonl");
  CHECK(Valid("model: m\ndata: {train: a, validation: [v, w]}\n").data().validation().files().paths(1) == "w");
  CHECK(Valid(With("training: {target_modules: [q_proj, v_proj]}\n")).training().target_modules(1) == "v_proj");
  CHECK(Valid(With("training: {target_modules: all-linear}\n")).training().target_modules(0) == "all-linear");
  CHECK(Valid(With("training: {max_steps: 1e3}\n")).training().max_steps() == 1000);
  CHECK(Valid(With("training:\n")).training().max_steps() == 100);
  CHECK(Valid(With("name: 42\n")).name() == "42");
  const v1::SweepSpec labels = Valid(With("limits: {worker_labels: {gpu: a100, memory: 80}}\n"));
  REQUIRE(labels.limits().worker_labels_size() == 2);
  CHECK(labels.limits().worker_labels(0) == "gpu=a100");
  CHECK(labels.limits().worker_labels(1) == "memory=80");
  CHECK(Valid(With("limits: {worker_labels: [flags=-O2=yes]}\n")).limits().worker_labels(0) == "flags=-O2=yes");
  CHECK(Valid(With(""), {"worker_labels=gpu=a100"}).limits().worker_labels(0) == "gpu=a100");
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
        std::string("--set training.lr=3: training.lr: unknown key; did you mean learning_rate? ") +
            Allowed(v1::TrainingSpec::descriptor()));
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

}  // namespace lorasweep::cli
