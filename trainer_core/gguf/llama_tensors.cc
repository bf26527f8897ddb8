#include "trainer_core/gguf/llama_tensors.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/floats.h"

namespace lorasweep::gguf {
namespace {

// Floats dequantised at a time: keeps the memory for a large embedding to its bfloat16 form.
constexpr std::int64_t kChunkElements = std::int64_t{1} << 20;

// Collects the plan; the first problem stays in status_.
class Planner {
 public:
  Planner(const GgufFile& file, const LlamaConfig& config) : file_(file), config_(config) {}

  absl::StatusOr<std::vector<TensorPlan>> Plan() {
    Add("model.embed_tokens.weight", "token_embd.weight", {config_.vocab, config_.hidden});
    for (std::int64_t layer = 0; layer < config_.layers && status_.ok(); ++layer) AddLayer(layer);
    Add("model.norm.weight", "output_norm.weight", {config_.hidden});
    if (!config_.tied_head) Add("lm_head.weight", "output.weight", {config_.vocab, config_.hidden});
    used_.insert("rope_freqs.weight");
    if (!status_.ok()) return status_;
    for (const TensorInfo& tensor : file_.Tensors()) {
      if (!used_.contains(tensor.name)) {
        return absl::UnimplementedError(
            absl::StrCat(file_.Path().string(), ": tensor ", tensor.name, " is not part of such a model"));
      }
    }
    return std::move(plan_);
  }

 private:
  void AddLayer(std::int64_t layer) {
    const std::string to = absl::StrCat("model.layers.", layer, ".");
    const std::string from = absl::StrCat("blk.", layer, ".");
    const std::int64_t queries = config_.heads * config_.head_dim;
    const std::int64_t keys = config_.kv_heads * config_.head_dim;
    const std::int64_t hidden = config_.hidden;
    const std::int64_t inner = config_.intermediate;
    Add(to + "input_layernorm.weight", from + "attn_norm.weight", {hidden});
    const bool bias = config_.qkv_bias;
    const bool paired = config_.paired_rows();
    AddLinear(to + "self_attn.q_proj", from + "attn_q", {queries, hidden}, bias, paired ? config_.heads : 0);
    AddLinear(to + "self_attn.k_proj", from + "attn_k", {keys, hidden}, bias, paired ? config_.kv_heads : 0);
    AddLinear(to + "self_attn.v_proj", from + "attn_v", {keys, hidden}, bias, 0);
    AddLinear(to + "self_attn.o_proj", from + "attn_output", {hidden, queries}, config_.output_bias, 0);
    if (config_.qk_norm()) {
      Add(to + "self_attn.q_norm.weight", from + "attn_q_norm.weight", {config_.head_dim});
      Add(to + "self_attn.k_norm.weight", from + "attn_k_norm.weight", {config_.head_dim});
    }
    Add(to + "post_attention_layernorm.weight", from + "ffn_norm.weight", {hidden});
    AddLinear(to + "mlp.gate_proj", from + "ffn_gate", {inner, hidden}, config_.mlp_bias, 0);
    AddLinear(to + "mlp.up_proj", from + "ffn_up", {inner, hidden}, config_.mlp_bias, 0);
    AddLinear(to + "mlp.down_proj", from + "ffn_down", {hidden, inner}, config_.mlp_bias, 0);
  }

  void AddLinear(const std::string& to, const std::string& from, std::vector<std::int64_t> shape, bool bias,
                 std::int64_t rotary_heads) {
    if (bias) Add(to + ".bias", from + ".bias", {shape[0]}, rotary_heads);
    Add(to + ".weight", from + ".weight", std::move(shape), rotary_heads);
  }

  void Add(std::string to, const std::string& from, std::vector<std::int64_t> shape, std::int64_t rotary_heads = 0) {
    if (!status_.ok()) return;
    const TensorInfo* source = file_.FindTensor(from);
    if (source == nullptr) {
      status_ = absl::InvalidArgumentError(absl::StrCat(file_.Path().string(), ": no tensor ", from));
      return;
    }
    // ggml drops trailing ones, so [n, 1] and [n] look alike: compare as columns and rows.
    const std::int64_t columns = shape.back();
    const std::int64_t rows = shape.size() == 1 ? 1 : shape[0];
    if (source->Columns() != columns || source->Rows() != rows) {
      status_ = absl::InvalidArgumentError(absl::StrCat(file_.Path().string(), ": tensor ", from, " has shape [",
                                                        absl::StrJoin(source->dimensions, ", "), "], expected [",
                                                        columns, ", ", rows, "]"));
      return;
    }
    used_.insert(from);
    plan_.push_back({.name = std::move(to), .shape = std::move(shape), .source = source, .rotary_heads = rotary_heads});
  }

  const GgufFile& file_;
  const LlamaConfig& config_;
  std::vector<TensorPlan> plan_;
  std::unordered_set<std::string> used_;
  absl::Status status_;
};

// Where row `row` of the file belongs in the model.
std::int64_t ModelRow(std::int64_t row, std::int64_t head_dim) {
  const std::int64_t head = row / head_dim;
  const std::int64_t inside = row % head_dim;
  return head * head_dim + (inside % 2) * (head_dim / 2) + inside / 2;
}

}  // namespace

std::int64_t TensorPlan::Elements() const {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) elements *= size;
  return elements;
}

absl::StatusOr<std::vector<TensorPlan>> PlanTensors(const GgufFile& file, const LlamaConfig& config) {
  return Planner(file, config).Plan();
}

absl::StatusOr<std::vector<std::uint16_t>> ReadTensor(const GgufFile& file, const TensorPlan& plan) {
  std::vector<std::uint16_t> values(static_cast<std::size_t>(plan.Elements()));
  const std::int64_t columns = plan.source->Columns();
  const std::int64_t rows = plan.source->Rows();
  const std::int64_t step = std::clamp<std::int64_t>(kChunkElements / columns, 1, rows);
  std::vector<float> chunk(static_cast<std::size_t>(step * columns));
  // A vector (bias) is one row of the file, but its elements are permuted like the rows of the matrix.
  const std::int64_t width = plan.shape.size() == 1 ? 1 : columns;
  const std::int64_t head_dim = plan.rotary_heads > 0 ? plan.shape[0] / plan.rotary_heads : 0;
  for (std::int64_t first = 0; first < rows; first += step) {
    const std::int64_t count = std::min(step, rows - first);
    if (auto status = file.ReadRows(*plan.source, first, count, chunk.data()); !status.ok()) return status;
    const std::int64_t items = count * columns / width;
    for (std::int64_t item = 0; item < items; ++item) {
      const std::int64_t row = first * columns / width + item;
      const std::int64_t target = head_dim > 0 ? ModelRow(row, head_dim) : row;
      std::transform(chunk.begin() + item * width, chunk.begin() + (item + 1) * width, values.begin() + target * width,
                     text::FloatToBfloat16);
    }
  }
  return values;
}

}  // namespace lorasweep::gguf
