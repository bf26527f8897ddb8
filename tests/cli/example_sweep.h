#pragma once

#include <string>

#include "lorasweep/v1/sweep_service.pb.h"

namespace lorasweep::cli {

// A sweep in the middle of its life: 24 planned trials, a rank and a learning rate searched.
inline v1::Sweep ExampleSweep() {
  v1::Sweep sweep;
  sweep.set_name("sweeps/math-tutor");
  sweep.set_state(v1::Sweep::RUNNING);
  sweep.set_revision(10);
  sweep.set_planned_trials(24);
  sweep.set_best_trial(9);
  sweep.set_best_value(0.82171);
  sweep.set_base_value(1.0432);
  v1::SweepSpec& spec = *sweep.mutable_spec();
  spec.set_name("math-tutor");
  spec.set_model("SmolLM2-135M-Instruct");
  spec.mutable_metric()->set_name("validation/loss");
  v1::ParameterSpec& rate = *spec.add_parameters();
  rate.set_name("learning_rate");
  rate.set_distribution("log_uniform_values");
  rate.mutable_min()->set_number(1e-5);
  rate.mutable_max()->set_number(1e-2);
  v1::ParameterSpec& rank = *spec.add_parameters();
  rank.set_name("lora_rank");
  for (const int value : {8, 16, 32}) rank.add_values()->set_integer(value);
  v1::ParameterSpec& alpha = *spec.add_parameters();
  alpha.set_name("lora_alpha");
  alpha.set_expression("2 * lora_rank");
  v1::TrialCounts& counts = *sweep.mutable_trial_counts();
  counts.set_running(2);
  counts.set_completed(4);
  counts.set_pruned(8);
  return sweep;
}

inline v1::Trial ExampleTrial(std::int64_t number, v1::Trial::State state, std::int64_t step, double value, double rate,
                              std::int64_t rank) {
  v1::Trial trial;
  trial.set_name("sweeps/math-tutor/trials/" + std::to_string(number));
  trial.set_number(number);
  trial.set_state(state);
  trial.set_step(step);
  trial.set_max_steps(24);
  trial.set_value(value);
  (*trial.mutable_parameters())["learning_rate"].set_number(rate);
  (*trial.mutable_parameters())["lora_rank"].set_integer(rank);
  (*trial.mutable_parameters())["lora_alpha"].set_integer(2 * rank);
  return trial;
}

inline v1::GetLeaderboardResponse ExampleLeaderboard() {
  v1::GetLeaderboardResponse board;
  *board.mutable_sweep() = ExampleSweep();
  board.set_steps_run(2368);
  board.set_steps_saved(512);
  const auto add = [&board](v1::Trial trial, double error, double gap, double gap_error, bool tied) {
    v1::LeaderboardRow& row = *board.add_rows();
    row.set_rank(board.rows_size());
    row.set_value(trial.value());
    row.set_value_stderr(error);
    row.set_gap(gap);
    row.set_gap_stderr(gap_error);
    row.set_gap_margin(2 * gap_error);
    row.set_gap_step(trial.step());
    row.set_runs(1);
    row.set_tied_with_best(tied);
    *row.mutable_trial() = std::move(trial);
  };
  add(ExampleTrial(9, v1::Trial::COMPLETED, 24, 0.82171, 3.1e-4, 32), 0.00061, 0, 0, true);
  add(ExampleTrial(4, v1::Trial::COMPLETED, 24, 0.82251, 3e-4, 16), 0.00058, 0.0008, 0.0005, true);
  add(ExampleTrial(11, v1::Trial::COMPLETED, 24, 0.8301, 0.0012, 8), 0.00062, 0.00839, 0.00061, false);
  add(ExampleTrial(2, v1::Trial::PRUNED, 6, 0.9512, 2e-5, 8), 0.0013, 0.0311, 0.0042, false);
  return board;
}

}  // namespace lorasweep::cli
