// ExportLoraGguf of trainer_core/gguf/export.h.
#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/gguf/export.h"
#include "trainer_core/gguf/export_tensors.h"
#include "trainer_core/gguf/export_types.h"
#include "trainer_core/gguf/family.h"
#include "trainer_core/merge/peft_adapter.h"
#include "trainer_core/text/floats.h"

namespace lorasweep::gguf {
namespace {

std::vector<float> Values(const text::TensorView& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.shape[0] * tensor.shape[1]));
  text::ToFloats(tensor.dtype, tensor.bytes, values);
  return values;
}

// B with its rows where the GGUF file's weight has them, times `factor`.
std::vector<float> PlacedB(const merge::LoraModule& module, const TensorTarget& target, float factor) {
  const std::vector<float> values = Values(module.b);
  const std::int64_t rows = module.b.shape[0];
  const std::int64_t head_dim = target.rotary_heads > 0 ? rows / target.rotary_heads : 0;
  std::vector<float> placed;
  placed.reserve(values.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t from = (head_dim > 0 ? SourceRow(row, head_dim) : row) * module.rank;
    for (std::int64_t i = 0; i < module.rank; ++i)
      placed.push_back(factor * values[static_cast<std::size_t>(from + i)]);
  }
  return placed;
}

// A [rank, tokens] of the embedding as llama.cpp looks it up: one row for each token.
std::vector<float> ByToken(const text::TensorView& a) {
  const std::vector<float> values = Values(a);
  const auto tokens = static_cast<std::size_t>(a.shape[1]);
  std::vector<float> turned;
  turned.reserve(values.size());
  for (std::size_t token = 0; token < tokens; ++token) {
    for (std::size_t at = token; at < values.size(); at += tokens) turned.push_back(values[at]);
  }
  return turned;
}

absl::Status NotAlone(const std::string& what) {
  return absl::UnimplementedError(
      absl::StrCat(what, ": a GGUF adapter has no form for it; merge the adapter into its base instead"));
}

}  // namespace

absl::Status ExportLoraGguf(const std::filesystem::path& base, const std::filesystem::path& adapter_folder,
                            const std::string& type, const std::filesystem::path& out) {
  const PlainType* plain = FindPlainType(type);
  if (plain == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("type ", type, " is not one for an adapter (f32, f16 or bf16)"));
  }
  if (absl::Status is_new = CheckNew(out); !is_new.ok()) return is_new;
  const auto family = Family::Read(base);
  if (!family.ok()) return family.status();
  const auto adapter = merge::PeftAdapter::Open(adapter_folder);
  if (!adapter.ok()) return adapter.status();
  for (const auto& [name, tensor] : adapter->replaced()) {
    // PEFT keeps a copy of the base's own weight beside an embedding's or a head's adapter.
    const auto is_it = [&name = name](const merge::LoraModule& module) {
      return absl::StrCat(module.name, ".weight") == name;
    };
    if (std::none_of(adapter->modules().begin(), adapter->modules().end(), is_it)) return NotAlone(name);
  }

  // llama.cpp scales every module by this alpha over the module's rank.
  const merge::LoraModule& first = adapter->modules().front();
  const double alpha = first.scale * static_cast<double>(first.rank);
  GgufWriter writer;
  writer.SetText("general.architecture", family->architecture());
  writer.SetText("general.type", "adapter");
  writer.SetText("general.name", std::filesystem::absolute(adapter_folder).lexically_normal().filename().string());
  writer.SetCount("general.file_type", plain->file_type);
  writer.SetCount("general.quantization_version", 2);
  writer.SetText("adapter.type", "lora");
  writer.SetReal("adapter.lora.alpha", alpha);
  std::map<std::string, std::vector<float>> tensors;
  for (const merge::LoraModule& module : adapter->modules()) {
    if (module.magnitude) return NotAlone("DoRA");
    if (module.embedding && family->tied()) {
      return NotAlone(absl::StrCat(module.name, ", which is the head in the base model too"));
    }
    const auto target = family->TargetOf(module.name + ".weight", 2);
    if (!target.ok()) return target.status();
    if (!*target) return NotAlone(absl::StrCat(module.name, ", which is the embedding in the base model"));
    const std::int64_t heads = (*target)->rotary_heads;
    if (heads > 0 && module.b.shape[0] % (2 * heads) != 0) {
      return absl::InvalidArgumentError(absl::StrCat(module.name, ": its B does not fit the base model's heads"));
    }
    // Where this module's scale is another, B makes up for it.
    const double factor = alpha == 0 ? 1 : module.scale * static_cast<double>(module.rank) / alpha;
    const std::string name = (*target)->name;
    std::vector<std::int64_t> a_shape = module.a.shape;
    if (module.embedding) std::swap(a_shape[0], a_shape[1]);
    for (const auto& [suffix, shape] : {std::pair{".lora_a", a_shape}, std::pair{".lora_b", module.b.shape}}) {
      if (absl::Status added = writer.AddTensor(name + suffix, plain->dtype, shape); !added.ok()) return added;
    }
    tensors[name + ".lora_a"] = module.embedding ? ByToken(module.a) : Values(module.a);
    tensors[name + ".lora_b"] = PlacedB(module, **target, static_cast<float>(factor));
  }
  return writer.Write(out, [&](const std::string& name, const TensorSink& sink) {
    const std::vector<float>& values = tensors.at(name);
    std::vector<std::byte> bytes(values.size() * static_cast<std::size_t>(text::DTypeSize(plain->dtype)));
    text::FromFloats(plain->dtype, values, bytes);
    return sink(bytes);
  });
}

}  // namespace lorasweep::gguf
