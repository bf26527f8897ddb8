#pragma once

#include <string>
#include <vector>

namespace CLI {
class Option;
}

namespace lorasweep::manual {

// What an option or an argument takes, read out of its type name and validators. Type names are written so that people
// and this can read them:
//   "FILE", "SWEEP.yaml", "DIR", "SWEEP/TRIAL|MODEL", "N", "HOST:PORT"     what kind of value it is
//   "table|json|csv|yaml", "auto|cpu|cuda:N"                               words, where in small letters
// CLI::IsMember's words count too.
struct OptionValue {
  std::string name;                // for help: "FILE", "table|json|csv|yaml"; empty for a flag
  std::vector<std::string> words;  // that it can be; others may be allowed beside them
  std::string range;               // "1 to 256", "0 or more"; empty: none told
  bool file = false;               // a file's name may stand there
  bool folder = false;             // a folder's, at least
  bool sweep = false;              // a sweep's name
  bool trial = false;              // SWEEP/TRIAL
  bool trial_needed = false;       // a sweep alone is not enough
};

OptionValue ValueOf(const CLI::Option& option);

}  // namespace lorasweep::manual
