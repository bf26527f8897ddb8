// That all trials of a sweep are trained on the same files of the base model.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/other_base.h"
#include "server/coordinator.h"
#include "server/resource_names.h"

namespace lorasweep::server {

absl::StatusOr<std::string> Coordinator::SettleBase(Change& change, const Standing& standing, const std::string& told) {
  SweepState& sweep = *standing.sweep;
  const std::string& worker = sweep.record(standing.trial).attempts.back().worker;
  const std::string model = sweep.ModelOf(standing.trial);
  switch (MatchBase(sweep.BaseOf(model), told)) {
    case BaseMatch::kUntold:
      return "";
    case BaseMatch::kFirst:
      change.Touch(sweep);
      sweep.sweep().bases[model] = told;
      if (absl::Status put = change.transaction().PutBase(sweep.sweep().id, model, told); !put.ok()) return put;
      [[fallthrough]];
    case BaseMatch::kSame:
      workers_[worker].other_bases.erase({sweep.sweep().id, model});
      return "";
    case BaseMatch::kOther:
      break;
  }
  const std::string reason = proto::OtherBase(model, told, sweep.BaseOf(model));
  if (absl::Status refused = RefuseBase(change, standing, reason); !refused.ok()) return refused;
  return reason;
}

absl::Status Coordinator::RefuseBase(Change& change, const Standing& standing, const std::string& reason) {
  SweepState& sweep = *standing.sweep;
  const std::string& worker = sweep.record(standing.trial).attempts.back().worker;
  BaseRefusal& refusal = workers_[worker].other_bases[{sweep.sweep().id, sweep.ModelOf(standing.trial)}];
  if (refusal.times == 0) {
    Log(LogLevel::kWarning, absl::StrCat(WorkerName(worker), " gets no trials of ", SweepName(sweep.sweep().slug),
                                         ", and is asked again from time to time: ", reason));
  }
  refusal.Add(reason, change.steady_now);
  if (standing.kind != Standing::Kind::kLive) return absl::OkStatus();
  absl::Status moved = InterruptAttempt(change, sweep, standing.trial, AttemptEnd::kOtherBase, reason);
  return moved.ok() ? EndSweepIfDone(change, sweep, standing.trial) : moved;
}

bool Coordinator::IsRefused(const WorkerState& worker, const SweepState& sweep, const std::string& model) const {
  const auto refusal = worker.other_bases.find({sweep.sweep().id, model});
  return refusal != worker.other_bases.end() && options_.clock->Steady() < refusal->second.until;
}

bool Coordinator::HasOtherBase(const WorkerState& worker, const SweepState& sweep) {
  return !sweep.SearchesModel() && worker.other_bases.contains({sweep.sweep().id, sweep.spec().model()});
}

std::string Coordinator::WhyRefused(const WorkerState& worker) const {
  std::vector<std::string> reasons;
  for (const auto& [of, refusal] : worker.other_bases) {
    if (!active_.contains(of.first)) continue;
    reasons.push_back(absl::StrCat("no trials of ", sweeps_.at(of.first)->sweep().slug, ": ", refusal.reason));
  }
  return absl::StrJoin(reasons, "; ");
}

std::string Coordinator::WhatKeepsFromRunning(const SweepState& sweep) const {
  std::vector<std::string> others;
  for (const auto& [id, worker] : workers_) {
    if (MayServe(worker.record.worker, sweep.spec()) && Online(worker) && HasOtherBase(worker, sweep)) {
      others.push_back(id);
    }
  }
  const std::string& model = sweep.spec().model();
  return others.empty() ? WaitsForWorker(sweep.spec()) : WaitsForBase(model, sweep.BaseOf(model), others);
}

}  // namespace lorasweep::server
