#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace lorasweep::cli {

// The whole program: reads `arguments` (argv, the program's name first), runs the chosen command, tells errors on
// `err`. Returns the exit code. Standard output's and error's terminals are looked at by descriptor 1 and 2.
int RunProgram(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace lorasweep::cli
