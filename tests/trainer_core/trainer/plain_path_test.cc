// The plain path, which composes layers of torch's own operations, and the fast path, which tests compare with PEFT,
// train alike.
#include <algorithm>
#include <cmath>

#include "tests/support/torch_catch.h"

#include <torch/csrc/autograd/function.h>

#include "tests/support/paths.h"
#include "tests/trainer_core/trainer/small_tensors.h"
#include "tests/trainer_core/trainer/workbench.h"
#include "trainer_core/trainer/layer_ops.h"
#include "trainer_core/trainer/process.h"

namespace lorasweep::trainer {
namespace {

using testing::MakeData;
using testing::MakeFp32Trainer;
using testing::Recorder;
using testing::Workbench;

// The plain path while it lives.
class OnPlainPath {
 public:
  OnPlainPath() { UsePlainPath(true); }
  ~OnPlainPath() { UsePlainPath(false); }
  OnPlainPath(const OnPlainPath&) = delete;
  OnPlainPath& operator=(const OnPlainPath&) = delete;
};

// Three trials that use what has kernels, dropout's and the embeddings' noise too.
JobPack ThreeTrials(const Workbench& bench, const std::string& folder) {
  JobPack pack;
  for (const double dropout : {0.0, 0.1, 0.05}) {
    TrialJob job = bench.Job(folder + std::to_string(pack.jobs.size()), {.max_steps = 20,
                                                                         .batch_size = 4,
                                                                         .learning_rate = 2e-3,
                                                                         .lora_rank = 8,
                                                                         .lora_alpha = 16,
                                                                         .lora_dropout = dropout,
                                                                         .eval_every = 10,
                                                                         .save_every = 0});
    job.seed = 30 + pack.jobs.size();
    if (pack.jobs.size() == 2) job.config.neftune_noise_alpha = 5;
    pack.jobs.push_back(job);
  }
  return pack;
}

std::vector<Recorder> TrainOneByOne(const Workbench& bench, const std::filesystem::path& model,
                                    const std::string& folder) {
  const auto trainer = MakeFp32Trainer(model, MakeData(32, 6, 512));
  std::vector<Recorder> recorders;
  for (const TrialJob& job : ThreeTrials(bench, folder).jobs) {
    CHECK(RunOne(*trainer, job, recorders.emplace_back()).kind == Outcome::Kind::kCompleted);
  }
  return recorders;
}

double LargestRelative(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] / b[i] - 1));
  return largest;
}

TEST_CASE("the plain path's losses of 20 steps are the fast path's, with dropout and noise, alone and in a pack") {
  const Workbench bench;
  const std::filesystem::path model = testing::SharedDir() / "models" / "stories260K";
  const std::vector<Recorder> fast = TrainOneByOne(bench, model, "fast");
  const OnPlainPath plain_path;
  const std::vector<Recorder> plain = TrainOneByOne(bench, model, "plain");
  Recorder packed;
  REQUIRE(MakeFp32Trainer(model, MakeData(32, 6, 512))->Run(ThreeTrials(bench, "packed"), packed, {}).ok());
  for (std::size_t trial = 0; trial < fast.size(); ++trial) {
    INFO("trial " << trial);
    CHECK(LargestRelative(plain[trial].Losses(), fast[trial].Losses()) <= 1e-5);
    CHECK(LargestRelative(packed.Losses(trial), fast[trial].Losses()) <= 1e-5);
    CHECK(plain[trial].reports.at(0).back().validation->Mean() ==
          Approx(fast[trial].reports.at(0).back().validation->Mean()).epsilon(1e-5));
  }
}

// The operation that torch differentiates: ours, or one of its own.
bool IsOurs(const at::Tensor& y) {
  return y.grad_fn()->name().find("StepFunction") != std::string::npos;
}

TEST_CASE("on the plain path layers are composed of torch's operations, of which it differentiates each") {
  const Norm norm{.kind = text::NormKind::kRms, .epsilon = 1e-5, .weight = testing::Random({64}, 1), .bias = {}};
  const at::Tensor x = testing::Random({3, 7, 64}, 2).requires_grad_(true);
  const auto unit = [&] { return GatedUnit(x.flatten(), {3, 7, 32}, text::Activation::kSilu); };
  CHECK(IsOurs(Normalize(x, norm)));
  CHECK(IsOurs(unit()));
  const OnPlainPath plain_path;
  CHECK_FALSE(IsOurs(Normalize(x, norm)));
  CHECK_FALSE(IsOurs(unit()));
}

}  // namespace
}  // namespace lorasweep::trainer
