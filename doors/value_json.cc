#include "doors/value_json.h"

#include <variant>

#include "proto/convert.h"

namespace lorasweep::doors {

nlohmann::ordered_json ToJson(const search::Value& value) {
  return std::visit([](const auto& one) { return nlohmann::ordered_json(one); }, value);
}

nlohmann::ordered_json ToJson(const v1::Value& value) {
  const auto known = proto::FromProto(value);
  return known.ok() ? ToJson(*known) : nlohmann::ordered_json();
}

}  // namespace lorasweep::doors
