#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace lorasweep::cli {

// Draws lines over the ones it drew before, without flicker: moves the cursor up, rewrites, erases what is left over.
// Hides the cursor from the first Paint on and shows it again in the destructor, below the last picture; signals that
// end the program must therefore let it unwind (see Signals). Lines must fit the terminal's width.
class Painter {
 public:
  explicit Painter(std::ostream& out) : out_(out) {}
  ~Painter();
  Painter(const Painter&) = delete;
  Painter& operator=(const Painter&) = delete;

  void Paint(const std::vector<std::string>& lines);
  // Takes the picture away; what is written next stands where it was.
  void Erase();

 private:
  std::ostream& out_;
  std::vector<std::string> shown_;
  bool cursor_hidden_ = false;
};

}  // namespace lorasweep::cli
