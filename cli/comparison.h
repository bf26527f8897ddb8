#pragma once

#include "cli/output.h"
#include "lorasweep/v1/sweep_service.pb.h"

// Sweeps side by side, as tables. Pure.
namespace lorasweep::cli {

// A line a sweep: state, method, what it searched, the best value ± its error, how much worse that is than the first
// sweep's, and what was spent.
Table ComparisonTable(const v1::CompareSweepsResponse& comparison);

// The best value of each after equal shares of the steps that the longest of them trained; "" before its first trial.
Table ProgressTable(const v1::CompareSweepsResponse& comparison);

// Keys of the sweep file that differ, a column a sweep.
Table DifferenceTable(const v1::CompareSweepsResponse& comparison);

}  // namespace lorasweep::cli
