#pragma once

#include <string>

#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::proto {

// What trials must have in common to be trained as one pack: base model, data recipe, and what decides how the base is
// kept and computed with. Equal keys: packable, by one resident trainer; all other settings may differ. `spec` has the
// trial's parameters written in (ApplyParameters). Pure.
std::string PackKey(const v1::SweepSpec& spec);

// What decides which tensors an adapter has: adapters of equal keys are of equal size. `spec` likewise.
std::string AdapterShapeKey(const v1::SweepSpec& spec);

}  // namespace lorasweep::proto
