#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

namespace lorasweep::cli {

// protobuf's JSON mapping with the names of the .proto files (snake_case), fields without a value included: what
// `--output json` promises to keep. 64-bit integers are texts there, as the mapping says.
nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

template <typename Messages>
nlohmann::ordered_json ToJsonArray(const Messages& messages) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const auto& message : messages) array.push_back(ToJson(message));
  return array;
}

}  // namespace lorasweep::cli
