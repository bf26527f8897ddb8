// Merged models against PEFT's merge_and_unload, GGUF files against llama.cpp's own converter, and both running in
// llama.cpp; on small random models of every family (export_peer.py), made once for all cases.
#include <cmath>
#include <cstdlib>
#include <map>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/trainer_core/gguf/gguf_differences.h"
#include "tests/trainer_core/gguf/llama_cpp_source.h"
#include "tests/trainer_core/gguf/llama_runner.h"
#include "trainer_core/gguf/export.h"
#include "trainer_core/merge/merge.h"
#include "trainer_core/text/floats.h"
#include "trainer_core/text/safetensors.h"

namespace lorasweep::gguf {
namespace {

namespace fs = std::filesystem;
using testing::LlamaRunner;

std::string Message(const absl::Status& status) {
  return std::string{status.message()};
}

// What the peer made, once for all tests.
struct Peer {
  testing::TempDir folder;
  fs::path llama_cpp = folder.path() / "llama_cpp";
  nlohmann::json cases;

  Peer() {
    fs::create_directories(llama_cpp);
    const std::string unpack = absl::StrCat(
        "tar xzf '", testing::LlamaCppArchive().string(), "' -C '", llama_cpp.string(),
        "' --strip-components=3 --wildcards '*/vendor/llama.cpp/conversion/*' '*/vendor/llama.cpp/gguf-py/gguf/*' ",
        "'*/vendor/llama.cpp/convert_hf_to_gguf.py'");
    REQUIRE(std::system(unpack.c_str()) == 0);
    const testing::Finished made = Run({folder.path().string(), testing::SharedDir().string(),
                                        (testing::CacheDir() / "models" / "SmolLM2-135M-Instruct").string()});
    INFO(made.output);
    REQUIRE(made.status == 0);
    cases = nlohmann::json::parse(testing::ReadFile(folder.path() / "cases.json"));
  }

