// Every architecture against transformers and PEFT on small random models, made live by architectures.py: logits to
// 1e-4, the gradients of adapters and of what is trained whole to 1e-4 of their norm, greedy text equal; adapters that
// were trained here merge there to equal logits.
#include <fstream>

#include "tests/trainer_core/trainer/peers.h"
#include "tests/trainer_core/trainer/tiny_model.h"
#include "trainer_core/trainer/generator.h"
#include "trainer_core/trainer/token_loss.h"

namespace lorasweep::trainer {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<std::int32_t>;

constexpr double kTolerance = 1e-4;

class Expected {
 public:
  explicit Expected(const std::filesystem::path& file) : file_(text::Safetensors::Open(file)) { REQUIRE(file_.ok()); }

  at::Tensor operator()(const std::string& name) const {
    const text::TensorView* view = file_->Find(name);
    INFO(name);
    REQUIRE(view != nullptr);
    return at::from_blob(const_cast<std::byte*>(view->bytes.data()), view->shape, at::kFloat).clone();
  }

 private:
  absl::StatusOr<text::Safetensors> file_;
};

double LargestDifference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item().toDouble();
}

// Logits and gradients with an adapter of PEFT's.
void CheckAdapter(Transformer& model, const std::filesystem::path& home, const std::string& kind,
                  const Json& expected_case, const Expected& expected) {
  INFO(kind);
  const auto adapter = ReadAdapter(home / kind, model.config());
  INFO(std::string{adapter.status().message()});
  REQUIRE(adapter.ok());
  const LoraBank bank = testing::BankOf(model, *adapter);
  const LoraPass evaluation = bank.EvaluationPass({0}, at::kFloat);
  CHECK(LargestDifference(Logits(model, expected_case["ids"], &evaluation), expected(kind + ".logits")) <= kTolerance);

  LoraPass pass = bank.TrainingPass({0}, {0}, at::kFloat);
  text::Sequence sequence{.ids = expected_case["ids"], .learned = expected_case["learned"]};
  TokenBatch batch;
  AddSequence(sequence, 0, batch);
  const DeviceBatch tokens = model.Upload(batch);
  const at::Tensor hidden = model.Hidden(tokens, tokens.predictors, &pass);
  const std::vector<double> coefficients = {1.0 / static_cast<double>(batch.targets.size())};
  HeadLoss(hidden, model.head(), &pass, tokens.targets, coefficients, model.config().logit_softcap).total.backward();
  const std::vector<float> gradients = bank.Extract(pass.gradients, 0);
  for (const text::TensorView& mine : AdapterTensors(bank.solo_layout(0), gradients)) {
    INFO(mine.name);
    const at::Tensor theirs = expected(kind + ".gradient." + mine.name);
    const at::Tensor ours = at::from_blob(const_cast<std::byte*>(mine.bytes.data()), mine.shape, at::kFloat);
    // A key's bias changes no attention: its gradient is rounding.
    CHECK((ours - theirs).norm().item().toDouble() <= kTolerance * theirs.norm().item().toDouble() + 1e-6);
  }
}

// Both adapters trained on for two steps here, then merged there.
void CheckTrained(Transformer& model, const std::filesystem::path& home, const Json& expected_case) {
  auto data = std::make_shared<text::TokenizedData>();
  data->key = "architectures";
  const text::Sequence sequence{.ids = expected_case["ids"], .learned = expected_case["learned"]};
  data->train.push_back({{sequence}});
  const auto trainer = testing::MakeFp32Trainer(home / "model", data);
  JobPack pack;
  std::vector<std::string> adapters;
  for (const char* kind : {"adapter", "whole"}) {
    pack.jobs.push_back({.name = kind,
                         .config = {.max_steps = 2,
                                    .batch_size = 1,
                                    .learning_rate = 1e-2,
                                    .adapter = (home / kind).string(),
                                    .eval_every = 0,
                                    .save_every = 0},
                         .output_folder = home / "trained" / kind,
                         .base_model_name = (home / "model").string()});
    adapters.push_back((home / "trained" / kind / "adapter").string());
  }
  testing::Recorder recorder;
  const auto outcomes = trainer->Run(pack, recorder, {});
  INFO(std::string{outcomes.status().message()});
  REQUIRE(outcomes.ok());
  const Ids ids = expected_case["ids"];
  const std::vector<at::Tensor> merged = testing::PeerLogits(home, home / "model", adapters, ids);
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    INFO(adapters[i]);
    CHECK(LargestDifference(testing::AdaptedLogits(model, adapters[i], ids), merged[i]) <= kTolerance);
  }
  CHECK(LargestDifference(merged[0], merged[1]) > 0.01);
}

