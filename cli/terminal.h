#pragma once

#include <cstddef>

namespace lorasweep::cli {

// What can be shown on a stream. Read once at the start; the size of a live view is read again by MeasureTerminal.
struct Terminal {
  bool interactive = false;  // a person's terminal that understands cursor movements
  bool colour = false;       // interactive, and neither NO_COLOR (https://no-color.org) nor TERM=dumb is set
  std::size_t width = 0;     // columns; 0: unlimited (a file or pipe)
  std::size_t height = 24;   // lines
};

// Looks at the file descriptor (1: standard output, 2: standard error) and at NO_COLOR and TERM.
Terminal MeasureTerminal(int descriptor);

}  // namespace lorasweep::cli
