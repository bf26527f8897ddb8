#include "server/use_history.h"

#include <cmath>
#include <utility>

#include "google/protobuf/descriptor.h"

namespace lorasweep::server {
namespace {

// Two neighbours as one: means over the time of those that have a number, and the later one's time.
v1::MachineUse Together(const v1::MachineUse& first, v1::MachineUse second) {
  using google::protobuf::FieldDescriptor;
  const double before = first.seconds();
  const double after = second.seconds();
  const double share = before + after > 0 ? before / (before + after) : 0.5;
  const google::protobuf::Reflection& reflection = *second.GetReflection();
  for (int i = 0; i < second.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = second.GetDescriptor()->field(i);
    if (!field->has_optional_keyword() || !reflection.HasField(first, field)) continue;
    const bool both = reflection.HasField(second, field);
    const double part = both ? share : 1;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
      const double mean = part * reflection.GetDouble(first, field) + (1 - part) * reflection.GetDouble(second, field);
      reflection.SetDouble(&second, field, mean);
    } else {
      const double mean = part * static_cast<double>(reflection.GetInt64(first, field)) +
                          (1 - part) * static_cast<double>(reflection.GetInt64(second, field));
      reflection.SetInt64(&second, field, std::llround(mean));
    }
  }
  second.set_seconds(before + after);
  return second;
}

}  // namespace

void UseHistory::Add(v1::MachineUse use) {
  last_ = use;
  entries_.push_back(std::move(use));
  if (entries_.size() <= kMost) return;
  // What is looked at now stays as fine as it came.
  constexpr std::size_t kHalf = kMost / 2;
  static_assert(kHalf % 2 == 0);
  std::deque<v1::MachineUse> kept;
  for (std::size_t i = 0; i < kHalf; i += 2) kept.push_back(Together(entries_[i], std::move(entries_[i + 1])));
  for (std::size_t i = kHalf; i < entries_.size(); ++i) kept.push_back(std::move(entries_[i]));
  entries_ = std::move(kept);
}

}  // namespace lorasweep::server
