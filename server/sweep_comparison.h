#pragma once

#include <span>
#include <string>
#include <vector>

#include "lorasweep/v1/sweep_service.pb.h"
#include "server/sweep_state.h"

// What there is to say of sweeps side by side. Pure.
namespace lorasweep::server {

// Keys of the sweep file that are not the same in all, in the file's order; parameters one by one, names apart.
std::vector<v1::SpecDifference> DifferencesOf(std::span<const v1::SweepSpec* const> specs);

// Why values of these sweeps do not compare, a sentence each; empty: they do.
std::vector<std::string> ObstaclesBetween(std::span<const v1::SweepSpec* const> specs);

// Fills progress, trials, steps and seconds. Only completed trials that keep the sweep's constraints make progress.
void FillProgress(const SweepState& sweep, v1::ComparedSweep* compared);

}  // namespace lorasweep::server
