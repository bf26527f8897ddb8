#pragma once

#include <string>
#include <vector>

#include "proto/convert.h"
#include "proto/settings.h"

// Sweeps for tests of settings.
namespace lorasweep::proto::testing {

inline v1::SweepSpec DefaultSpec() {
  v1::SweepSpec spec;
  FillDefaults(&spec);
  return spec;
}

inline v1::SweepSpec ValidSpec() {
  v1::SweepSpec spec;
  spec.set_model("SmolLM2-135M-Instruct");
  spec.mutable_data()->add_train("math.jsonl");
  FillDefaults(&spec);
  return spec;
}

inline v1::ParameterSpec* AddValues(v1::SweepSpec* spec, const std::string& name,
                                    const std::vector<search::Value>& values) {
  v1::ParameterSpec* parameter = spec->add_parameters();
  parameter->set_name(name);
  for (const search::Value& value : values) *parameter->add_values() = ToProto(value);
  return parameter;
}

// The problems, one a line.
inline std::string Problems(const v1::SweepSpec& spec) {
  return std::string{ValidateSpec(spec).message()};
}

}  // namespace lorasweep::proto::testing
