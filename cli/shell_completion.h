#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace CLI {
class App;
}

namespace lorasweep::cli {

// Prints what may stand at the end of a command line (manual/completion.h): names of sweeps and trials too, where they
// are wanted and the server answers within a second. Says nothing of errors: it stands in people's prompts. `app` has
// all commands.
void PrintCompletion(CLI::App& app, Context& context, const std::vector<std::string>& words);

}  // namespace lorasweep::cli
