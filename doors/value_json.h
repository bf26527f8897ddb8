#pragma once

#include <nlohmann/json.hpp>

#include "lorasweep/v1/sweep.pb.h"
#include "search/value.h"

// Parameters' values as other tools' JSON has them: numbers, texts and truths.
namespace lorasweep::doors {

nlohmann::ordered_json ToJson(const search::Value& value);
// Null: of no kind that is known.
nlohmann::ordered_json ToJson(const v1::Value& value);

}  // namespace lorasweep::doors
