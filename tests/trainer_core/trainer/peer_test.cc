// Exactness on real models against transformers, PEFT and the optimizers of torch and bitsandbytes, run live
// (peers.py).
#include <cmath>
#include <fstream>

#include "tests/trainer_core/trainer/peers.h"
#include "tests/trainer_core/trainer/tiny_model.h"
#include "trainer_core/trainer/config_words.h"

namespace lorasweep::trainer {
namespace {

using Json = nlohmann::json;
using testing::Peers;
using testing::Recorder;

std::filesystem::path Stories() {
  return testing::SharedDir() / "models" / "stories260K";
}
std::filesystem::path SmolLm() {
  return testing::CacheDir() / "models" / "SmolLM2-135M-Instruct";
}

void CompareLogits(const std::filesystem::path& folder, std::uint64_t vocabulary) {
  const testing::TempDir temp;
  auto model = Transformer::Load(folder, at::kCPU, at::kFloat);
  REQUIRE(model.ok());
  const std::vector<std::int32_t> ids = testing::MakeSequence(1, 300, 1, vocabulary).ids;
  const at::Tensor wanted = testing::PeerLogits(temp.path(), folder, {""}, ids).front();
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

// One trial that is trained here and there, from the same adapter.
struct PeerCase {
  std::string name;
  TrainConfig config;
  // PEFT's LoraConfig where the peer begins by itself: from the base's singular values or the like, which are told by
  // the weights up to signs.
  Json lora = {};
  bool merged = true;  // whether the peer merges the adapter too, to compare logits
  double wider = 1;    // than the common tolerances
};

constexpr std::size_t kRows = 12;

TrainConfig PeerConfig() {
  return {.max_steps = 20,
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
}

// What the peer is told of a case.
Json PeerSettings(const PeerCase& peer_case, const std::filesystem::path& folder) {
  const TrainConfig& config = peer_case.config;
  Json schedule = Json::object();
  if (config.schedule == Schedule::kPolynomial) schedule = {{"power", config.power}, {"lr_end", config.lr_end}};
  if (config.schedule == Schedule::kCosineWithMinLr) schedule = {{"min_lr_rate", config.min_lr_rate}};
  if (config.schedule == Schedule::kWarmupStableDecay) schedule = {{"num_decay_steps", config.decay_steps}};
  return {{"name", peer_case.name},
          {"adapter", (folder / "initial" / peer_case.name / "adapter").string()},
          {"lora", peer_case.lora},
          {"output", (folder / "peer" / peer_case.name).string()},
          {"optimizer", Word(config.optimizer)},
          {"learning_rate", config.learning_rate},
          {"warmup", config.warmup},
          {"schedule", Word(config.schedule)},
          {"schedule_settings", schedule},
          {"max_steps", config.max_steps},
          {"weight_decay", config.weight_decay},
          {"momentum", config.momentum},
          {"loraplus_lr_ratio", config.loraplus_lr_ratio},
          {"loraplus_lr_embedding", config.loraplus_lr_embedding},
          {"label_smoothing", config.label_smoothing},
          {"max_grad_norm", config.max_grad_norm}};
}

// The rows of each step, in two micro-batches.
Json PeerSteps(const text::TokenizedData& data, std::uint64_t data_seed, const TrainConfig& config) {
  Json steps = Json::array();
  const text::DataOrder order(data_seed, static_cast<std::int64_t>(kRows));
  for (std::int64_t step = 0; step < config.max_steps; ++step) {
    Json batches = Json::array({Json::array(), Json::array()});
    for (std::int64_t i = 0; i < config.batch_size; ++i) {
      const text::Sequence& sequence =
          data.train[static_cast<std::size_t>(order.At(step * config.batch_size + i))].sequences.front();
      batches[static_cast<std::size_t>(2 * i / config.batch_size)].push_back(
          {{"ids", sequence.ids}, {"learned", sequence.learned}});
    }
    steps.push_back(batches);
  }
  return steps;
}

// Trains every case here, all in one pack, and there, one after the other; losses, norms and adapters must agree.
void CompareTraining(const std::filesystem::path& model_folder, std::uint64_t vocabulary, std::size_t length,
                     const std::vector<PeerCase>& cases, Quantization quantization = Quantization::kNone) {
  const testing::TempDir temp;
  auto data = std::make_shared<text::TokenizedData>();
  data->key = "peer";
  for (std::size_t i = 0; i < kRows; ++i) {
    data->train.push_back({{testing::MakeSequence(i, length + i % 5, length / 2, vocabulary)}});
  }
  const auto trainer = testing::MakeFp32Trainer(
      model_folder, data, static_cast<std::int64_t>(2 * (length + 4) * cases.size()), 1, quantization);
  JobPack initial;
  JobPack trained;
  const char* const words[] = {"none", "nf4", "fp4", "int8"};
  Json request = {{"model", model_folder.string()},
                  {"quantization", words[static_cast<std::size_t>(quantization)]},
                  {"cases", Json::array()}};
  Recorder start;
  for (const PeerCase& peer_case : cases) {
    TrialJob job{.name = peer_case.name,
                 .config = peer_case.config,
                 .data_seed = 5,
                 .seed = 6,
                 .base_model_name = model_folder.string()};
    job.output_folder = temp.path() / "initial" / peer_case.name;
    start.commands[{initial.jobs.size(), 0}] = Command::kStop;
    initial.jobs.push_back(job);
    job.output_folder = temp.path() / "trained" / peer_case.name;
    trained.jobs.push_back(job);
    request["cases"].push_back(PeerSettings(peer_case, temp.path()));
  }
  request["steps"] = PeerSteps(*data, trained.jobs.front().data_seed, cases.front().config);
  REQUIRE(trainer->Run(initial, start, {}).ok());
  Recorder recorder;
  const auto outcomes = trainer->Run(trained, recorder, {});
  REQUIRE(outcomes.ok());
  Peers::Instance().Run("train", temp.path(), request);

  const auto shape = text::LoadModelConfig(model_folder);
  REQUIRE(shape.ok());
  for (std::size_t slot = 0; slot < cases.size(); ++slot) {
    const std::string& name = cases[slot].name;
    INFO(name);
    CHECK((*outcomes)[slot].kind == Outcome::Kind::kCompleted);
    const Json peer = Json::parse(std::ifstream(temp.path() / "peer" / name / "losses.json"));
    const std::vector<double> losses = recorder.Losses(slot);
    REQUIRE(losses.size() == peer["losses"].size());
    double least_norm = 1e9;
    for (std::size_t step = 0; step < losses.size(); ++step) {
      INFO("step " << step + 1);
      const double wider = cases[slot].wider;
      CHECK(losses[step] == Approx(peer["losses"][step].get<double>()).epsilon(wider * 1e-4));
      CHECK(recorder.reports[slot][step + 1].grad_norm ==
            Approx(peer["norms"][step].get<double>()).epsilon(wider * 2e-3));
      least_norm = std::min(least_norm, peer["norms"][step].get<double>());
    }
    CHECK(least_norm > cases[slot].config.max_grad_norm);  // so that clipping was at work
    CHECK(losses.back() < losses.front());
    const auto mine = ReadAdapter(temp.path() / "trained" / name / "adapter", *shape);
    INFO(std::string{mine.status().message()});
    REQUIRE(mine.ok());
    if (!cases[slot].lora.is_null()) continue;  // the peer's file is of another base model
    const auto theirs = ReadAdapter(temp.path() / "peer" / name, *shape);
    INFO(std::string{theirs.status().message()});
    REQUIRE(theirs.ok());
    CHECK((mine->config.modules == theirs->config.modules));
    const auto tensor = [](const std::vector<float>& values) { return at::tensor(values, at::kFloat); };
    const double distance = (tensor(mine->values) - tensor(theirs->values)).norm().item().toDouble();
    CHECK(distance / tensor(theirs->values).norm().item().toDouble() < cases[slot].wider * 1e-3);
  }

  auto model = Transformer::Load(model_folder, at::kCPU, at::kFloat);
  REQUIRE(model.ok());
  const std::vector<std::int32_t> ids = testing::MakeSequence(3, 40, 1, vocabulary).ids;
  std::vector<std::string> adapters;
  for (const PeerCase& peer_case : cases) {
    if (peer_case.merged) adapters.push_back((temp.path() / "trained" / peer_case.name / "adapter").string());
  }
  const std::vector<at::Tensor> merged = testing::PeerLogits(temp.path(), model_folder, adapters, ids);
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    INFO(adapters[i]);
    CHECK((testing::AdaptedLogits(*model, adapters[i], ids) - merged[i]).abs().max().item().toDouble() < 1e-4);
  }
}

// A case that differs from the common one in what `change` changes.
template <typename Change>
PeerCase Case(std::string name, const Change& change) {
  PeerCase made{.name = std::move(name), .config = PeerConfig()};
  change(made.config);
  return made;
}

// What PEFT is told where it begins by itself.
Json OwnStart(const TrainConfig& config) {
  return {{"r", config.lora_rank},
          {"lora_alpha", config.lora_alpha},
          {"target_modules", "all-linear"},
          {"use_dora", config.use_dora},
          {"init_lora_weights", Word(config.init_lora_weights)}};
}

std::vector<PeerCase> LoraCases() {
  std::vector<PeerCase> cases = {
      Case("adamw", [](TrainConfig&) {}),
      Case("rslora", [](TrainConfig& c) { c.use_rslora = true; }),
      Case("dora", [](TrainConfig& c) { c.use_dora = true; }),
      Case("patterns",
           [](TrainConfig& c) {
             c.target_modules = {".*(q|v|down)_proj"};
             c.layers_to_transform = {0, 2, 4};
             c.rank_pattern = {{R"(layers\.2\..*q_proj)", 2}, {"down_proj", 3}};
             c.alpha_pattern = {{"v_proj", 4}};
             c.use_rslora = true;
           }),
      Case("gaussian", [](TrainConfig& c) { c.init_lora_weights.kind = InitKind::kGaussian; }),
      Case("pissa", [](TrainConfig& c) { c.init_lora_weights.kind = InitKind::kPissa; }),
      Case("olora", [](TrainConfig& c) { c.init_lora_weights.kind = InitKind::kOlora; }),
      Case("dora_pissa", [](TrainConfig& c) {
        c.init_lora_weights.kind = InitKind::kPissa;
        c.use_dora = true;
      })};
  for (PeerCase& peer_case : cases) {
    if (peer_case.config.init_lora_weights.TakesFromBase()) peer_case.lora = OwnStart(peer_case.config);
  }
  return cases;
}

// What is trained beside the layers' adapters. Embedding and head are one in the models.
std::vector<PeerCase> WholeCases() {
  return {Case("head", [](TrainConfig& c) { c.whole.modules_to_save = {"lm_head"}; }),
          Case("ends",
               [](TrainConfig& c) {
                 c.whole.modules_to_save = {"embed_tokens", "lm_head", "norm", "down_proj"};
                 c.weight_decay = 0.1;
               }),
          Case("tied",
               [](TrainConfig& c) {
                 c.whole = {.modules_to_save = {"lm_head"}, .ensure_weight_tying = true};
                 c.optimizer = Optimizer::kAdafactor;
               }),
          Case("lora_on_ends",
               [](TrainConfig& c) {
                 c.target_modules = {"q_proj", "lm_head", "embed_tokens"};
                 c.loraplus_lr_ratio = 2;
                 c.loraplus_lr_embedding = 1e-4;
               }),
          Case("dora_on_head", [](TrainConfig& c) {
            c.target_modules = {"v_proj", "lm_head"};
            c.use_dora = true;
          })};
}

// What is trained of models with biases, whose names are GPT-2's or Qwen's.
std::vector<PeerCase> BiasCases(const std::string& embedding) {
  return {Case("all",
               [](TrainConfig& c) {
                 c.whole.bias = text::BiasTraining::kAll;
                 c.weight_decay = 0.1;
                 c.loraplus_lr_ratio = 2;
               }),
          Case("lora_only",
               [](TrainConfig& c) {
                 c.target_modules = {".*(q_proj|c_attn)"};
                 c.whole.bias = text::BiasTraining::kLoraOnly;
                 c.use_dora = true;
                 c.max_grad_norm = 0.2;
               }),
          Case("embedding", [&](TrainConfig& c) { c.whole.modules_to_save = {embedding}; })};
}

std::vector<PeerCase> LoopCases() {
  std::vector<PeerCase> cases = {Case("loraplus", [](TrainConfig& c) { c.loraplus_lr_ratio = 8; }),
                                 Case("smoothed", [](TrainConfig& c) { c.label_smoothing = 0.1; }),
                                 Case("sgd",
                                      [](TrainConfig& c) {
                                        c.optimizer = Optimizer::kSgd;
                                        c.learning_rate = 0.2;
                                        c.momentum = 0.9;
                                      }),
                                 Case("lion",
                                      [](TrainConfig& c) {
                                        c.optimizer = Optimizer::kLion;
                                        c.learning_rate = 3e-4;
                                      }),
                                 // Tensors of 4096 elements and more, whose moments are in 8 bits: where a moment lies
                                 // between two codes, the last bit of a gradient decides.
                                 Case("adamw_8bit",
                                      [](TrainConfig& c) {
                                        c.optimizer = Optimizer::kAdamW8bit;
                                        c.lora_rank = 64;
                                        c.whole.modules_to_save = {"lm_head", "embed_tokens"};
                                      }),
                                 Case("lion_8bit",
                                      [](TrainConfig& c) {
                                        c.optimizer = Optimizer::kLion8bit;
                                        c.learning_rate = 3e-4;
                                        c.lora_rank = 64;
                                      }),
                                 Case("adafactor", [](TrainConfig& c) {
                                   c.optimizer = Optimizer::kAdafactor;
                                   c.use_dora = true;
                                 })};
  for (const Schedule schedule :
       {Schedule::kLinear, Schedule::kCosineWithRestarts, Schedule::kCosineWithMinLr, Schedule::kConstant,
        Schedule::kConstantWithWarmup, Schedule::kPolynomial, Schedule::kInverseSqrt, Schedule::kWarmupStableDecay}) {
    cases.push_back(Case(std::string{Word(schedule)}, [&](TrainConfig& c) {
      c.schedule = schedule;
      c.min_lr_rate = schedule == Schedule::kCosineWithMinLr ? 0.1 : 0;
      c.decay_steps = 8;
    }));
  }
  for (PeerCase& peer_case : cases) {
    if (Word(peer_case.config.optimizer).ends_with("8bit")) peer_case.wider = 10;
  }
  return cases;
}

TEST_CASE("twenty steps on a quantised stories260K equal PEFT's on bitsandbytes' layers") {
  LORASWEEP_NEEDS(Stories());
  LORASWEEP_NEEDS(testing::PeerPython());
  for (const Quantization quantization : {Quantization::kNf4, Quantization::kInt8}) {
    CompareTraining(Stories(), 512, 40, {Case("adamw", [](TrainConfig&) {})}, quantization);
  }
}

TEST_CASE("twenty steps on stories260K equal PEFT's for each kind of adapter, optimizer, schedule and loss") {
  LORASWEEP_NEEDS(Stories());
  LORASWEEP_NEEDS(testing::PeerPython());
  std::vector<PeerCase> cases = LoraCases();
  for (PeerCase& peer_case : WholeCases()) cases.push_back(std::move(peer_case));
  for (PeerCase peer_case : LoopCases()) {
    peer_case.merged = false;
    cases.push_back(std::move(peer_case));
  }
  CompareTraining(Stories(), 512, 40, cases);
}

TEST_CASE("twenty steps on small models with biases equal PEFT's, with a row of padding that is never trained") {
  LORASWEEP_NEEDS(testing::PeerPython());
  for (const std::string name : {"qwen2", "gpt2"}) {
    INFO(name);
    const testing::TempDir temp;
    Peers::Instance().Run("model", temp.path(), {{"name", name}, {"padding", 7}, {"folder", temp.path().string()}});
    CompareTraining(temp.path(), 96, 40, BiasCases(name == "gpt2" ? "wte" : "embed_tokens"));
  }
}

TEST_CASE("twenty steps on SmolLM2-135M equal PEFT's with torch's AdamW, and PEFT loads the adapter") {
  LORASWEEP_NEEDS(SmolLm() / "config.json");
  LORASWEEP_NEEDS(testing::PeerPython());
  CompareTraining(SmolLm(), 49152, 24, {Case("adamw", [](TrainConfig&) {})});
}

}  // namespace
}  // namespace lorasweep::trainer
