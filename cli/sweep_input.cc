#include "cli/sweep_input.h"

#include "cli/display_text.h"
#include "cli/epochs.h"
#include "cli/inputs_check.h"
#include "cli/sweep_file.h"

namespace lorasweep::cli {

absl::StatusOr<v1::SweepSpec> ReadSweep(Context& context, const std::string& file,
                                        const std::vector<std::string>& overrides) {
  std::vector<std::string> warnings;
  auto spec = LoadSweepFile(file, overrides, &warnings);
  for (const std::string& warning : warnings) context.err << "note: " << PrintableLines(warning) << '\n';
  if (!spec.ok()) return absl::InvalidArgumentError(spec.status().message());
  if (absl::Status resolved = ResolveEpochs(&*spec, RootsFromEnvironment()); !resolved.ok()) return resolved;
  return spec;
}

}  // namespace lorasweep::cli
