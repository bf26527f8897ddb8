#include "cli/tables.h"

#include <catch2/catch.hpp>

#include <cmath>

#include "cli/message_json.h"
#include "cli/run_report.h"
#include "tests/cli/example_sweep.h"

namespace lorasweep::cli {
namespace {

TEST_CASE("Only what is searched gets a column: neither constants nor derived parameters", "[cli][tables]") {
  v1::SweepSpec spec = ExampleSweep().spec();
  v1::ParameterSpec& constant = *spec.add_parameters();
  constant.set_name("weight_decay");
  constant.mutable_value()->set_number(0.01);
  CHECK(SearchedParameters(spec) == std::vector<std::string>{"learning_rate", "lora_rank"});
}

TEST_CASE("The leaderboard shows errors, ties and pruned trials", "[cli][tables]") {
  const auto lines = RenderTable(LeaderboardTable(ExampleLeaderboard()), {});
  CHECK(lines ==
        std::vector<std::string>{"#  trial  state     loss ± se            gap to #1 ± se    steps  lr      rank",
                                 "1      9  ✓ done    0.8217 ± 0.0006        —                  24  3.1e-4  32",
                                 "2      4  ✓ done    0.8225 ± 0.0006  ≈1  +0.0008 ± 0.0005     24  3e-4    16",
                                 "3     11  ✓ done    0.8301 ± 0.0006      +0.0084 ± 0.0006     24  0.0012   8",
                                 "4      2  ✕ pruned  0.9512 ± 0.0013      +0.031 ± 0.004        6  2e-5     8"});
}

TEST_CASE("The leaderboard's csv has exact values in columns of their own", "[cli][tables]") {
  const std::string csv = RenderCsv(LeaderboardTable(ExampleLeaderboard()));
  CHECK(csv.substr(0, csv.find("\r\n")) ==
        "rank,trial,state,value,value_stderr,gap,gap_stderr,gap_margin,gap_step,tied_with_best,step,learning_rate,lora_"
        "rank");
  CHECK(csv.find("\r\n2,4,COMPLETED,0.82251,0.00058,0.0008,0.0005,0.001,24,true,24,0.0003,16\r\n") !=
        std::string::npos);
}

TEST_CASE("With several objectives the leaderboard shows fronts, their values and broken constraints",
          "[cli][tables]") {
  v1::GetLeaderboardResponse board = ExampleLeaderboard();
  v1::MetricSpec* metric = board.mutable_sweep()->mutable_spec()->mutable_metric();
  metric->add_objectives("adapter/bytes=minimize");
  metric->add_constraints("trial/seconds <= 60");
  for (int i = 0; i < board.rows_size(); ++i) {
    board.mutable_rows(i)->set_front(i < 2 ? 1 : 0);
    board.mutable_rows(i)->add_objectives(i < 3 ? 1000 * (i + 1) : std::nan(""));
    board.mutable_rows(i)->set_violation(i == 3 ? 2.5 : 0);
  }
  const std::string csv = RenderCsv(LeaderboardTable(board));
  CHECK(csv.substr(0, csv.find("\r\n")) ==
        "rank,trial,state,value,value_stderr,gap,gap_stderr,gap_margin,gap_step,tied_with_best,step,front,adapter/"
        "bytes,violation,"
        "learning_rate,lora_rank");
  CHECK(csv.find(",24,1,2000,0,0.0003,16\r\n") != std::string::npos);
  const auto lines = RenderTable(LeaderboardTable(board), {});
  CHECK(lines[0].find("front") != std::string::npos);
  CHECK(lines[0].find("broken by") != std::string::npos);
  CHECK(lines[4].find("2.5") != std::string::npos);
}

TEST_CASE("Importance is shown with its error and where the best trials lie", "[cli][tables]") {
  v1::GetImportanceResponse importance;
  v1::ParameterImportance* row = importance.add_parameters();
  row->set_parameter("learning_rate");
  row->set_importance(0.8214);
  row->set_importance_stderr(0.04);
  row->mutable_best_low()->set_number(2e-4);
  row->mutable_best_high()->set_number(6e-4);
  row = importance.add_parameters();
  row->set_parameter("schedule");
  row->set_importance(0.1786);
  row->set_importance_stderr(0.04);
  row->mutable_best_low()->set_text("cosine");
  row->mutable_best_high()->set_text("cosine");
  CHECK(RenderTable(ImportanceTable(importance), {}) ==
        std::vector<std::string>{"parameter      importance ± se  best trials have",
                                 "learning_rate  0.82 ± 0.04      2e-4 to 6e-4",
                                 "schedule       0.18 ± 0.04      cosine"});
  CHECK(RenderCsv(ImportanceTable(importance)).find("schedule,0.1786,0.04,cosine,cosine") != std::string::npos);
}

TEST_CASE("The run's report names base, best, what pruning saved and the adapter", "[cli][report]") {
  const auto lines = RenderRunReport(ExampleLeaderboard(), ".lorasweep/adapters/math-tutor/trial-9", {});
  REQUIRE(lines.size() == 11);
  CHECK(lines[6] == "validation loss: base model 1.0432, best 0.8217 ± 0.0006 (trial 9, 21 % lower)");
  CHECK(lines[7] == "trial 9: lr 3.1e-4 · rank 32");
  CHECK(lines[8] == "as good as trial 4 for all that can be told (95 %); ahead of trial 11 by 0.0084 ± 0.0006");
  CHECK(lines[9] == "8 of 14 trials pruned, which saved 512 of 2,880 steps (18 %)");
  CHECK(lines[10] == "best adapter: .lorasweep/adapters/math-tutor/trial-9");
}

TEST_CASE("The best is explained by its point, its repeats, its front and its lead", "[cli][report]") {
  v1::GetLeaderboardResponse board = ExampleLeaderboard();
  v1::SweepSpec* spec = board.mutable_sweep()->mutable_spec();
  spec->mutable_repeats()->set_seeds(2);
  spec->mutable_metric()->add_objectives("adapter/bytes=minimize");
  v1::LeaderboardRow* best = board.mutable_rows(0);
  best->mutable_trial()->set_suggestion_reason("Start 1 of 4.");
  best->set_runs(3);
  best->set_spread(0.00113);
  best->set_diverged(1);
  best->set_front(1);
  board.mutable_rows(1)->set_tied_with_best(false);
  board.mutable_rows(2)->set_front(1);
  CHECK(ExplainBest(board) ==
        std::vector<std::string>{"trial 9: lr 3.1e-4 · rank 32. Start 1 of 4.",
                                 "trained 3 times with different seeds: the runs lie 0.0011 apart (standard deviation)",
                                 "1 repeat of it diverged",
                                 "on the Pareto front with trial 11: none of them is worse in every objective",
                                 "ahead of trial 4 by 0.0008 ± 0.0005"});
  const auto lines = RenderTable(LeaderboardTable(board), {});
  CHECK(lines[0].find("runs  spread  diverged") != std::string::npos);
  CHECK(lines[1].find("0.0011") != std::string::npos);
  CHECK(ExplainBest(v1::GetLeaderboardResponse()).empty());
}

TEST_CASE("Decisions that replay differently are listed with their trials and steps", "[cli][tables]") {
  v1::ReplaySweepResponse replay;
  v1::ReplayDifference* difference = replay.add_differences();
  difference->set_trial_number(3);
  difference->set_step(20);
  difference->set_logged("continue");
  difference->set_replayed("stop: place 3 of 4");
  CHECK(RenderTable(ReplayTable(replay), {}) ==
        std::vector<std::string>{"trial  step  logged    replayed", "    3    20  continue  stop: place 3 of 4"});
}

TEST_CASE("The report of a sweep without results says so", "[cli][report]") {
  v1::GetLeaderboardResponse empty;
  *empty.mutable_sweep()->mutable_spec() = ExampleSweep().spec();
  CHECK(BaseAgainstBest(empty) == "validation loss: no trial has one");
  CHECK(WhatPruningSaved(empty) == "0 of 0 trials pruned");
}

TEST_CASE("json has the names of the .proto files and every field", "[cli][json]") {
  const auto json = ToJson(ExampleSweep());
  CHECK(json["planned_trials"] == "24");  // 64-bit integers are texts in protobuf's mapping
  CHECK(json["state"] == "RUNNING");
  CHECK(json["trial_counts"]["failed"] == "0");
  CHECK(json["error"] == "");
}

TEST_CASE("Lists of sweeps, trials and workers say state, progress and age", "[cli][tables]") {
  v1::Sweep sweep = ExampleSweep();
  sweep.mutable_create_time()->set_seconds(1000);
  CHECK(RenderTable(SweepTable({&sweep, 1}, 1360), {})[1] ==
        "math-tutor  ● running   12/24        2       8  0.8217             9  SmolLM2-135M-Instruct  6 min ago");
  v1::Trial trial = ExampleTrial(3, v1::Trial::FAILED, 6, 0.9, 1e-3, 8);
  trial.set_outcome_reason("no space left");
  const auto trials = RenderTable(TrialTable({&trial, 1}, sweep.spec()), {});
  CHECK(trials[1].find("! failed") != std::string::npos);
  CHECK(trials[1].find("6/24") != std::string::npos);
  CHECK(trials[1].find("no space left") != std::string::npos);
  v1::Worker worker;
  worker.set_name("workers/a");
  worker.add_trials("sweeps/math-tutor/trials/3");
  const auto workers = RenderTable(WorkerTable({&worker, 1}, 0), {});
  CHECK(workers[1].find("○ away") != std::string::npos);
  CHECK(workers[1].find("math-tutor/trials/3") != std::string::npos);
}

TEST_CASE("A sample is told in full, what a model wrote cannot steer the terminal, and CSV has all of it",
          "[cli][tables]") {
  v1::Sample sample;
  sample.set_step(20);
  sample.set_row(1);
  sample.set_prompt("2 + 2 =");
  sample.set_expected("4");
  sample.set_generated("5 \x1b[2J");
  sample.set_cut(true);
  CHECK(SampleText(sample) == "step 20, row 1\n  prompt     2 + 2 =\n  expected   4\n  generated  5  [2J … (cut)\n");
  sample.set_generated("five");
  CHECK(RenderCsv(SampleTable({&sample, 1})).find("20,1,2 + 2 =,4,five,true") != std::string::npos);
}

TEST_CASE("Priorities, labels and what a sweep waits for are shown where there are any", "[cli][tables]") {
  v1::Sweep sweep = ExampleSweep();
  CHECK(RenderTable(SweepTable({&sweep, 1}, 0), {})[0].find("priority") == std::string::npos);
  sweep.mutable_spec()->mutable_limits()->set_priority(5);
  sweep.set_waiting_reason("waits for a worker with gpu=a100");
  const auto sweeps = RenderTable(SweepTable({&sweep, 1}, 0), {});
  CHECK(sweeps[0].find("priority") != std::string::npos);
  CHECK(sweeps[1].find("5  waits for a worker with gpu=a100") != std::string::npos);
  v1::Worker worker;
  CHECK(RenderTable(WorkerTable({&worker, 1}, 0), {})[0].find("labels") == std::string::npos);
  (*worker.mutable_labels())["site"] = "south";
  (*worker.mutable_labels())["gpu"] = "a100";
  CHECK(RenderTable(WorkerTable({&worker, 1}, 0), {})[1].find("gpu=a100 site=south") != std::string::npos);
  worker.set_waiting_reason("no trials of math-tutor: its files are others");
  const auto workers = RenderTable(WorkerTable({&worker, 1}, 0), {});
  CHECK(workers[1].find("no trials of math-tutor: its files are others") != std::string::npos);
}

}  // namespace
}  // namespace lorasweep::cli
