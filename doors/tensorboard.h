#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::doors {

// A trial's curves as TensorBoard reads them: one event file of TFRecords with tensorflow.Event messages.
class EventFile {
 public:
  // Makes a file of its own in `folder`, which is made too. Internal: it cannot be written.
  static absl::StatusOr<EventFile> Create(const std::filesystem::path& folder, double wall_time);

  // seconds since 1970; the step is the training step.
  void AddScalar(double wall_time, std::int64_t step, const std::string& tag, double value);
  // What the HParams page shows as the run's settings.
  void AddSettings(double wall_time, const std::string& run,
                   const google::protobuf::Map<std::string, v1::Value>& parameters);
  // Nothing more is measured of the run.
  void AddEnd(double wall_time, bool succeeded);
  // What was added is in the file. Internal: something could not be written.
  absl::Status Flush();

 private:
  EventFile(std::filesystem::path file, std::ofstream out) : file_(std::move(file)), out_(std::move(out)) {}
  void WriteRecord(const std::string& event);
  void AddSummary(double wall_time, std::int64_t step, const std::string& value);

  std::filesystem::path file_;
  std::ofstream out_;
};

// A sweep as a folder of runs, trial-0, trial-1, …, written once or while it goes on.
//
//   TensorBoardWriter writer("runs/math-tutor");
//   writer.Add(trial); writer.Add(trial_number, observation); …
//   absl::Status written = writer.Flush();
class TensorBoardWriter {
 public:
  explicit TensorBoardWriter(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // A trial, or news of it: its settings when it is first seen, its measurements and its end when it has ended.
  absl::Status Add(const v1::Trial& trial);
  absl::Status Add(std::int64_t trial, const v1::Observation& observation);
  absl::Status Flush();

 private:
  struct Run {
    EventFile file;
    bool has_settings = false;
    bool ended = false;
    std::map<std::string, double> measured;  // written already
  };
  absl::StatusOr<Run*> RunOf(std::int64_t trial, double wall_time);

  std::filesystem::path folder_;
  std::map<std::int64_t, Run> runs_;
};

}  // namespace lorasweep::doors
