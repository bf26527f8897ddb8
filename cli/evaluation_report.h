#pragma once

#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/evaluation.h"
#include "cli/output.h"
#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::cli {

// "0.933 [0.841, 0.974]"
std::string FormatMeasured(const Measured& measured);

Table QualityTable(std::span<const Quality> qualities);
nlohmann::ordered_json QualityJson(std::span<const Quality> qualities);

// What of it joins a trial: the tuned model's numbers, as `name`/metric.
std::vector<v1::Measurement> ToMeasurements(std::span<const Quality> qualities, const std::string& name,
                                            const std::string& source);

}  // namespace lorasweep::cli
