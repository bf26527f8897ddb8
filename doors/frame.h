#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "doors/results.h"

namespace lorasweep::doors {

// monostate: nothing there.
using FrameValue = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

struct FrameColumn {
  std::string name;
  std::vector<FrameValue> values;  // of one kind, apart from those that are not there
};

// A flat table, as pandas and spreadsheets have them. All columns are of one length.
struct Frame {
  std::vector<FrameColumn> columns;

  std::size_t rows() const { return columns.empty() ? 0 : columns.front().values.size(); }
};

// One row a trial: number, state, value, where it got to, times (RFC 3339, UTC), seconds it took, reasons; params_NAME
// for every parameter, and for every measurement METRIC, METRIC_low and METRIC_high.
Frame TrialFrame(const SweepResults& results);

// One row an observation: trial, metric, step, sequences, tokens, value, time.
Frame ObservationFrame(const SweepResults& results);

// One Parquet file: booleans, 64-bit integers and floats, texts. Errors: Internal, with the file's name.
absl::Status WriteParquet(const Frame& frame, const std::filesystem::path& file);

}  // namespace lorasweep::doors
