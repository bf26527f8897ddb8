#include "cli/sweep_end.h"

#include "absl/strings/str_cat.h"
#include "cli/display_text.h"
#include "cli/format.h"
#include "cli/names.h"
#include "cli/spawn.h"

namespace lorasweep::cli {

absl::Status StatusOfEnd(const v1::Sweep& sweep) {
  if (sweep.state() == v1::Sweep::FAILED) {
    return absl::FailedPreconditionError(absl::StrCat("the sweep failed: ", sweep.error()));
  }
  if (sweep.state() == v1::Sweep::CANCELLED) return absl::CancelledError("the sweep was cancelled");
  return absl::OkStatus();
}

void NotifyOfEnd(Context& context, Client& client, const std::string& command, const std::string& sweep) {
  if (command.empty()) return;
  context.out << std::flush;
  const absl::StatusOr<v1::Sweep> ended = client.GetSweep(sweep);
  absl::StatusOr<int> code = -1;
  if (!ended.ok()) code = ended.status();
  if (ended.ok()) {
    const bool best = ended->best_trial() >= 0;
    code = RunInForeground(
        {"/bin/sh", "-c", command},
        {.environment = {absl::StrCat("LORASWEEP_SWEEP=", IdOf(ended->name())),
                         absl::StrCat("LORASWEEP_STATE=", v1::Sweep::State_Name(ended->state())),
                         absl::StrCat("LORASWEEP_BEST_TRIAL=", best ? std::to_string(ended->best_trial()) : ""),
                         absl::StrCat("LORASWEEP_BEST_VALUE=", best ? ExactNumber(ended->best_value()) : "")},
         .out_to_error = true});
  }
  if (code.ok() && *code == 0) return;
  const std::string why =
      code.ok() ? absl::StrCat("ended with exit code ", *code) : std::string{code.status().message()};
  context.err << "the command of --notify failed: " << Printable(why) << '\n' << std::flush;
}

}  // namespace lorasweep::cli
