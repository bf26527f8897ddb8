#pragma once

#include <string>

namespace lorasweep::bench {

// Prints what each pruner makes of the curves that record_curves.py has recorded: over `shuffles` random orders of the
// trials, the share of the full cost, how often the best trial survives, or one within two standard errors of it, and
// how much worse the loss of the trial is that it leaves first; beside them successive halving. Then how early the best
// trial could be told, and PrintRecordedCoverage. The text says what is wrong with the file; empty when all went well.
std::string Replay(const std::string& path, int shuffles, int workers);

}  // namespace lorasweep::bench
