#include "doors/tensorboard.h"

#include <google/protobuf/struct.pb.h>

#include <bit>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "doors/results.h"
#include "doors/wire.h"

namespace lorasweep::doors {
namespace {

// tensorflow/core/lib/hash/crc32c.h: a CRC of data that holds CRCs is masked.
std::uint32_t MaskedCrc(std::string_view bytes) {
  return std::rotr(Crc(kCrc32c, bytes), 15) + 0xa282ead8u;
}

// Messages are tensorflow.Event, .Summary and tensorboard.hparams.HParamsPluginData.
constexpr char kPlugin[] = "hparams";

// A summary value that carries data of the HParams plugin.
std::string PluginValue(const std::string& tag, const std::string& plugin_data) {
  const std::string data = Fields().Bytes(1, kPlugin).Bytes(2, plugin_data).text();
  const std::string metadata = Fields().Bytes(1, data).text();
  constexpr int kFloatType = 1;
  const std::string tensor = Fields().Integer(1, kFloatType).Bytes(2, "").text();  // a value must have one
  return Fields().Bytes(1, tag).Bytes(9, metadata).Bytes(8, tensor).text();
}

google::protobuf::Value ToPlugin(const v1::Value& value) {
  google::protobuf::Value result;
  switch (value.kind_case()) {
    case v1::Value::kFlag:
      result.set_bool_value(value.flag());
      break;
    case v1::Value::kInteger:
      result.set_number_value(static_cast<double>(value.integer()));
      break;
    case v1::Value::kNumber:
      result.set_number_value(value.number());
      break;
    case v1::Value::kText:
    case v1::Value::KIND_NOT_SET:
      result.set_string_value(value.text());
      break;
  }
  return result;
}

}  // namespace

absl::StatusOr<EventFile> EventFile::Create(const std::filesystem::path& folder, double wall_time) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  // TensorBoard takes every file with "tfevents" in its name, and reads them in the order of their names.
  const std::filesystem::path file =
      folder / absl::StrCat("events.out.tfevents.", static_cast<std::int64_t>(wall_time), ".lorasweep");
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  if (!out) return absl::InternalError(absl::StrCat("cannot write ", file.string()));
  EventFile events(file, std::move(out));
  events.WriteRecord(Fields().Double(1, wall_time).Bytes(3, "brain.Event:2").text());
  return events;
}

void EventFile::WriteRecord(const std::string& event) {
  const std::string length = LittleEndian(static_cast<std::uint64_t>(event.size()));
  out_ << length << LittleEndian(MaskedCrc(length)) << event << LittleEndian(MaskedCrc(event));
}

void EventFile::AddSummary(double wall_time, std::int64_t step, const std::string& value) {
  const std::string summary = Fields().Bytes(1, value).text();
  WriteRecord(Fields().Double(1, wall_time).Integer(2, step).Bytes(5, summary).text());
}

void EventFile::AddScalar(double wall_time, std::int64_t step, const std::string& tag, double value) {
  AddSummary(wall_time, step, Fields().Bytes(1, tag).Float(2, static_cast<float>(value)).text());
}

void EventFile::AddSettings(double wall_time, const std::string& run,
                            const google::protobuf::Map<std::string, v1::Value>& parameters) {
  Fields session;
  for (const auto& [name, value] : std::map(parameters.begin(), parameters.end())) {
    session.Bytes(1, Fields().Bytes(1, name).Bytes(2, ToPlugin(value).SerializeAsString()).text());
  }
  session.Bytes(4, run).Double(5, wall_time);
  AddSummary(wall_time, 0, PluginValue("_hparams_/session_start_info", Fields().Bytes(3, session.text()).text()));
}

void EventFile::AddEnd(double wall_time, bool succeeded) {
  constexpr int kSuccess = 1;
  constexpr int kFailure = 2;
  const std::string end = Fields().Integer(1, succeeded ? kSuccess : kFailure).Double(2, wall_time).text();
  AddSummary(wall_time, 0, PluginValue("_hparams_/session_end_info", Fields().Bytes(4, end).text()));
}

absl::Status EventFile::Flush() {
  out_.flush();
  return out_ ? absl::OkStatus() : absl::InternalError(absl::StrCat("cannot write ", file_.string()));
}

absl::StatusOr<TensorBoardWriter::Run*> TensorBoardWriter::RunOf(std::int64_t trial, double wall_time) {
  const auto found = runs_.find(trial);
  if (found != runs_.end()) return &found->second;
  auto file = EventFile::Create(folder_ / absl::StrCat("trial-", trial), wall_time);
  if (!file.ok()) return file.status();
  return &runs_.emplace(trial, Run{.file = *std::move(file), .measured = {}}).first->second;
}

absl::Status TensorBoardWriter::Add(const v1::Trial& trial) {
  // The same name whenever it is written, so that a later export replaces the file.
  const double begin = Seconds(trial.create_time());
  const auto run = RunOf(trial.number(), begin);
  if (!run.ok()) return run.status();
  if (!(*run)->has_settings)
    (*run)->file.AddSettings(begin, absl::StrCat("trial-", trial.number()), trial.parameters());
  (*run)->has_settings = true;
  for (const v1::Measurement& one : trial.measurements()) {
    const auto [known, fresh] = (*run)->measured.try_emplace(one.metric(), one.value());
    if (!fresh && known->second == one.value()) continue;
    known->second = one.value();
    (*run)->file.AddScalar(Seconds(one.time()), trial.step(), one.metric(), one.value());
  }
  if (!HasEnded(trial.state()) || (*run)->ended) return absl::OkStatus();
  (*run)->ended = true;
  (*run)->file.AddEnd(Seconds(trial.end_time()),
                      trial.state() == v1::Trial::COMPLETED || trial.state() == v1::Trial::PRUNED);
  return absl::OkStatus();
}

absl::Status TensorBoardWriter::Add(std::int64_t trial, const v1::Observation& observation) {
  const auto run = RunOf(trial, Seconds(observation.time()));
  if (!run.ok()) return run.status();
  (*run)->file.AddScalar(Seconds(observation.time()), observation.step(), observation.metric(), observation.value());
  return absl::OkStatus();
}

absl::Status TensorBoardWriter::Flush() {
  for (auto& [trial, run] : runs_) {
    if (absl::Status flushed = run.file.Flush(); !flushed.ok()) return flushed;
  }
  return absl::OkStatus();
}

}  // namespace lorasweep::doors
