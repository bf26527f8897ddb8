// Our files in the hands of the `safetensors` package, and its files in ours.
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"
#include "trainer_core/text/safetensors.h"
#include "trainer_core/text/safetensors_writer.h"

namespace lorasweep::text {
namespace {

constexpr const char* kScript = R"(
import sys
import torch
from safetensors import safe_open
from safetensors.torch import save_file

ours, theirs = sys.argv[1:]
with safe_open(ours, "pt") as file:
    assert file.metadata() == {"format": "pt", "naïve": "ü"}, file.metadata()
    assert sorted(file.keys()) == ["empty", "half", "scalar", "wéight"], file.keys()
    assert file.get_tensor("wéight").tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert file.get_tensor("half").dtype == torch.bfloat16
    assert file.get_tensor("half").tolist() == [1.0, -2.0]
    assert file.get_tensor("scalar").item() == 7 and file.get_tensor("scalar").shape == ()
    assert file.get_tensor("empty").shape == (0, 3)
save_file({
    "f64": torch.arange(4, dtype=torch.float64).reshape(2, 2), "i64": torch.tensor([-1]), "u8": torch.tensor([1, 2, 255], dtype=torch.uint8),
    "f16": torch.tensor([0.5], dtype=torch.float16), "bool": torch.tensor([True, False]), "scalar": torch.tensor(2.5),
    "f8": torch.tensor([1.0, 2.0]).to(torch.float8_e4m3fn), "empty": torch.zeros(2, 0),
}, theirs, metadata={"format": "pt"})
)";

template <typename T>
std::span<const std::byte> Bytes(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

TEST_CASE("the safetensors package reads our files and we read its") {
  LORASWEEP_NEEDS(testing::PeerPython());
  const testing::TempDir folder;
  const std::filesystem::path ours = folder.path() / "ours.safetensors";
  const std::filesystem::path theirs = folder.path() / "theirs.safetensors";
  const std::vector<float> weight{0, 1, 2, 3, 4, 5};
  const std::vector<std::uint16_t> half{0x3F80, 0xC000};
  const std::vector<std::int64_t> scalar{7};
  REQUIRE(WriteSafetensors(ours,
                           std::vector<TensorView>{{"wéight", DType::kF32, {2, 3}, Bytes(weight)},
                                                   {"half", DType::kBF16, {2}, Bytes(half)},
                                                   {"scalar", DType::kI64, {}, Bytes(scalar)},
                                                   {"empty", DType::kF32, {0, 3}, {}}},
                           {{"format", "pt"}, {"naïve", "ü"}})
              .ok());
  const std::filesystem::path script = folder.path() / "peer.py";
  std::ofstream(script) << kScript;
  REQUIRE(
      std::system((testing::PeerPython().string() + " " + script.string() + " " + ours.string() + " " + theirs.string())
                      .c_str()) == 0);
  const absl::StatusOr<Safetensors> read = Safetensors::Open(theirs);
  INFO(read.status().ToString());
  REQUIRE(read.ok());
  CHECK(read->tensors().size() == 8);
  const TensorView* f64 = read->Find("f64");
  REQUIRE(f64 != nullptr);
  CHECK(f64->dtype == DType::kF64);
  CHECK(f64->shape == std::vector<std::int64_t>{2, 2});
  const std::vector<double> expected{0, 1, 2, 3};
  CHECK(std::equal(f64->bytes.begin(), f64->bytes.end(), Bytes(expected).begin(), Bytes(expected).end()));
  CHECK(read->Find("f8")->dtype == DType::kF8E4M3);
  CHECK(read->Find("scalar")->shape.empty());
  CHECK(read->Find("empty")->bytes.empty());
}

TEST_CASE("a real model's file is read") {
  const std::filesystem::path model = testing::SharedDir() / "models/stories260K";
  LORASWEEP_NEEDS(model);
  const absl::StatusOr<Safetensors> read = Safetensors::Open(model);
  INFO(read.status().ToString());
  REQUIRE(read.ok());
  const TensorView* embedding = read->Find("model.embed_tokens.weight");
  REQUIRE(embedding != nullptr);
  CHECK(embedding->shape == std::vector<std::int64_t>{512, 64});
}

}  // namespace
}  // namespace lorasweep::text
