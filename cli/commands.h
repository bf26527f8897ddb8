#pragma once

#include "cli/context.h"

namespace CLI {
class App;
}

// Each function adds a group of subcommands; a chosen one sets context.action. `context` outlives `app`.
namespace lorasweep::cli {

void AddSweepCommands(CLI::App& app, Context& context);      // submit list pause resume stop cancel delete
void AddTrialCommands(CLI::App& app, Context& context);      // leaderboard importance replay trials show
void AddTrialActions(CLI::App& app, Context& context);       // trial stop, retry, clone; enqueue
void AddNoteCommands(CLI::App& app, Context& context);       // tag note update
void AddCompareCommand(CLI::App& app, Context& context);     // compare
void AddWorkerCommands(CLI::App& app, Context& context);     // workers
void AddRunCommand(CLI::App& app, Context& context);         // run
void AddWaitCommand(CLI::App& app, Context& context);        // wait
void AddFinishCommand(CLI::App& app, Context& context);      // finish
void AddTrainCommand(CLI::App& app, Context& context);       // train
void AddChatCommand(CLI::App& app, Context& context);        // chat
void AddPlaygroundCommand(CLI::App& app, Context& context);  // playground
void AddEvaluateCommand(CLI::App& app, Context& context);    // evaluate
void AddSpeedCommand(CLI::App& app, Context& context);       // speed
void AddPreviewCommand(CLI::App& app, Context& context);     // preview
void AddDataCommands(CLI::App& app, Context& context);       // data show
void AddModelCommands(CLI::App& app, Context& context);      // model import, model info, tokenize
void AddAdapterCommands(CLI::App& app, Context& context);    // adapter get, merge, gguf
void AddExportCommand(CLI::App& app, Context& context);      // export
void AddDoctorCommand(CLI::App& app, Context& context);      // doctor
void AddShellCommands(CLI::App& app, Context& context);      // completion, man

}  // namespace lorasweep::cli
