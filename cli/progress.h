#pragma once

#include <cstdint>
#include <string>

#include "cli/context.h"
#include "cli/painter.h"

namespace lorasweep::cli {

// Long work of one command on context.err: a bar on a terminal, elsewhere a line for every tenth done.
class Progress {
 public:
  Progress(Context& context, std::string what);
  // `total` 0: unknown yet.
  void Set(std::int64_t done, std::int64_t total);

 private:
  Context& context_;
  const std::string what_;
  Painter painter_;
  std::int64_t shown_ = -1;  // hundredths on a terminal, else tenths
};

}  // namespace lorasweep::cli
