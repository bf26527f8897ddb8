#pragma once

#include <cstdint>

#include <ATen/ATen.h>

#include "trainer_core/trainer/matrix_kind.h"

namespace lorasweep::trainer {

// One matrix of what a slot trains: where it lies in the slot's solo layout, and where in its padded row of a pack's
// tensors.
struct SlotMatrix {
  MatrixKind kind = MatrixKind::kA;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t solo_offset = 0;   // there it lies in one piece
  std::int64_t joint_offset = 0;  // of its first element in the row
  std::int64_t joint_stride = 0;  // from one of its rows to the next

  bool IsVector() const { return kind == MatrixKind::kMagnitude || kind == MatrixKind::kWholeVector; }

  // The matrix [rows, columns] in a solo vector [P solo], and in a padded row [P].
  at::Tensor InSolo(const at::Tensor& vector) const {
    return vector.narrow(0, solo_offset, rows * columns).view({rows, columns});
  }
  at::Tensor InRow(const at::Tensor& row) const {
    return row.as_strided({rows, columns}, {joint_stride, 1}, row.storage_offset() + joint_offset);
  }
};

}  // namespace lorasweep::trainer
