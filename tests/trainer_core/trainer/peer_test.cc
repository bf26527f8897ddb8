// Exactness on real models against transformers, PEFT and torch's AdamW, run live (peers.py).
#include <cmath>
#include <cstdlib>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/support/torch_catch.h"

#include "tests/trainer_core/trainer/tiny_model.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/evaluation.h"

namespace lorasweep::trainer {
namespace {

using Json = nlohmann::json;
using testing::Recorder;

std::filesystem::path Stories() {
  return testing::SharedDir() / "models" / "stories260K";
}
std::filesystem::path SmolLm() {
  return testing::CacheDir() / "models" / "SmolLM2-135M-Instruct";
}

void RunPeer(const std::string& what, const std::filesystem::path& folder, const Json& request) {
  const auto file = folder / (what + ".json");
  std::ofstream(file) << request;
  const auto script = testing::SourceDir() / "tests" / "trainer_core" / "trainer" / "peers.py";
  const std::string command = testing::PeerPython().string() + " " + script.string() + " " + what + " " +
                              file.string() + " 2> " + (folder / "peer.log").string();
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

// The peer's logits for ids, with the adapter merged where there is one.
at::Tensor PeerLogits(const std::filesystem::path& folder, const std::filesystem::path& model,
                      const std::string& adapter, const std::vector<std::int32_t>& ids) {
  const auto output = folder / "logits.safetensors";
  RunPeer("logits", folder,
          {{"model", model.string()}, {"adapter", adapter}, {"ids", ids}, {"output", output.string()}});
  const auto file = text::Safetensors::Open(output);
  REQUIRE(file.ok());
  const text::TensorView* view = file->Find("logits");
  REQUIRE(view != nullptr);
  return at::from_blob(const_cast<std::byte*>(view->bytes.data()), view->shape, at::kFloat).clone();
}

// Logits of this program with an adapter from its folder.
at::Tensor AdaptedLogits(Transformer& model, const std::filesystem::path& folder,
                         const std::vector<std::int32_t>& ids) {
  const auto adapter = ReadAdapter(folder, model.config());
  INFO(std::string{adapter.status().message()});
  REQUIRE(adapter.ok());
  LoraBank bank(model.config(),
                {{.rank = adapter->config.rank, .alpha = adapter->config.alpha, .targets = adapter->config.targets}},
                at::kCPU);
  bank.Insert(adapter->values, 0, bank.parameters());
  const LoraPass pass = bank.EvaluationPass({0}, at::kFloat);
  return Logits(model, ids, &pass);
}

void CompareLogits(const std::filesystem::path& folder, std::uint64_t vocabulary) {
  const testing::TempDir temp;
  auto model = Transformer::Load(folder, at::kCPU, at::kFloat);
  REQUIRE(model.ok());
  const std::vector<std::int32_t> ids = testing::MakeSequence(1, 300, 1, vocabulary).ids;
  const at::Tensor wanted = PeerLogits(temp.path(), folder, "", ids);
  CHECK((Logits(*model, ids, nullptr) - wanted).abs().max().item().toDouble() < 1e-4);
}

TEST_CASE("logits equal transformers' on stories260K") {
  LORASWEEP_NEEDS(Stories());
  LORASWEEP_NEEDS(testing::PeerPython());
  CompareLogits(Stories(), 512);
}

TEST_CASE("logits equal transformers' on SmolLM2-135M") {
  LORASWEEP_NEEDS(SmolLm() / "config.json");
  LORASWEEP_NEEDS(testing::PeerPython());
  CompareLogits(SmolLm(), 49152);
}

// Twenty steps here and there from the same adapter over the same rows, in two micro-batches a step.
void CompareTraining(const std::filesystem::path& model_folder, std::uint64_t vocabulary, std::size_t length) {
  const testing::TempDir temp;
  auto data = std::make_shared<text::TokenizedData>();
  data->key = "peer";
  for (std::size_t i = 0; i < 12; ++i) {
    data->train.push_back({{testing::MakeSequence(i, length + i % 5, length / 2, vocabulary)}});
  }
  TrainConfig config{.max_steps = 20,
                     .batch_size = 4,
                     .learning_rate = 2e-3,
                     .warmup = 0.15,
                     .schedule = Schedule::kCosine,
                     .weight_decay = 0.01,
                     .max_grad_norm = 0.5,
                     .lora_rank = 8,
                     .lora_alpha = 16,
                     .eval_every = 0,
                     .save_every = 0};
  const auto trainer = testing::MakeFp32Trainer(model_folder, data, static_cast<std::int64_t>(2 * (length + 4)));
  TrialJob job{.config = config, .data_seed = 5, .seed = 6, .base_model_name = model_folder.string()};

  job.output_folder = temp.path() / "initial";
  Recorder start;
  start.commands[{0, 0}] = Command::kStop;
  testing::RunOne(*trainer, job, start);
  job.output_folder = temp.path() / "trained";
  Recorder recorder;
  REQUIRE(testing::RunOne(*trainer, job, recorder).kind == Outcome::Kind::kCompleted);

  Json steps = Json::array();
  const text::DataOrder order(job.data_seed, 12);
  for (std::int64_t step = 0; step < config.max_steps; ++step) {
    Json batches = Json::array({Json::array(), Json::array()});
    for (std::int64_t i = 0; i < 4; ++i) {
      const text::Sequence& sequence = data->train[static_cast<std::size_t>(order.At(step * 4 + i))].sequences.front();
      batches[static_cast<std::size_t>(i / 2)].push_back({{"ids", sequence.ids}, {"learned", sequence.learned}});
    }
    steps.push_back(batches);
  }
  const auto output = temp.path() / "peer";
  RunPeer("train", temp.path(),
          {{"model", model_folder.string()},
           {"adapter", (temp.path() / "initial" / "adapter").string()},
           {"output", output.string()},
           {"learning_rate", config.learning_rate},
           {"warmup", config.warmup},
           {"schedule", "cosine"},
           {"max_steps", config.max_steps},
           {"weight_decay", config.weight_decay},
           {"max_grad_norm", config.max_grad_norm},
           {"steps", steps}});

  const Json peer = Json::parse(std::ifstream(output / "losses.json"));
  const std::vector<double> losses = recorder.Losses();
  double least_norm = 1e9;
  for (std::size_t step = 0; step < losses.size(); ++step) {
    INFO("step " << step + 1);
    CHECK(losses[step] == Approx(peer["losses"][step].get<double>()).epsilon(1e-4));
    CHECK(recorder.reports[0][step + 1].grad_norm == Approx(peer["norms"][step].get<double>()).epsilon(2e-3));
    least_norm = std::min(least_norm, peer["norms"][step].get<double>());
  }
  CHECK(least_norm > config.max_grad_norm);  // so that clipping was at work
  CHECK(losses.back() < losses.front());

  const auto shape = text::LoadModelConfig(model_folder);
  REQUIRE(shape.ok());
  const auto mine = ReadAdapter(temp.path() / "trained" / "adapter", *shape);
  const auto theirs = ReadAdapter(output, *shape);
  INFO(std::string{theirs.status().message()});
  REQUIRE(mine.ok());
  REQUIRE(theirs.ok());
  const auto tensor = [](const std::vector<float>& values) { return at::tensor(values, at::kFloat); };
  const double distance = (tensor(mine->values) - tensor(theirs->values)).norm().item().toDouble();
  CHECK(distance / tensor(theirs->values).norm().item().toDouble() < 1e-3);

  auto model = Transformer::Load(model_folder, at::kCPU, at::kFloat);
  REQUIRE(model.ok());
  const auto trained = temp.path() / "trained" / "adapter";
  const std::vector<std::int32_t> ids = testing::MakeSequence(3, 40, 1, vocabulary).ids;
  const at::Tensor merged = PeerLogits(temp.path(), model_folder, trained.string(), ids);
  CHECK((AdaptedLogits(*model, trained, ids) - merged).abs().max().item().toDouble() < 1e-4);
}

TEST_CASE("twenty steps on stories260K equal PEFT's with torch's AdamW, and PEFT loads the adapter") {
  LORASWEEP_NEEDS(Stories());
  LORASWEEP_NEEDS(testing::PeerPython());
  CompareTraining(Stories(), 512, 40);
}

TEST_CASE("twenty steps on SmolLM2-135M equal PEFT's with torch's AdamW, and PEFT loads the adapter") {
  LORASWEEP_NEEDS(SmolLm() / "config.json");
  LORASWEEP_NEEDS(testing::PeerPython());
  CompareTraining(SmolLm(), 49152, 24);
}

}  // namespace
}  // namespace lorasweep::trainer
