#include "server/roles.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lorasweep::server {
namespace {

constexpr std::array kRoles = {Role::kView, Role::kSubmit, Role::kWork, Role::kAdmin};

constexpr MethodRule kRules[] = {
    {"/lorasweep.v1.SweepService/CreateSweep", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/GetSweep", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/ListSweeps", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/DeleteSweep", Role::kAdmin, Effect::kChanges},
    {"/lorasweep.v1.SweepService/UpdateSweep", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/PauseSweep", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/ResumeSweep", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/StopSweep", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/CancelSweep", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/GetTrial", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/ListTrials", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/UpdateTrial", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/ListObservations", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/ListSamples", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/RecordMeasurements", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/StopTrial", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/RetryTrial", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/EnqueueTrial", Role::kSubmit, Effect::kChanges},
    {"/lorasweep.v1.SweepService/GetLeaderboard", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/GetImportance", Role::kView, Effect::kReads},
    // As much work as the sweep's suggestions were.
    {"/lorasweep.v1.SweepService/ReplaySweep", Role::kSubmit, Effect::kReads},
    {"/lorasweep.v1.SweepService/CompareSweeps", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/WatchSweep", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/ListWorkers", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/ListMachineUse", Role::kView, Effect::kReads},
    {"/lorasweep.v1.SweepService/DownloadBlob", Role::kView, Effect::kReads},

    {"/lorasweep.v1.WorkerService/RegisterWorker", Role::kWork, Effect::kChanges},
    {"/lorasweep.v1.WorkerService/LeaseTrials", Role::kWork, Effect::kLeases},
    {"/lorasweep.v1.WorkerService/Report", Role::kWork, Effect::kReports},
    {"/lorasweep.v1.WorkerService/CompleteTrial", Role::kWork, Effect::kChanges},
    {"/lorasweep.v1.WorkerService/FailTrial", Role::kWork, Effect::kChanges},
    {"/lorasweep.v1.WorkerService/UploadBlob", Role::kWork, Effect::kChanges},
    {"/lorasweep.v1.WorkerService/DownloadBlob", Role::kWork, Effect::kReads},

    // What asks whether a server is alive has no token.
    {"/grpc.health.v1.Health/Check", std::nullopt, Effect::kReads},
    {"/grpc.health.v1.Health/Watch", std::nullopt, Effect::kReads},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Role::kView, Effect::kReads},
};

}  // namespace

bool Roles::Allow(Role needed) const {
  return Has(needed) || Has(Role::kAdmin) || (needed == Role::kView && Has(Role::kSubmit));
}

std::string Roles::ToString() const {
  std::string text;
  for (const Role role : kRoles) {
    if (Has(role)) absl::StrAppend(&text, text.empty() ? "" : ",", std::string(RoleName(role)));
  }
  return text;
}

absl::StatusOr<Roles> Roles::Parse(std::string_view text) {
  Roles roles;
  const std::vector<std::string> words = absl::StrSplit(std::string(text), ',');
  for (const std::string& word : words) {
    const auto role = std::find_if(kRoles.begin(), kRoles.end(), [&](Role each) { return RoleName(each) == word; });
    if (role == kRoles.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", word, "\" is no role; roles are view, submit, work and admin, with commas in between"));
    }
    roles.Add(*role);
  }
  return roles;
}

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kView:
      return "view";
    case Role::kSubmit:
      return "submit";
    case Role::kWork:
      return "work";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

std::span<const MethodRule> MethodRules() {
  return kRules;
}

const MethodRule* FindMethodRule(std::string_view method) {
  const auto rule =
      std::find_if(std::begin(kRules), std::end(kRules), [&](const MethodRule& each) { return each.method == method; });
  return rule == std::end(kRules) ? nullptr : rule;
}

}  // namespace lorasweep::server
