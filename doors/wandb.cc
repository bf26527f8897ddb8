#include "doors/wandb.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "doors/value_json.h"
#include "doors/wire.h"

namespace lorasweep::doors {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The log's framing is LevelDB's, with plain CRC-32 and a header of W&B's at the beginning of its first block.
constexpr std::string_view kHeader{":W&B\xe1\xbe\0", 7};
constexpr std::size_t kBlock = 32768;
constexpr std::size_t kChunkHeader = 7;
enum ChunkType : std::uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// The oldest version of wandb that reads these records.
constexpr char kMinConsumer[] = "0.70.0";

// Fields of wandb_internal.Record.
constexpr int kNumber = 1;
constexpr int kHistory = 2;
constexpr int kSummary = 3;
constexpr int kRun = 17;
constexpr int kExit = 18;
constexpr int kVersion = 21;

std::string JsonText(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// W&B's JSON has numbers for what is no number.
std::string JsonText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return Json(value).dump();
}

// An item of a history or a summary.
std::string Item(const std::string& key, const std::string& json) {
  constexpr int kNestedKey = 2;
  constexpr int kValueJson = 16;
  return Fields().Bytes(kNestedKey, key).Bytes(kValueJson, json).text();
}

std::string ConfigItem(const std::string& key, const Json& value) {
  return Fields().Bytes(1, key).Bytes(16, JsonText(value)).text();
}

// The records of one run, framed.
class RunLog {
 public:
  RunLog() {
    const std::string version = Fields().Bytes(1, "lorasweep").Bytes(2, kMinConsumer).text();
    Add(kVersion, Fields().Bytes(1, version).text());
  }

  void Add(int kind, const std::string& message) {
    std::string record = Fields().Integer(kNumber, ++number_).Bytes(kind, message).text();
    for (std::string_view left = record;;) {
      const std::size_t room = kBlock - text_.size() % kBlock;
      if (room < kChunkHeader) {
        text_.append(room, '\0');
        continue;
      }
      const std::size_t size = std::min(left.size(), room - kChunkHeader);
      const bool first = left.size() == record.size();
      const bool last = size == left.size();
      const std::uint8_t type = first ? (last ? kFull : kFirst) : (last ? kLast : kMiddle);
      const std::string chunk = absl::StrCat(LittleEndian(type), std::string(left.substr(0, size)));
      absl::StrAppend(&text_, LittleEndian(Crc(kCrc32, chunk)), LittleEndian(static_cast<std::uint16_t>(size)), chunk);
      left.remove_prefix(size);
      if (last) return;
    }
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_{kHeader};
  std::int64_t number_ = 0;
};

std::string RunMessage(const std::string& id, const v1::Sweep& sweep, const v1::Trial& trial,
                       const std::string& project) {
  std::string config;
  {
    Fields items;
    if (sweep.spec().has_model() && !trial.parameters().contains("model")) {
      items.Bytes(1, ConfigItem("model", sweep.spec().model()));
    }
    for (const auto& [name, value] : std::map(trial.parameters().begin(), trial.parameters().end())) {
      items.Bytes(1, ConfigItem(name, ToJson(value)));
    }
    items.Bytes(1, ConfigItem("lorasweep", {{"trial", trial.name()},
                                            {"state", v1::Trial::State_Name(trial.state())},
                                            {"suggestion_reason", trial.suggestion_reason()},
                                            {"outcome_reason", trial.outcome_reason()}}));
    config = items.text();
  }
  const std::string group = sweep.name().substr(sweep.name().find('/') + 1);
  return Fields()
      .Bytes(1, id)
      .Bytes(3, project)
      .Bytes(4, config)
      .Bytes(6, group)
      .Bytes(8, absl::StrCat("trial-", trial.number()))
      .Bytes(17, trial.start_time().SerializeAsString())
      .text();
}

// What is known of a run at its end; the later value of a metric counts.
using Summary = std::map<std::string, double>;

void AddHistory(const TrialResults& results, RunLog* log, Summary* summary) {
  const double begin = Seconds(results.trial.start_time());
  const auto& all = results.observations;
  for (auto from = all.begin(); from != all.end();) {
    const std::int64_t step = from->step();
    const auto to = std::find_if(from, all.end(), [&](const v1::Observation& one) { return one.step() != step; });
    Fields items;
    double time = begin;
    for (; from != to; ++from) {
      time = std::max(time, Seconds(from->time()));
      (*summary)[from->metric()] = from->value();
      items.Bytes(1, Item(from->metric(), JsonText(from->value())));
    }
    items.Bytes(1, Item("_step", absl::StrCat(step)));
    items.Bytes(1, Item("_timestamp", JsonText(time)));
    items.Bytes(1, Item("_runtime", JsonText(time - begin)));
    items.Bytes(2, Fields().Integer(1, step).text());
    log->Add(kHistory, items.text());
  }
}

std::string LogOf(const std::string& id, const v1::Sweep& sweep, const TrialResults& results,
                  const std::string& project) {
  RunLog log;
  const v1::Trial& trial = results.trial;
  log.Add(kRun, RunMessage(id, sweep, trial, project));
  Summary summary;
  AddHistory(results, &log, &summary);
  for (const v1::Measurement& one : trial.measurements()) {
    summary[one.metric()] = one.value();
    if (one.has_low()) summary[one.metric() + "_low"] = one.low();
    if (one.has_high()) summary[one.metric() + "_high"] = one.high();
  }
  Fields items;
  for (const auto& [metric, value] : summary) items.Bytes(1, Item(metric, JsonText(value)));
  items.Bytes(1, Item("_step", absl::StrCat(trial.step())));
  log.Add(kSummary, items.text());
  if (!HasEnded(trial.state())) return log.text();
  const bool good = trial.state() == v1::Trial::COMPLETED || trial.state() == v1::Trial::PRUNED;
  const double took = Seconds(trial.end_time()) - Seconds(trial.start_time());
  log.Add(kExit, Fields().Integer(1, good ? 0 : 1).Integer(2, static_cast<std::int64_t>(took)).text());
  return log.text();
}

}  // namespace

absl::Status ExportToWandb(const SweepResults& results, const WandbOptions& options) {
  const std::string sweep = results.sweep.name().substr(results.sweep.name().find('/') + 1);
  for (const TrialResults& one : results.trials) {
    const v1::Trial& trial = one.trial;
    if (!trial.has_start_time()) continue;
    // Ids are for a whole project, and another server may have a sweep of the same id.
    const std::string id = absl::StrFormat("%s-%x-%d", sweep, results.sweep.create_time().seconds(), trial.number());
    const absl::Time begin = absl::FromUnixSeconds(trial.start_time().seconds());
    const fs::path folder =
        options.folder /
        absl::StrCat("offline-run-", absl::FormatTime("%Y%m%d_%H%M%S", begin, absl::UTCTimeZone()), "-", id);
    std::error_code error;
    fs::create_directories(folder, error);
    const fs::path file = folder / absl::StrCat("run-", id, ".wandb");
    // What was synced before is not what is written now.
    for (const char* mark : {".synced", ".syncstate"}) fs::remove(fs::path(file) += mark, error);
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << LogOf(id, results.sweep, one, options.project) << std::flush;
    if (!out) return absl::InternalError(absl::StrCat("cannot write ", file.string()));
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::doors