// How probable texts are, several at a time and with an adapter, against the peers' logits.
void CheckLosses(const std::filesystem::path& home, const Json& expected_case, const Expected& expected) {
  auto generator = MakeGenerator({.device = "cpu", .precision = Precision::kFp32}, home / "model");
  REQUIRE(generator.ok());
  Ids ids = expected_case["ids"];
  const auto count = static_cast<std::int64_t>(ids.size());
  // With one more, so that all the peers' tokens predict something: dynamic RoPE turns by their number.
  ids.push_back(ids.front());
  std::vector<text::Sequence> texts;
  for (const std::size_t first : {std::size_t{1}, ids.size() - 2}) {
    text::Sequence& text = texts.emplace_back(text::Sequence{.ids = ids, .learned = {}});
    text.learned.resize(ids.size());
    std::fill(text.learned.begin() + static_cast<std::ptrdiff_t>(first), text.learned.end(), 1);
  }
  for (const std::string adapter : {"", "adapter"}) {
    INFO("adapter " << adapter);
    REQUIRE((*generator)->UseAdapters({adapter.empty() ? std::filesystem::path() : home / adapter}).ok());
    const auto losses = (*generator)->Losses(texts);
    INFO(std::string{losses.status().message()});
    REQUIRE(losses.ok());
    const at::Tensor logits = expected(adapter.empty() ? "logits" : adapter + ".logits");
    const at::Tensor each =
        at::cross_entropy_loss(logits, at::tensor(ids, at::kLong).narrow(0, 1, count), {}, at::Reduction::None);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::int64_t tokens = texts[i].LearnedTokens();
      CHECK(losses->front().sequence_tokens[i] == tokens);
      CHECK(losses->front().sequence_losses[i] ==
            Approx(each.narrow(0, count - tokens, tokens).sum().item().toDouble()).margin(kTolerance * 2 * tokens));
    }
  }
}

void CheckText(const std::filesystem::path& home, const Json& expected_case) {
  auto generator = MakeGenerator({.device = "cpu", .precision = Precision::kFp32}, home / "model");
  REQUIRE(generator.ok());
  const Ids ids = expected_case["ids"];
  const Ids prompt(ids.begin(), ids.begin() + expected_case["prompt"].get<int>());
  const auto text = [&](const SamplingOptions& sampling) {
    Ids all = prompt;
    const GenerationOptions options{.max_new_tokens = 40, .sampling = sampling};
    const auto generation = (*generator)->Generate({.prompt = prompt, .options = options}, [&](std::int32_t id) {
      all.push_back(id);
      return true;
    });
    INFO(std::string{generation.status().message()});
    REQUIRE(generation.ok());
    CHECK(Ids(all.begin() + static_cast<std::ptrdiff_t>(prompt.size()), all.end()) == generation->ids);
    return all;
  };
  CHECK(text({}) == expected_case["greedy"].get<Ids>());
  CHECK(text({.repetition_penalty = expected_case["penalty"]}) == expected_case["penalized"].get<Ids>());
  REQUIRE((*generator)->UseAdapters({home / "adapter"}).ok());
  CHECK(text({}) == expected_case["adapted_greedy"].get<Ids>());
  REQUIRE((*generator)->UseAdapters({""}).ok());
  CHECK(text({}) == expected_case["greedy"].get<Ids>());
}

TEST_CASE("every architecture computes what transformers and PEFT do") {
  LORASWEEP_NEEDS(testing::PeerPython());
  const testing::TempDir temp;
  testing::Peers::Instance().Run("architectures", temp.path(), {{"folder", temp.path().string()}});
  const Json cases = Json::parse(std::ifstream(temp.path() / "cases.json"));
  REQUIRE(cases.size() >= 17);
  for (const Json& expected_case : cases) {
    const auto name = expected_case["name"].get<std::string>();
    INFO(name);
    const auto home = temp.path() / name;
    const Expected expected(home / "expected.safetensors");
    const Ids ids = expected_case["ids"];

    auto model = Transformer::Load(home / "model", at::kCPU, at::kFloat);
    INFO(std::string{model.status().message()});
    REQUIRE(model.ok());
    CHECK(LargestDifference(Logits(*model, ids, nullptr), expected("logits")) <= kTolerance);
    // Doubles have no kernels: they go the way that a GPU's tensors go.
    auto composed = Transformer::Load(home / "model", at::kCPU, at::kDouble);
    REQUIRE(composed.ok());
    CHECK(LargestDifference(Logits(*composed, ids, nullptr), expected("logits")) <= kTolerance);

    CheckAdapter(*model, home, "adapter", expected_case, expected);
    CheckAdapter(*model, home, "whole", expected_case, expected);
    CheckTrained(*model, home, expected_case);
    CheckText(home, expected_case);
    CheckLosses(home, expected_case, expected);
  }
}

}  // namespace
}  // namespace lorasweep::trainer
