// Every architecture against transformers and PEFT on small random models, made live by architectures.py: logits to
// 1e-4, the adapter's gradients to 1e-4 of their norm, greedy text equal.
#include <cstdlib>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/support/torch_catch.h"

#include "tests/support/paths.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/evaluation.h"
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

LoraBank BankOf(const Transformer& model, const Adapter& adapter) {
  LoraBank bank(model.config(), {{.modules = adapter.config.modules, .use_dora = adapter.config.use_dora}}, at::kCPU,
                [&model](const LoraSite& site) { return model.Weight(site.layer, site.module); });
  bank.Insert(adapter.values, 0, bank.parameters());
  return bank;
}

void CheckGradients(Transformer& model, const LoraBank& bank, const Json& expected_case, const Expected& expected) {
  LoraPass pass = bank.TrainingPass({0}, {0}, at::kFloat);
  text::Sequence sequence{.ids = expected_case["ids"], .learned = expected_case["learned"]};
  TokenBatch batch;
  AddSequence(sequence, 0, batch);
  const DeviceBatch tokens = model.Upload(batch);
  const at::Tensor hidden = model.Hidden(tokens, tokens.predictors, &pass);
  const std::vector<double> coefficients = {1.0 / static_cast<double>(batch.targets.size())};
  HeadLoss(hidden, model.head(), tokens.targets, coefficients, model.config().logit_softcap).total.backward();
  const std::vector<float> gradients = bank.Extract(pass.gradients, 0);
  for (const text::TensorView& mine : AdapterTensors(bank.solo_layout(0), gradients)) {
    INFO(mine.name);
    const at::Tensor theirs = expected(mine.name);
    const at::Tensor ours = at::from_blob(const_cast<std::byte*>(mine.bytes.data()), mine.shape, at::kFloat);
    CHECK((ours - theirs).norm().item().toDouble() <= kTolerance * theirs.norm().item().toDouble());
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
    const auto generation = (*generator)->Generate(prompt, options, [&](std::int32_t id) {
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
  REQUIRE((*generator)->UseAdapter(home / "adapter").ok());
  CHECK(text({}) == expected_case["adapted_greedy"].get<Ids>());
  REQUIRE((*generator)->UseAdapter({}).ok());
  CHECK(text({}) == expected_case["greedy"].get<Ids>());
}

TEST_CASE("every architecture computes what transformers and PEFT do") {
  LORASWEEP_NEEDS(testing::PeerPython());
  const testing::TempDir temp;
  const auto script = testing::SourceDir() / "tests" / "trainer_core" / "trainer" / "architectures.py";
  const std::string command = testing::PeerPython().string() + " " + script.string() + " " + temp.path().string() +
                              " > " + (temp.path() / "peer.log").string() + " 2>&1";
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
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

    const auto adapter = ReadAdapter(home / "adapter", model->config());
    INFO(std::string{adapter.status().message()});
    REQUIRE(adapter.ok());
    const LoraBank bank = BankOf(*model, *adapter);
    const LoraPass pass = bank.EvaluationPass({0}, at::kFloat);
    CHECK(LargestDifference(Logits(*model, ids, &pass), expected("adapted_logits")) <= kTolerance);
    CheckGradients(*model, bank, expected_case, expected);
    CheckText(home, expected_case);
  }
}

}  // namespace
}  // namespace lorasweep::trainer
