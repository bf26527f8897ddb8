#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/output.h"
#include "lorasweep/v1/sweep.pb.h"
#include "lorasweep/v1/sweep_service.pb.h"

// Tables of the service's messages, for people and as csv. Pure.
namespace lorasweep::cli {

// The parameters of a spec that are searched: neither constant nor derived, in the sweep file's order.
std::vector<std::string> SearchedParameters(const v1::SweepSpec& spec);

// A table's title for a parameter: "lr" for learning_rate, "rank" for lora_rank; others as they are.
std::string ShortName(const std::string& parameter);

// "lr 3.1e-4 · rank 32 · dropout 0" of the named parameters that the trial has.
std::string ParameterLine(const v1::Trial& trial, const std::vector<std::string>& names);

// The metric's name where it stands before numbers: "validation/loss" → "validation loss".
std::string MetricName(const v1::SweepSpec& spec);

// Rank, trial, state, value ± standard error, gap to #1 with "≈1" where it is not distinguishable from it, steps, and
// the searched parameters. Where the sweep has them: how often the best were trained and how far the runs lie apart,
// the Pareto front and the values of further objectives, and by how much constraints are broken.
Table LeaderboardTable(const v1::GetLeaderboardResponse& leaderboard);

// Parameter, its share of what matters ± standard error, and where the best trials have it.
Table ImportanceTable(const v1::GetImportanceResponse& importance);
// What a model of the results expects at values of each parameter, on average over the others.
Table EffectTable(const v1::GetImportanceResponse& importance);

// Trial, step, and what was logged against what came out, of the decisions that differ.
Table ReplayTable(const v1::ReplaySweepResponse& replay);

// What a trial's adapter answered, step by step; and one of them as text of several lines.
Table SampleTable(std::span<const v1::Sample> samples);
std::string SampleText(const v1::Sample& sample);

// `now`: seconds since 1970.
Table SweepTable(std::span<const v1::Sweep> sweeps, std::int64_t now);
Table TrialTable(std::span<const v1::Trial> trials, const v1::SweepSpec& spec);
Table WorkerTable(std::span<const v1::Worker> workers, std::int64_t now);

// Names and values without a header line.
Table FactTable(const std::vector<std::pair<std::string, std::string>>& facts);

}  // namespace lorasweep::cli
