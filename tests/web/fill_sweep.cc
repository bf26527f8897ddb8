// Writes a completed sweep of many trials into a server's state folder, as if workers had trained them: what a browser
// does with 50,000 trials can be tested in seconds. The server must not run.
//
//   fill_sweep STATE-FOLDER NAME TRIALS
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/convert.h"
#include "proto/settings.h"
#include "search/rng.h"
#include "server/trial_store.h"

namespace lorasweep::server {
namespace {

constexpr std::int64_t kSteps = 100;
constexpr std::int64_t kEvery = 25;  // steps between two observations
constexpr std::int64_t kWorkers = 4;
constexpr std::int64_t kRanks[] = {4, 8, 16, 32, 64};
constexpr const char* kOptimizers[] = {"adamw", "lion", "sgd"};

v1::SweepSpec SpecOf(const std::string& name, std::int64_t trials) {
  v1::SweepSpec spec;
  spec.set_name(name);
  spec.set_model("model");
  spec.set_method("random");
  spec.mutable_data()->add_train("rows.jsonl");
  spec.mutable_training()->set_max_steps(kSteps);
  spec.mutable_limits()->set_trials(trials);
  v1::ParameterSpec* rate = spec.add_parameters();
  rate->set_name("learning_rate");
  rate->set_distribution("log_uniform_values");
  rate->mutable_min()->set_number(1e-5);
  rate->mutable_max()->set_number(1e-2);
  v1::ParameterSpec* rank = spec.add_parameters();
  rank->set_name("lora_rank");
  for (const std::int64_t each : kRanks) rank->add_values()->set_integer(each);
  v1::ParameterSpec* optimizer = spec.add_parameters();
  optimizer->set_name("optimizer");
  for (const char* each : kOptimizers) optimizer->add_values()->set_text(each);
  proto::FillDefaults(&spec);
  return spec;
}

// One trial with its attempt and its curve; a third is pruned half-way.
absl::Status PutTrial(StoreTransaction& transaction, const SweepRecord& sweep, std::int64_t number, search::Rng& rng) {
  const double rate = std::exp(std::log(1e-5) + rng.Uniform() * std::log(1e3));
  const auto rank = static_cast<std::size_t>(rng.Uniform() * 5);
  const auto optimizer = static_cast<std::size_t>(rng.Uniform() * 3);
  const bool pruned = number % 3 == 2;
  search::Trial trial{.number = number,
                      .state = pruned ? search::TrialState::kPruned : search::TrialState::kCompleted,
                      .params = {{"learning_rate", rate},
                                 {"lora_rank", kRanks[rank]},
                                 {"optimizer", std::string(kOptimizers[optimizer])}},
                      .curve = {}};
  TrialRecord record;
  record.suggestion_reason = "Drawn at random.";
  if (pruned) record.outcome_reason = "0.031 worse than trial 0";
  record.step = pruned ? kSteps / 2 : kSteps;
  record.sequences = record.step * 8;
  record.tokens = record.step * 800;
  record.max_steps = kSteps;
  record.create_time = record.start_time = sweep.create_time + absl::Seconds(number / kWorkers);
  record.update_time = record.end_time = record.start_time + absl::Seconds(1);
  record.revision = sweep.revision;
  if (absl::Status put = transaction.PutTrial(sweep.id, trial, &record); !put.ok()) return put;
  const AttemptRecord attempt{.token = number + 1,
                              .number = 1,
                              .worker = absl::StrCat("w", number % kWorkers),
                              .request_id = {},
                              .start_time = record.start_time,
                              .end_time = record.end_time,
                              .end = pruned ? AttemptEnd::kPruned : AttemptEnd::kCompleted,
                              .end_reason = pruned ? "pruned" : "completed",
                              .start_step = 0,
                              .reported = true};
  if (absl::Status put = transaction.PutAttempt(record.id, attempt); !put.ok()) return put;
  const double end = 1 + 0.1 * std::abs(std::log10(rate) + 3) + 0.01 * static_cast<double>(rank) + 0.02 * rng.Uniform();
  for (std::int64_t step = 0; step <= record.step; step += kEvery) {
    v1::Observation observation;
    observation.set_metric("validation/loss");
    observation.set_step(step);
    observation.set_sequences(step * 8);
    observation.set_tokens(step * 800);
    observation.set_value(end + std::exp(-static_cast<double>(step) / 20));
    const auto put = transaction.PutObservation(sweep.id, record.id, sweep.revision, observation, record.start_time);
    if (!put.ok()) return put.status();
  }
  return absl::OkStatus();
}

absl::Status Fill(const std::filesystem::path& folder, const std::string& name, std::int64_t trials) {
  std::filesystem::create_directories(folder);
  const auto store = TrialStore::Open(folder / "lorasweep.db");
  if (!store.ok()) return store.status();
  StoreTransaction transaction(**store);
  SweepRecord sweep;
  sweep.slug = name;
  sweep.spec = SpecOf(name, trials);
  sweep.state = v1::Sweep::COMPLETED;
  sweep.create_time = absl::FromUnixSeconds(1'750'000'000);
  sweep.update_time = sweep.create_time + absl::Seconds(trials / kWorkers + 1);
  sweep.revision = 1;
  if (absl::Status put = transaction.PutSweep(&sweep); !put.ok()) return put;
  search::Rng rng(7);
  for (std::int64_t number = 0; number < trials; ++number) {
    if (absl::Status put = PutTrial(transaction, sweep, number, rng); !put.ok()) return put;
  }
  if (absl::Status put = transaction.PutLastToken(trials); !put.ok()) return put;
  if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
  return (*store)->CommitGroup();
}

}  // namespace
}  // namespace lorasweep::server

int main(int argc, char** argv) {
  std::int64_t trials = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[3], &trials) || trials < 1) {
    std::cerr << "usage: fill_sweep STATE-FOLDER NAME TRIALS\n";
    return 2;
  }
  const absl::Status status = lorasweep::server::Fill(argv[1], argv[2], trials);
  if (!status.ok()) std::cerr << status.ToString() << '\n';
  return status.ok() ? 0 : 1;
}
