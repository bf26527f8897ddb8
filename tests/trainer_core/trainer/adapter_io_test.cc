#include "trainer_core/trainer/adapter_io.h"

#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include <catch2/catch.hpp>

#include "tests/trainer_core/trainer/tiny_model.h"
#include "trainer_core/trainer/checkpoint.h"

namespace lorasweep::trainer {
namespace {

struct Fixture {
  testing::TempDir folder;
  text::ModelConfig model;
  AdapterConfig config{.base_model_name = "org/base", .rank = 3, .alpha = 6, .dropout = 0.05};

  Fixture() {
    testing::WriteTinyModel(folder.path() / "model");
    model = *text::LoadModelConfig(folder.path() / "model");
    Adapt({.target_modules = {"q_proj", "down_proj"}, .rank = 3, .alpha = 6});
  }
  void Adapt(const text::AdapterTargets& targets) {
    config.use_rslora = targets.use_rslora;
    config.modules = *text::ResolveTargets(targets, model);
  }
  void TrainWhole(const text::WholeChoice& choice) {
    config.whole_choice = choice;
    config.whole = *text::ResolveWhole(choice, config.modules, model);
  }
  AdapterLayout Layout() const { return config.Layout(model); }
  std::vector<float> Values() const {
    std::vector<float> values(static_cast<std::size_t>(Layout().size()));
    std::iota(values.begin(), values.end(), 1.0F);
    return values;
  }
  std::string Text(const std::filesystem::path& file) const {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
};

TEST_CASE("an adapter comes back as it was written, under PEFT's names") {
  const Fixture f;
  const auto folder = f.folder.path() / "adapter";
  REQUIRE(WriteAdapter(folder, f.model, f.config, f.Values()).ok());
  const auto read = ReadAdapter(folder, f.model);
  REQUIRE(read.ok());
  CHECK(read->values == f.Values());
  CHECK(read->config.rank == 3);
  CHECK(read->config.alpha == 6);
  CHECK(read->config.dropout == 0.05);
  CHECK(read->config.modules == f.config.modules);
  const auto file = text::Safetensors::Open(folder / "adapter_model.safetensors");
  REQUIRE(file.ok());
  const text::TensorView* b = file->Find("base_model.model.model.layers.1.mlp.down_proj.lora_B.weight");
  REQUIRE(b != nullptr);
  CHECK(b->shape == std::vector<std::int64_t>{32, 3});
  CHECK(file->metadata().at("format") == "pt");
  const std::string config = f.Text(folder / "adapter_config.json");
  CHECK(config.find("{\n  \"alpha_pattern\": {},\n") == 0);
  CHECK(config.find("\"lora_alpha\": 6,") != std::string::npos);
  CHECK(config.find("\"target_modules\": [\n    \"q_proj\",\n    \"down_proj\"\n  ]") != std::string::npos);
}

TEST_CASE("patterns, single layers, rsLoRA and DoRA come back as they were written") {
  Fixture f;
  f.Adapt({.exclude_modules = {"k_proj"},
           .layers_to_transform = {1},
           .rank = 3,
           .alpha = 6,
           .rank_pattern = {{"q_proj", 2}, {".*up_proj", 5}},
           .alpha_pattern = {{"down_proj", 1.5}},
           .use_rslora = true});
  f.config.use_dora = true;
  const auto folder = f.folder.path() / "adapter";
  REQUIRE(WriteAdapter(folder, f.model, f.config, f.Values()).ok());
  const auto read = ReadAdapter(folder, f.model);
  INFO(std::string{read.status().message()});
  REQUIRE(read.ok());
  CHECK(read->values == f.Values());
  CHECK(read->config.modules == f.config.modules);
  CHECK(read->config.use_dora);
  const std::string config = f.Text(folder / "adapter_config.json");
  CHECK(config.find("\"model.layers.1.mlp.up_proj\": 5") != std::string::npos);
  CHECK(config.find("\"model.layers.1.mlp.down_proj\": 1.5") != std::string::npos);
  CHECK(config.find("\"use_rslora\": true") != std::string::npos);
}

TEST_CASE("what is trained whole and adapters on head and embedding come back, under PEFT's names") {
  Fixture f;
  f.Adapt({.target_modules = {"q_proj", "embed_tokens"}, .rank = 3, .alpha = 6});
  f.TrainWhole({.modules_to_save = {"lm_head", "model.norm"}, .bias = text::BiasTraining::kAll});
  const auto folder = f.folder.path() / "adapter";
  REQUIRE(WriteAdapter(folder, f.model, f.config, f.Values()).ok());
  const auto read = ReadAdapter(folder, f.model);
  INFO(std::string{read.status().message()});
  REQUIRE(read.ok());
  CHECK(read->values == f.Values());
  CHECK(read->config.modules == f.config.modules);
  CHECK(read->config.whole.places == f.config.whole.places);
  CHECK(read->config.whole_choice.bias == text::BiasTraining::kAll);
  const auto file = text::Safetensors::Open(folder / "adapter_model.safetensors");
  REQUIRE(file.ok());
  const auto shape = [&](const std::string& name) {
    const text::TensorView* view = file->Find("base_model.model." + name);
    return view == nullptr ? std::vector<std::int64_t>() : view->shape;
  };
  CHECK(shape("lm_head.weight") == std::vector<std::int64_t>{64, 32});
  CHECK(shape("model.norm.weight") == std::vector<std::int64_t>{32});
  CHECK(shape("model.embed_tokens.lora_embedding_A") == std::vector<std::int64_t>{3, 64});
  CHECK(shape("model.embed_tokens.lora_embedding_B") == std::vector<std::int64_t>{32, 3});
  const std::string config = f.Text(folder / "adapter_config.json");
  CHECK(config.find("\"modules_to_save\": [\n    \"lm_head\",\n    \"model.norm\"\n  ]") != std::string::npos);
  CHECK(config.find("\"bias\": \"all\"") != std::string::npos);
  CHECK(config.find("\"target_modules\": [\n    \"q_proj\",\n    \"embed_tokens\"\n  ]") != std::string::npos);
}

TEST_CASE("a head that is the embedding is written as both, and what PEFT adds of the base is passed over") {
  Fixture f;
  f.TrainWhole({.modules_to_save = {"lm_head"}, .ensure_weight_tying = true});
  const std::vector<float> values = f.Values();
  const AdapterLayout layout = f.Layout();
  std::vector<text::TensorView> tensors = AdapterTensors(layout, values);
  CHECK(tensors.back().name == "base_model.model.lm_head.weight");
  CHECK(tensors.back().bytes.data() == tensors[tensors.size() - 2].bytes.data());
  const std::vector<std::string> of_base = {"base_model.model.lm_head.base_layer.weight",
                                            "base_model.model.model.norm.original_module.weight"};
  for (const std::string& name : of_base) {
    tensors.push_back(tensors.front());
    tensors.back().name = name;
  }
  const auto folder = f.folder.path() / "adapter";
  REQUIRE(WriteAdapterFiles(folder, AdapterConfigText(f.model, f.config), tensors).ok());
  const auto read = ReadAdapter(folder, f.model);
  INFO(std::string{read.status().message()});
  REQUIRE(read.ok());
  CHECK(read->values == values);
  CHECK(read->config.whole.head_is_embedding);
  tensors.back().name = "base_model.model.model.norm.weight";
  REQUIRE(WriteAdapterFiles(folder, AdapterConfigText(f.model, f.config), tensors).ok());
  CHECK_THAT(std::string{ReadAdapter(folder, f.model).status().message()},
             Catch::Contains("belong to no adapter") && Catch::Contains("model.norm.weight"));
}

TEST_CASE("what PiSSA took out of the base comes back with twice the rank, and apart again") {
  for (const bool stabilised : {false, true}) {
    Fixture f;
    f.Adapt({.target_modules = {"q_proj"},
             .rank = 2,
             .alpha = 6,
             .rank_pattern = {{"layers.0.*", 1}},
             .use_rslora = stabilised});
    const std::vector<float> values = f.Values();
    std::vector<float> initial(values.rbegin(), values.rend());
    const Adapter joined = OnWholeBase(f.model, {f.config, values}, initial);
    CHECK(joined.config.rank == 2 * f.config.rank);
    CHECK(joined.config.modules[0].rank == 2);
    CHECK(joined.config.modules[7].rank == 4);
    const text::ModuleAdapter& module = joined.config.modules[7];
    CHECK(text::AdapterScale(module.rank, module.alpha, stabilised) == Approx(f.config.modules[7].scale));
    // Element (row 1, first of the second half) of B in layer 1.
    const LoraSite own = f.Layout().sites()[1];
    const LoraSite place = joined.config.Layout(f.model).sites()[1];
    CHECK(joined.values[static_cast<std::size_t>(place.b_offset + 4 + 2)] ==
          -initial[static_cast<std::size_t>(own.b_offset + 2)]);
    const TakenApart parts = TakeApart(f.model, f.config, joined.values);
    CHECK(parts.values == values);
    CHECK(parts.initial == initial);
  }
}

TEST_CASE("adapters that this program's maths does not cover are refused by name") {
  const Fixture f;
  const auto folder = f.folder.path() / "adapter";
  REQUIRE(WriteAdapter(folder, f.model, f.config, f.Values()).ok());
  const std::string good = f.Text(folder / "adapter_config.json");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    std::ofstream(folder / "adapter_config.json") << text;
    return ReadAdapter(folder, f.model);
  };
  CHECK(absl::IsInvalidArgument(with("\"use_dora\": false", "\"use_dora\": true").status()));
  CHECK(absl::IsInvalidArgument(with("\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q_proj\": \"4\"}").status()));
  CHECK(absl::IsInvalidArgument(with("\"alpha_pattern\": {}", "\"alpha_pattern\": {\"(q\": 4}").status()));
  CHECK(absl::IsInvalidArgument(with("\"r\": 3", "\"r\": \"3\"").status()));
  CHECK(absl::IsInvalidArgument(with("{\n", "[\n").status()));
  const auto rank_stabilised = with("\"use_rslora\": false", "\"use_rslora\": true");
  REQUIRE(rank_stabilised.ok());
  CHECK(rank_stabilised->config.modules[0].scale == Approx(6 / std::sqrt(3.0)));
  CHECK(absl::IsNotFound(ReadAdapter(f.folder.path() / "nowhere", f.model).status()));
}

TEST_CASE("a checkpoint comes back as it was written and is readable as an adapter's weights") {
  const Fixture f;
  const auto file = f.folder.path() / "checkpoint.safetensors";
  const RunIdentity identity = {{"learning_rate", "0.0003"}, {"model", "abc"}};
  Checkpoint checkpoint{
      .step = 7,
      .sequences = 56,
      .tokens = 900,
      .adapter_config = "{\"peft_type\": \"LORA\"}",
      .parameters = f.Values(),
      .state = {{"codes", {.dtype = text::DType::kU8, .shape = {1, 2}, .bytes = {std::byte{3}, std::byte{250}}}}},
      .notes = {{"scale", "65536"}}};
  const std::vector<float> moments = {-0.125F, 3, 0};
  checkpoint.SetFloats("moments", moments);
  REQUIRE(WriteCheckpoint(file, identity, f.Layout(), checkpoint).ok());
  const auto read = ReadCheckpoint(file, identity, f.Layout());
  REQUIRE(read.ok());
  CHECK(read->step == 7);
  CHECK(read->sequences == 56);
  CHECK(read->tokens == 900);
  CHECK(read->parameters == checkpoint.parameters);
  CHECK(read->adapter_config == checkpoint.adapter_config);
  CHECK(read->notes == checkpoint.notes);
  CHECK(read->state.size() == 2);
  CHECK(read->state.at("codes").shape == std::vector<std::int64_t>{1, 2});
  CHECK(read->state.at("codes").bytes == checkpoint.state.at("codes").bytes);
  CHECK(read->Floats("moments", 3).value() == moments);
  CHECK(absl::IsInvalidArgument(read->Floats("moments", 2).status()));
  CHECK(absl::IsInvalidArgument(read->Floats("codes", 2).status()));
  CHECK(absl::IsInvalidArgument(read->Floats("other", 3).status()));

  const auto folder = f.folder.path() / "exported";
  REQUIRE(ExportCheckpointAdapter(file, folder).ok());
  const auto exported = text::Safetensors::Open(folder / "adapter_model.safetensors");
  REQUIRE(exported.ok());
  CHECK(AdapterValues(*exported, f.Layout()).value() == f.Values());
  CHECK(exported->tensors().size() == 2 * f.Layout().sites().size());

  const auto other = ReadCheckpoint(file, {{"learning_rate", "0.001"}, {"model", "abc"}}, f.Layout());
  CHECK(absl::IsFailedPrecondition(other.status()));
  CHECK(std::string{other.status().message()}.find("learning_rate 0.0003, this run has 0.001") != std::string::npos);
  CHECK(absl::IsInvalidArgument(ReadCheckpoint(f.folder.path() / "model", identity, f.Layout()).status()));
  std::ofstream(file) << "no checkpoint";
  CHECK_FALSE(ReadCheckpoint(file, identity, f.Layout()).ok());
}

}  // namespace
}  // namespace lorasweep::trainer
