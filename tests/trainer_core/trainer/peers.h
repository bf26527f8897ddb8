#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/support/torch_catch.h"

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/evaluation.h"

namespace lorasweep::testing {

// peers.py in one process for all tests of this program: Python needs ten seconds to begin.
class Peers {
 public:
  static Peers& Instance() {
    static Peers peers;
    return peers;
  }

  // Has the peer do `what` (its docstring lists them).
  void Run(const std::string& what, const std::filesystem::path& folder, const nlohmann::json& request) {
    const auto file = folder / (what + ".json");
    std::ofstream(file) << request;
    const std::string line = what + " " + file.string() + "\n";
    REQUIRE(write(requests_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    const bool done = process_.WaitForOutput("done " + std::to_string(++asked_) + "\n", std::chrono::minutes(20));
    INFO(process_.Output());
    REQUIRE(done);
  }

 private:
  Peers()
      : requests_(OpenPipe(folder_.path() / "requests")),
        process_({PeerPython().string(), (SourceDir() / "tests" / "trainer_core" / "trainer" / "peers.py").string(),
                  (folder_.path() / "requests").string()},
                 folder_.path() / "log") {}

  // Also for reading, so that neither opening nor writing depends on the other side.
  static int OpenPipe(const std::filesystem::path& path) {
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    return open(path.c_str(), O_RDWR | O_CLOEXEC);
  }

  TempDir folder_;
  int requests_;
  Process process_;
  int asked_ = 0;
};

// An fp32 tensor of a file.
inline at::Tensor TensorOf(const std::filesystem::path& path, const std::string& name) {
  const auto file = text::Safetensors::Open(path);
  REQUIRE(file.ok());
  const text::TensorView* view = file->Find(name);
  INFO(name);
  REQUIRE(view != nullptr);
  return at::from_blob(const_cast<std::byte*>(view->bytes.data()), view->shape, at::kFloat).clone();
}

// The peer's logits for ids, with each adapter merged; "": the base alone.
inline std::vector<at::Tensor> PeerLogits(const std::filesystem::path& folder, const std::filesystem::path& model,
                                          const std::vector<std::string>& adapters,
                                          const std::vector<std::int32_t>& ids) {
  const auto output = folder / "logits.safetensors";
  Peers::Instance().Run("logits", folder,
                        {{"model", model.string()}, {"adapters", adapters}, {"ids", ids}, {"output", output.string()}});
  std::vector<at::Tensor> logits;
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    logits.push_back(TensorOf(output, "logits." + std::to_string(i)));
  }
  return logits;
}

// A bank of the one adapter, which refers to the model.
inline trainer::LoraBank BankOf(const trainer::Transformer& model, const trainer::Adapter& adapter) {
  trainer::LoraBank bank(
      model.config(),
      {{.modules = adapter.config.modules, .whole = adapter.config.whole, .use_dora = adapter.config.use_dora}},
      at::kCPU, [&model](std::size_t parameter) { return model.Parameter(parameter); });
  bank.Insert(adapter.values, 0, bank.parameters());
  return bank;
}

// Logits of this program with an adapter from its folder.
inline at::Tensor AdaptedLogits(trainer::Transformer& model, const std::filesystem::path& folder,
                                const std::vector<std::int32_t>& ids) {
  const auto adapter = trainer::ReadAdapter(folder, model.config());
  INFO(std::string{adapter.status().message()});
  REQUIRE(adapter.ok());
  const trainer::LoraBank bank = BankOf(model, *adapter);
  const trainer::LoraPass pass = bank.EvaluationPass({0}, at::kFloat);
  return trainer::Logits(model, ids, &pass);
}

}  // namespace lorasweep::testing
