#include "trainer_core/trainer/optimizer.h"

#include <map>

namespace lorasweep::trainer {
namespace {

// The rule on rows, or stretches of rows, whose parameters all have their slot's settings.
void Apply(Optimizer optimizer, OptimizerRows& rows) {
  switch (optimizer) {
    case Optimizer::kAdamW:
      return StepAdamW(rows);
    case Optimizer::kSgd:
      return StepSgd(rows);
    case Optimizer::kLion:
      return StepLion(rows);
    case Optimizer::kAdamW8bit:
    case Optimizer::kLion8bit:
    case Optimizer::kAdafactor:
      break;  // not a rule of rows
  }
}

void StepRows(Optimizer optimizer, const OptimizerRows& rows, const LoraBank& bank) {
  for (const ParameterRange& range : bank.layout().ranges()) {
    const auto part = [&](const at::Tensor& tensor) { return tensor.narrow(1, range.offset, range.size); };
    OptimizerRows stretch{.steps = rows.steps,
                          .gradients = part(rows.gradients),
                          .parameters = part(rows.parameters),
                          .first_moments = part(rows.first_moments),
                          .second_moments = part(rows.second_moments)};
    if (range.kind == MatrixKind::kA) {
      stretch.in_a = bank.in_a();
    } else {
      for (OptimizerStep& step : stretch.steps) step = StepOf(step, range.kind);
    }
    Apply(optimizer, stretch);
  }
}

void StepMatrices(const SlotStep& step, const at::Tensor& gradients, LoraBank& bank) {
  const auto slot = static_cast<std::int64_t>(step.slot);
  StepAdafactor(step.settings, bank.matrices(step.slot), gradients.select(0, step.gradient_row),
                bank.parameters().select(0, slot), bank.first_moments().select(0, slot),
                bank.second_moments().select(0, slot));
}

void StepIn8bit(const SlotStep& step, const at::Tensor& gradients, LoraBank& bank) {
  const at::Tensor row = bank.parameters().select(0, static_cast<std::int64_t>(step.slot));
  const at::Tensor gradient_row = gradients.select(0, step.gradient_row);
  std::size_t number = 0;
  for (const SlotMatrix& matrix : bank.matrices(step.slot)) {
    at::Tensor place = matrix.InRow(row);
    at::Tensor values = place.contiguous();
    bank.moments_8bit(step.slot)->Step(number++, StepOf(step.settings, matrix.kind),
                                       matrix.InRow(gradient_row).contiguous(), values);
    if (!place.is_contiguous()) place.copy_(values);
  }
}

// Slots that share a rule take the step together. Where they are not the whole bank, their rows are taken out and put
// back.
void StepTogether(Optimizer optimizer, const std::vector<const SlotStep*>& steps, const at::Tensor& gradients,
                  LoraBank& bank) {
  OptimizerRows rows{.steps = {},
                     .gradients = gradients,
                     .parameters = bank.parameters(),
                     .first_moments = bank.first_moments(),
                     .second_moments = bank.second_moments()};
  std::vector<std::int64_t> in_pass;
  std::vector<std::int64_t> in_bank;
  bool whole = static_cast<std::int64_t>(steps.size()) == bank.parameters().size(0) &&
               gradients.size(0) == bank.parameters().size(0);
  for (const SlotStep* step : steps) {
    rows.steps.push_back(step->settings);
    whole = whole && step->gradient_row == static_cast<std::int64_t>(step->slot) && step->slot == in_bank.size();
    in_pass.push_back(step->gradient_row);
    in_bank.push_back(static_cast<std::int64_t>(step->slot));
  }
  if (whole) return StepRows(optimizer, rows, bank);
  const at::Tensor places = at::tensor(in_bank, at::kLong).to(gradients.device());
  rows.gradients = gradients.index_select(0, at::tensor(in_pass, at::kLong).to(gradients.device()));
  for (at::Tensor* tensor : {&rows.parameters, &rows.first_moments, &rows.second_moments}) {
    *tensor = tensor->index_select(0, places);
  }
  StepRows(optimizer, rows, bank);
  bank.parameters().index_copy_(0, places, rows.parameters);
  bank.first_moments().index_copy_(0, places, rows.first_moments);
  bank.second_moments().index_copy_(0, places, rows.second_moments);
}

}  // namespace

std::vector<double> RowNorms(const at::Tensor& gradients) {
  const at::Tensor norms = at::linalg_vector_norm(gradients, 2, at::IntArrayRef{1}).to(at::kDouble).cpu();
  const auto* values = norms.const_data_ptr<double>();
  return {values, values + norms.numel()};
}

void ClipRows(const std::vector<double>& norms, const std::vector<double>& max_norms, at::Tensor& gradients) {
  for (std::size_t k = 0; k < norms.size(); ++k) {
    if (max_norms[k] == 0) continue;
    const double factor = max_norms[k] / (norms[k] + 1e-6);
    if (factor < 1) gradients.select(0, static_cast<std::int64_t>(k)).mul_(factor);
  }
}

void StepSlots(const std::vector<SlotStep>& steps, const at::Tensor& gradients, LoraBank& bank) {
  std::map<Optimizer, std::vector<const SlotStep*>> by_rule;
  for (const SlotStep& step : steps) {
    if (step.optimizer == Optimizer::kAdafactor) {
      StepMatrices(step, gradients, bank);
    } else if (bank.moments_8bit(step.slot) != nullptr) {
      StepIn8bit(step, gradients, bank);
    } else {
      by_rule[step.optimizer].push_back(&step);
    }
  }
  for (const auto& [optimizer, sharing] : by_rule) StepTogether(optimizer, sharing, gradients, bank);
}

}  // namespace lorasweep::trainer