  testing::Finished Run(std::vector<std::string> arguments) const {
    std::vector<std::string> words = {testing::PeerPython().string(),
                                      (testing::SourceDir() / "tests/trainer_core/gguf/export_peer.py").string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    words.push_back(llama_cpp.string());
    return testing::RunProgram(words, {"OMP_NUM_THREADS=2"}, std::chrono::seconds(300));
  }

  fs::path At(const std::string& name) const { return folder.path() / name; }
};

const Peer& ThePeer() {
  static const Peer peer;
  return peer;
}

bool CanRun() {
  const fs::path smollm2 = testing::CacheDir() / "models" / "SmolLM2-135M-Instruct" / "config.json";
  for (const fs::path& needed :
       {testing::PeerPython(), testing::SharedDir() / "tokenizers" / "gpt2", smollm2, testing::LlamaCppArchive()}) {
    if (fs::exists(needed)) continue;
    WARN("skipped: needs " << needed.string());
    return false;
  }
  return true;
}

std::vector<float> Values(const text::TensorView& tensor) {
  std::vector<float> values(tensor.bytes.size() / static_cast<std::size_t>(text::DTypeSize(tensor.dtype)));
  text::ToFloats(tensor.dtype, tensor.bytes, values);
  return values;
}

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

// Half a unit in the last place of the base's type at values below 1, and fp32's own rounding.
double Tolerance(text::DType dtype) {
  if (dtype == text::DType::kBF16) return 0.5 / 256;
  return dtype == text::DType::kF16 ? 0.5 / 2048 : 2e-6;
}

TEST_CASE("Merged models have the weights that PEFT merges", "[export]") {
  if (!CanRun()) return;
  for (const auto& item : ThePeer().cases) {
    const fs::path folder = ThePeer().At(item["name"]);
    for (const std::string kind : item["adapters"]) {
      INFO(item["name"] << " " << kind);
      const fs::path out = folder / (kind + ".ours");
      const absl::Status merged = merge::MergeAdapter(folder / "base", folder / kind, out);
      INFO(Message(merged));
      REQUIRE(merged.ok());
      const auto ours = text::Safetensors::Open(out);
      const auto theirs = text::Safetensors::Open(folder / (kind + ".merged.safetensors"));
      REQUIRE(ours.ok());
      REQUIRE(theirs.ok());
      std::size_t compared = 0;
      for (const text::TensorView& tensor : ours->tensors()) {
        const text::TensorView* reference = theirs->Find(tensor.name);
        INFO(tensor.name);
        REQUIRE(reference != nullptr);
        REQUIRE(tensor.shape == reference->shape);
        // PEFT's merge of a tied embedding changes the output layer too, which was not so while it was trained.
        if (kind == "embedding" && tensor.name == "lm_head.weight") continue;
        // What an embedding gains, PEFT rounds before it adds it.
        const double units = tensor.name.find("embed") != std::string::npos ? 2 : 1;
        CHECK(LargestDifference(Values(tensor), Values(*reference)) < units * Tolerance(tensor.dtype));
        ++compared;
      }
      CHECK(compared + 1 >= theirs->tensors().size());  // PEFT's state has a tied head as a tensor of its own
      CHECK(fs::exists(out / "tokenizer.json"));
    }
  }
}

// What the two may say otherwise: the model's name, and what the converter leaves open or was run without.
bool MayDiffer(const std::string& line) {
  for (const char* prefix : {"general.name: ", "general.size_label: ", "general.basename: ", "general.finetune: ",
                             "general.sampling.", "tokenizer.ggml.scores: "}) {
    if (line.starts_with(prefix)) return true;
  }
  return line.starts_with("tokenizer.") && line.ends_with(": only in ours");
}

TEST_CASE("GGUF files say what llama.cpp's own converter says, and hold the same tensors", "[export]") {
  if (!CanRun()) return;
  for (const auto& item : ThePeer().cases) {
    INFO(item["name"]);
    const fs::path folder = ThePeer().At(item["name"]);
    const absl::Status written = ExportGguf(folder / "base", "f16", folder / "ours.gguf");
    INFO(Message(written));
    REQUIRE(written.ok());
    std::string differences;
    for (const std::string& line : testing::GgufDifferences(folder / "ours.gguf", folder / "theirs.gguf")) {
      if (!MayDiffer(line)) absl::StrAppend(&differences, line, "\n");
    }
    CHECK(differences == "");
  }
}

TEST_CASE("llama.cpp computes with an adapter's GGUF what it computes with the merged model", "[export]") {
  if (!CanRun()) return;
  const std::vector<std::int32_t> ids = {5, 100, 2000, 30000, 7, 11};
  for (const auto& item : ThePeer().cases) {
    const fs::path folder = ThePeer().At(item["name"]);
    for (const std::string kind : item["adapters"]) {
      const bool few = item["name"] == "llama" || item["name"] == "gpt2" || item["name"] == "phi3" || kind == "ends";
      if (!few || (item["name"] == "llama" && kind == "lora")) continue;  // loading takes its time
      INFO(item["name"] << " " << kind);
      const fs::path lora = folder / (kind + ".lora.gguf");
      const absl::Status alone = ExportLoraGguf(folder / "base", folder / kind, "f32", lora);
      if (kind == "dora" || kind == "embedding" || kind == "saved") {
        CHECK(absl::IsUnimplemented(alone));
        continue;
      }
      INFO(Message(alone));
      REQUIRE(alone.ok());
      // In fp32, so that nothing but the form differs. The base of a bf16 merge is rounded anew: compared with slack.
      const fs::path base = folder / (kind + ".base.gguf");
      REQUIRE(ExportGguf(folder / "base", "f32", base).ok());
      const fs::path merged = folder / (kind + ".ours");
      if (!fs::exists(merged)) REQUIRE(merge::MergeAdapter(folder / "base", folder / kind, merged).ok());
      const fs::path whole = folder / (kind + ".whole.gguf");
      REQUIRE(ExportGguf(merged, "f32", whole).ok());
      const auto with_adapter = LlamaRunner(base, lora).Logits(ids);
      const auto without = LlamaRunner(base).Logits(ids);
      const auto as_one = LlamaRunner(whole).Logits(ids);
      const double moved = LargestDifference(without, as_one);
      CHECK(moved > 0.05);
      CHECK(LargestDifference(with_adapter, as_one) < 0.05 * moved);
    }
  }
}

TEST_CASE("Quantised exports load and stay near the model", "[export]") {
  if (!CanRun()) return;
  const std::vector<std::int32_t> ids = {5, 100, 2000, 30000, 7, 11};
  const fs::path folder = ThePeer().At("llama");
  const fs::path plain = folder / "plain.gguf";
  REQUIRE(ExportGguf(folder / "base", "bf16", plain).ok());
  const auto exact = LlamaRunner(plain).Logits(ids);
  for (const auto& [type, tolerance] : std::map<std::string, double>{{"q8_0", 0.02}, {"q6_k", 0.1}, {"q4_k_m", 0.5}}) {
    INFO(type);
    const fs::path out = folder / (type + ".gguf");
    const absl::Status written = ExportGguf(folder / "base", type, out);
    INFO(Message(written));
    REQUIRE(written.ok());
    CHECK(fs::file_size(out) < fs::file_size(plain));
    const auto quantised = LlamaRunner(out).Logits(ids);
    const double difference = LargestDifference(exact, quantised);
    CHECK(difference > 0);
    CHECK(difference < tolerance);
  }
  CHECK_FALSE(fs::exists(folder / "q4_k_m.gguf.part"));
  CHECK_FALSE(fs::exists(folder / "q4_k_m.gguf.whole.part"));
  CHECK(absl::IsAlreadyExists(ExportGguf(folder / "base", "q8_0", folder / "q8_0.gguf")));
  CHECK(absl::IsInvalidArgument(ExportGguf(folder / "base", "q9", folder / "q9.gguf")));
}

}  // namespace
}  // namespace lorasweep::gguf
