#pragma once

#include "absl/status/statusor.h"
#include "trainer_core/text/pack_plan.h"
#include "trainer_core/trainer/pack_run.h"

namespace lorasweep::trainer {

// Speed and memory of packs of copies of one job, on the rows of its first step. Leaves nothing behind.
class PackProbe {
 public:
  // Errors: of the job's config and adapter. Both references outlive the probe.
  static absl::StatusOr<PackProbe> Make(ResidentModel& resident, const TrialJob& job);

  // That the job trains on, by those rows.
  double TrialTokens(const TrialJob& job) const;
  // Whether the memory model says that so many slots fit the memory that trainings may take.
  bool Fits(std::int64_t slots) const;
  // The best of a few rounds of steps, of a single one where it is long. ResourceExhausted: it does not fit after all.
  absl::StatusOr<text::PackSpeed> Measure(std::int64_t slots);

 private:
  PackProbe(ResidentModel& resident, SlotAdapter adapter) : resident_(resident), adapter_(std::move(adapter)) {}
  text::PackSpeed MeasureSteps(std::int64_t slots);

  ResidentModel& resident_;
  SlotAdapter adapter_;
  std::vector<const text::Sequence*> rows_;
  std::int64_t tokens_ = 0;  // of the rows
  std::int64_t measured_rows_ = 0;
};

}  // namespace lorasweep::trainer
