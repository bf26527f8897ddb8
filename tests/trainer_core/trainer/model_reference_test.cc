// A real, small model: stories260K, against the values that transformers gave for it.
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/support/torch_catch.h"

#include "tests/support/paths.h"
#include "trainer_core/trainer/evaluation.h"
#include "trainer_core/trainer/transformer.h"

namespace lorasweep::trainer {
namespace {

TEST_CASE("stories260K gives transformers' probabilities, best tokens and greedy text") {
  const auto folder = testing::SharedDir() / "models" / "stories260K";
  LORASWEEP_NEEDS(folder / "reference.json");
  const auto reference = nlohmann::json::parse(std::ifstream(folder / "reference.json"));
  auto model = Transformer::Load(folder, at::kCPU, at::kFloat);
  INFO(std::string{model.status().message()});
  REQUIRE(model.ok());
  const auto ids = reference["input_ids"].get<std::vector<std::int32_t>>();
  const at::Tensor logits = Logits(*model, ids, nullptr);
  const at::Tensor log_probabilities = at::log_softmax(logits, -1);
  const auto wanted = reference["token_logprobs"].get<std::vector<double>>();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto at_i = log_probabilities[static_cast<std::int64_t>(i)][ids[i + 1]].item().toDouble();
    CHECK(at_i == Approx(wanted[i]).margin(1e-5));
  }
  const auto [values, best] = logits[-1].topk(10);
  const auto best_ids = reference["last_top10_ids"].get<std::vector<std::int64_t>>();
  const auto best_logits = reference["last_top10_logits"].get<std::vector<double>>();
  for (std::int64_t i = 0; i < 10; ++i) {
    CHECK(best[i].item().toLong() == best_ids[static_cast<std::size_t>(i)]);
    CHECK(values[i].item().toDouble() == Approx(best_logits[static_cast<std::size_t>(i)]).margin(1e-4));
  }
  const auto greedy = reference["greedy_ids"].get<std::vector<std::int32_t>>();
  const auto count = static_cast<std::int64_t>(greedy.size() - ids.size());
  CHECK(ContinueGreedily(*model, ids, count, {}, nullptr) == greedy);

  text::Sequence sequence{.ids = ids, .learned = std::vector<std::uint8_t>(ids.size(), 1)};
  sequence.learned[0] = 0;
  Lanes lanes(1);
  const Evaluator evaluator(*model, {sequence, sequence}, 40, lanes);
  const ValidationLoss loss = evaluator.Evaluate(*model, lanes, nullptr).front();
  CHECK(loss.Mean() == Approx(reference["mean_loss"].get<double>()).epsilon(1e-5));
  CHECK(loss.sequence_losses[0] == loss.sequence_losses[1]);
}

}  // namespace
}  // namespace lorasweep::trainer
