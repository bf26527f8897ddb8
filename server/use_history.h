#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "lorasweep/v1/sweep.pb.h"

namespace lorasweep::server {

// How busy a worker's machine was, in bounded memory: where there are more than kMost entries, each two neighbours of
// the older half become one, whose numbers are their means over time. Not thread safe.
class UseHistory {
 public:
  static constexpr std::size_t kMost = 600;

  // `use` is later than all that are there.
  void Add(v1::MachineUse use);
  // Oldest first.
  const std::deque<v1::MachineUse>& entries() const { return entries_; }
  // The last one as it came.
  const std::optional<v1::MachineUse>& last() const { return last_; }

 private:
  std::deque<v1::MachineUse> entries_;
  std::optional<v1::MachineUse> last_;
};

}  // namespace lorasweep::server
