#include "server/http_routes.h"

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lorasweep/v1/sweep_service.pb.h"
#include "lorasweep/v1/worker_service.pb.h"
#include "server/lease_wait.h"

namespace lorasweep::server {
namespace {

using google::protobuf::Message;
using Left = std::function<bool()>;

template <typename Request, typename Answer>
HttpRoute::Call Make(absl::StatusOr<Answer> (Coordinator::*method)(const Request&)) {
  return [method](Coordinator& coordinator, const Message& request, const Left&, Message* answer) {
    absl::StatusOr<Answer> result = (coordinator.*method)(static_cast<const Request&>(request));
    if (result.ok()) *static_cast<Answer*>(answer) = *std::move(result);
    return result.status();
  };
}

absl::Status DeleteSweep(Coordinator& coordinator, const Message& request, const Left&, Message*) {
  return coordinator.DeleteSweep(static_cast<const v1::DeleteSweepRequest&>(request));
}

absl::Status LeaseTrials(Coordinator& coordinator, const Message& request, const Left& left, Message* answer) {
  auto leases = WaitForLeases(coordinator, static_cast<const v1::LeaseTrialsRequest&>(request), left);
  if (leases.ok()) *static_cast<v1::LeaseTrialsResponse*>(answer) = *std::move(leases);
  return leases.status();
}

// "{name=sweeps/*}:pause" cut at its braces.
struct Parts {
  std::string_view before;
  std::string_view field;    // empty: the path has no variable
  std::string_view pattern;  // "sweeps/*"
  std::string_view after;
};

Parts Split(std::string_view path) {
  const std::size_t open = path.find('{');
  if (open == std::string_view::npos) return {.before = path, .field = {}, .pattern = {}, .after = {}};
  const std::size_t equals = path.find('=', open);
  const std::size_t close = path.find('}', open);
  return {.before = path.substr(0, open),
          .field = path.substr(open + 1, equals - open - 1),
          .pattern = path.substr(equals + 1, close - equals - 1),
          .after = path.substr(close + 1)};
}

bool HasForm(std::string_view value, std::string_view pattern) {
  const std::vector<std::string> is = absl::StrSplit(absl::string_view(value.data(), value.size()), '/');
  const std::vector<std::string> wanted = absl::StrSplit(absl::string_view(pattern.data(), pattern.size()), '/');
  if (is.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < is.size(); ++i) {
    const bool free = wanted[i] == "*";
    if (free ? is[i].empty() || is[i].find(':') != std::string::npos : is[i] != wanted[i]) return false;
  }
  return true;
}

// The fields that stand in the path when it is one of the route's.
std::optional<std::vector<std::pair<std::string, std::string>>> Fields(const HttpRoute& route, std::string_view path) {
  const Parts parts = Split(route.path);
  if (!path.starts_with(parts.before)) return std::nullopt;
  path.remove_prefix(parts.before.size());
  if (parts.field.empty()) return path.empty() ? std::make_optional(decltype(HttpMatch::fields){}) : std::nullopt;
  if (!path.ends_with(parts.after)) return std::nullopt;
  path.remove_suffix(parts.after.size());
  if (!HasForm(path, parts.pattern)) return std::nullopt;
  return decltype(HttpMatch::fields){{std::string(parts.field), std::string(path)}};
}

}  // namespace

const google::protobuf::MethodDescriptor& HttpRoute::descriptor() const {
  const std::string name = absl::StrCat("lorasweep.v1.", std::string(method));
  return *google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
}

const std::vector<HttpRoute>& HttpRoutes() {
  using C = Coordinator;
  using enum HttpRoute::Kind;
  static const auto& routes = *new std::vector<HttpRoute>{
      {"GET", "/v1/sweeps", "SweepService.ListSweeps", kCall, Make(&C::ListSweeps)},
      {"GET", "/v1/sweeps:compare", "SweepService.CompareSweeps", kCall, Make(&C::CompareSweeps)},
      {"POST", "/v1/sweeps", "SweepService.CreateSweep", kCall, Make(&C::CreateSweep)},
      {"GET", "/v1/{name=sweeps/*}", "SweepService.GetSweep", kCall, Make(&C::GetSweep)},
      {"DELETE", "/v1/{name=sweeps/*}", "SweepService.DeleteSweep", kCall, DeleteSweep},
      {"POST", "/v1/{name=sweeps/*}:update", "SweepService.UpdateSweep", kCall, Make(&C::UpdateSweep)},
      {"POST", "/v1/{name=sweeps/*}:pause", "SweepService.PauseSweep", kCall, Make(&C::PauseSweep)},
      {"POST", "/v1/{name=sweeps/*}:resume", "SweepService.ResumeSweep", kCall, Make(&C::ResumeSweep)},
      {"POST", "/v1/{name=sweeps/*}:stop", "SweepService.StopSweep", kCall, Make(&C::StopSweep)},
      {"POST", "/v1/{name=sweeps/*}:cancel", "SweepService.CancelSweep", kCall, Make(&C::CancelSweep)},
      {"GET", "/v1/{name=sweeps/*}:watch", "SweepService.WatchSweep", kWatch, nullptr},
      {"GET", "/v1/{name=sweeps/*}/leaderboard", "SweepService.GetLeaderboard", kCall, Make(&C::GetLeaderboard)},
      {"GET", "/v1/{name=sweeps/*}/importance", "SweepService.GetImportance", kCall, Make(&C::GetImportance)},
      {"GET", "/v1/{name=sweeps/*}/replay", "SweepService.ReplaySweep", kCall, Make(&C::ReplaySweep)},
      {"GET", "/v1/{parent=sweeps/*}/trials", "SweepService.ListTrials", kCall, Make(&C::ListTrials)},
      {"GET", "/v1/{name=sweeps/*/trials/*}", "SweepService.GetTrial", kCall, Make(&C::GetTrial)},
      {"GET", "/v1/{parent=sweeps/*/trials/*}/observations", "SweepService.ListObservations", kCall,
       Make(&C::ListObservations)},
      {"GET", "/v1/{parent=sweeps/*/trials/*}/samples", "SweepService.ListSamples", kCall, Make(&C::ListSamples)},
      {"POST", "/v1/{name=sweeps/*/trials/*}:update", "SweepService.UpdateTrial", kCall, Make(&C::UpdateTrial)},
      {"POST", "/v1/{name=sweeps/*/trials/*}:record", "SweepService.RecordMeasurements", kCall,
       Make(&C::RecordMeasurements)},
      {"POST", "/v1/{name=sweeps/*/trials/*}:stop", "SweepService.StopTrial", kCall, Make(&C::StopTrial)},
      {"POST", "/v1/{name=sweeps/*/trials/*}:retry", "SweepService.RetryTrial", kCall, Make(&C::RetryTrial)},
      {"POST", "/v1/{parent=sweeps/*}/trials", "SweepService.EnqueueTrial", kCall, Make(&C::EnqueueTrial)},
      {"GET", "/v1/workers", "SweepService.ListWorkers", kCall, Make(&C::ListWorkers)},
      {"GET", "/v1/{name=workers/*}/use", "SweepService.ListMachineUse", kCall, Make(&C::ListMachineUse)},
      {"GET", "/v1/blobs/{sha256=*}", "SweepService.DownloadBlob", kDownload, nullptr},
      {"POST", "/v1/workers:register", "WorkerService.RegisterWorker", kCall, Make(&C::RegisterWorker)},
      {"POST", "/v1/{worker=workers/*}:lease", "WorkerService.LeaseTrials", kCall, LeaseTrials},
      {"POST", "/v1/{worker=workers/*}:report", "WorkerService.Report", kCall, Make(&C::Report)},
      {"POST", "/v1/{worker=workers/*}:complete", "WorkerService.CompleteTrial", kCall, Make(&C::CompleteTrial)},
      {"POST", "/v1/{worker=workers/*}:fail", "WorkerService.FailTrial", kCall, Make(&C::FailTrial)},
  };
  return routes;
}

HttpMatch MatchRoute(std::string_view verb, std::string_view path) {
  HttpMatch match;
  for (const HttpRoute& route : HttpRoutes()) {
    auto fields = Fields(route, path);
    if (!fields) continue;
    if (route.verb == verb) return {.route = &route, .fields = *std::move(fields), .verbs = {}};
    match.verbs.push_back(route.verb);
  }
  return match;
}

PathTemplate TemplateOf(const HttpRoute& route) {
  const Parts parts = Split(route.path);
  PathTemplate result{.text = std::string(parts.before), .variables = {}};
  const absl::string_view pattern(parts.pattern.data(), parts.pattern.size());
  std::string collection = std::string(parts.field);
  bool first = true;
  for (const std::string& segment : std::vector<std::string>(absl::StrSplit(pattern, '/', absl::SkipEmpty()))) {
    if (!first) result.text += '/';
    first = false;
    if (segment != "*") {
      result.text += segment;
      collection = segment.substr(0, segment.size() - 1);  // sweeps/{sweep}
      continue;
    }
    absl::StrAppend(&result.text, "{", collection, "}");
    result.variables.push_back(collection);
  }
  result.text += parts.after;
  return result;
}

}  // namespace lorasweep::server
