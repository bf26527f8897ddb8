#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "doors/results.h"

namespace lorasweep::doors {

// A sweep as a study in an Optuna journal: the text of a file that `JournalStorage(JournalFileBackend(file))` opens and
// goes on with, and optuna-dashboard shows. The study has the sweep's id as its name, and the directions of its metric
// and objectives.
//
// COMPLETED trials are COMPLETE, PRUNED ones PRUNED, what waits or runs is left out, all others are FAIL, as are
// completed ones that lack an objective. Searched parameters are parameters with their ranges: log-uniform, integer and
// quantised ones as Optuna has them, choices as categories; what Optuna has no range for (normal, beta, …) as a float
// between the smallest and the largest value there is. Constant and derived parameters, reasons and measurements are
// attributes. The metric's curve is the intermediate values.
std::string OptunaJournal(const SweepResults& results);

}  // namespace lorasweep::doors
