#include "doors/mlflow.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "doors/http_client.h"
#include "proto/convert.h"
#include "search/value.h"

namespace lorasweep::doors {
namespace {

using Json = nlohmann::json;

// What one log-batch call takes.
constexpr std::size_t kMostMetrics = 1000;
constexpr std::size_t kMostParameters = 100;
constexpr std::size_t kShownBody = 300;
constexpr char kTrialTag[] = "lorasweep.trial";

std::int64_t Milliseconds(const google::protobuf::Timestamp& time) {
  return google::protobuf::util::TimeUtil::TimestampToMilliseconds(time);
}

std::string ValueText(const v1::Value& value) {
  const auto known = proto::FromProto(value);
  return known.ok() ? search::ToString(*known) : "";
}

const char* StatusOf(v1::Trial::State state) {
  switch (state) {
    case v1::Trial::COMPLETED:
    case v1::Trial::PRUNED:
      return "FINISHED";
    case v1::Trial::CANCELLED:
      return "KILLED";
    case v1::Trial::INFEASIBLE:
    case v1::Trial::FAILED:
      return "FAILED";
    default:
      return "RUNNING";
  }
}

Json Tag(const std::string& key, const std::string& value) {
  return {{"key", key}, {"value", value}};
}

class Mlflow {
 public:
  explicit Mlflow(const MlflowOptions& options) : options_(options) {
    while (options_.url.ends_with('/')) options_.url.pop_back();
  }

  // The id of the experiment, which is made when it is not there.
  absl::StatusOr<std::string> Experiment() const {
    const auto found = Find();
    if (!found.ok()) return found.status();
    if (!found->is_null()) return Text(*found, "/experiment/experiment_id");
    const auto made = Call("experiments/create", {{"name", options_.experiment}});
    if (!made.ok()) return made.status();
    return Text(*made, "/experiment_id");
  }

  // The run of a trial, made when it is not there.
  absl::StatusOr<std::string> Run(const std::string& experiment, const v1::Trial& trial) const {
    const auto found = Call("runs/search", {{"experiment_ids", Json::array({experiment})},
                                            {"filter", absl::StrCat("tags.`", kTrialTag, "` = '", trial.name(), "'")},
                                            {"max_results", 1}});
    if (!found.ok()) return found.status();
    if (found->contains("runs") && !found->at("runs").empty()) return Text(*found, "/runs/0/info/run_id");
    const auto made = Call("runs/create", {{"experiment_id", experiment},
                                           {"run_name", absl::StrCat("trial-", trial.number())},
                                           {"start_time", Milliseconds(trial.start_time())},
                                           {"tags", Json::array({Tag(kTrialTag, trial.name())})}});
    if (!made.ok()) return made.status();
    return Text(*made, "/run/info/run_id");
  }

  absl::Status Fill(const std::string& run, const TrialResults& results) const {
    Json parameters = Json::array();
    for (const auto& [name, value] : std::map(results.trial.parameters().begin(), results.trial.parameters().end())) {
      parameters.push_back(Tag(name, ValueText(value)));
    }
    for (std::size_t at = 0; at < parameters.size(); at += kMostParameters) {
      if (absl::Status logged = Log(run, "params", parameters, at, kMostParameters); !logged.ok()) return logged;
    }
    Json metrics = Json::array();
    const auto add = [&](const std::string& name, double value, std::int64_t step, std::int64_t time) {
      if (std::isfinite(value))
        metrics.push_back({{"key", name}, {"value", value}, {"step", step}, {"timestamp", time}});
    };
    for (const v1::Observation& one : results.observations) {
      add(one.metric(), one.value(), one.step(), Milliseconds(one.time()));
    }
    for (const v1::Measurement& one : results.trial.measurements()) {
      add(one.metric(), one.value(), results.trial.step(), Milliseconds(one.time()));
    }
    for (std::size_t at = 0; at < metrics.size(); at += kMostMetrics) {
      if (absl::Status logged = Log(run, "metrics", metrics, at, kMostMetrics); !logged.ok()) return logged;
    }
    Json update = {{"run_id", run}, {"status", StatusOf(results.trial.state())}};
    if (HasEnded(results.trial.state())) update["end_time"] = Milliseconds(results.trial.end_time());
    return Call("runs/update", update).status();
  }

 private:
  absl::Status Log(const std::string& run, const char* kind, const Json& all, std::size_t from,
                   std::size_t most) const {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(from + most, all.size()));
    return Call("runs/log-batch", {{"run_id", run}, {kind, Json(std::vector<Json>(begin, end))}}).status();
  }

  HttpRequest Request(const std::string& path, const std::string& body) const {
    HttpRequest request{.url = absl::StrCat(options_.url, "/api/2.0/mlflow/", path), .body = body};
    if (!options_.token.empty()) request.headers.emplace_back("Authorization", absl::StrCat("Bearer ", options_.token));
    return request;
  }

  absl::StatusOr<Json> Read(const absl::StatusOr<HttpAnswer>& answer) const {
    if (!answer.ok()) return answer.status();
    Json json = Json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
    if (answer->status == 200 && json.is_object()) return json;
    std::string body = answer->body.substr(0, kShownBody);
    if (!options_.token.empty()) body = absl::StrReplaceAll(body, {{options_.token, "…"}});
    const std::string what = absl::StrCat("MLflow at ", options_.url, " answered ", answer->status, ": ", body);
    return answer->status >= 500 ? absl::UnavailableError(what) : absl::InvalidArgumentError(what);
  }

  absl::StatusOr<Json> Call(const std::string& path, const Json& body) const {
    return Read(Post(Request(path, body.dump(-1, ' ', false, Json::error_handler_t::replace))));
  }

  // Null where there is no such experiment.
  absl::StatusOr<Json> Find() const {
    const auto answer =
        Get(Request(absl::StrCat("experiments/get-by-name?experiment_name=", UrlEncoded(options_.experiment)), ""));
    if (answer.ok() && answer->status == 404) return Json();
    return Read(answer);
  }

  absl::StatusOr<std::string> Text(const Json& json, const char* place) const {
    const Json::json_pointer pointer(place);
    if (json.contains(pointer) && json.at(pointer).is_string()) return json.at(pointer).get<std::string>();
    return absl::InvalidArgumentError(absl::StrCat(options_.url, " does not answer as an MLflow server: no ", place));
  }

  MlflowOptions options_;
};

}  // namespace

absl::Status ExportToMlflow(const SweepResults& results, const MlflowOptions& options) {
  if (!options.token.empty()) {
    if (absl::Status safe = CheckSafeForSecrets(options.url); !safe.ok()) return safe;
  }
  const Mlflow mlflow(options);
  const auto experiment = mlflow.Experiment();
  if (!experiment.ok()) return experiment.status();
  for (const TrialResults& one : results.trials) {
    if (one.trial.state() == v1::Trial::QUEUED && one.observations.empty()) continue;
    const auto run = mlflow.Run(*experiment, one.trial);
    if (!run.ok()) return run.status();
    if (absl::Status filled = mlflow.Fill(*run, one); !filled.ok()) return filled;
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::doors
