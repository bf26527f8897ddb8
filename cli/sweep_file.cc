#include "cli/sweep_file.h"

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/sweep_file_aliases.h"
#include "cli/sweep_file_overrides.h"
#include "cli/sweep_file_reader.h"
#include "cli/sweep_file_yaml.h"
#include "proto/convert.h"
#include "proto/settings.h"

namespace lorasweep::cli {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20;
constexpr std::size_t kMostMistakesShown = 20;

// Where a line is: in the file, or in an override.
std::string Place(const std::filesystem::path& file, const std::vector<std::string>& overrides, int line) {
  if (line < 0) return absl::StrCat("--set ", overrides[static_cast<std::size_t>(-line - 1)]);
  return line == 0 ? file.string() : absl::StrCat(file.string(), ":", line);
}

absl::Status Report(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                    const std::vector<SweepReader::Mistake>& mistakes) {
  std::vector<std::string> lines;
  for (const SweepReader::Mistake& mistake : mistakes) {
    if (lines.size() == kMostMistakesShown) {
      lines.push_back(absl::StrCat("… and ", mistakes.size() - kMostMistakesShown, " more"));
      break;
    }
    lines.push_back(absl::StrCat(Place(file, overrides, mistake.line), ": ", mistake.path,
                                 mistake.path.empty() ? "" : ": ", mistake.message));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

// A relative path that exists in `folder`, made absolute; any other unchanged.
std::string Resolve(const std::filesystem::path& folder, const std::string& path) {
  std::error_code error;
  if (path.empty() || std::filesystem::path(path).is_absolute()) return path;
  const std::filesystem::path there = std::filesystem::absolute(folder / path, error).lexically_normal();
  return !error && std::filesystem::exists(there, error) && !error ? there.string() : path;
}

void ResolvePaths(const std::filesystem::path& folder, v1::SweepSpec* spec) {
  if (spec->has_model()) spec->set_model(Resolve(folder, spec->model()));
  if (spec->training().has_adapter()) {
    spec->mutable_training()->set_adapter(Resolve(folder, spec->training().adapter()));
  }
  if (spec->has_data()) {
    v1::DataSpec& data = *spec->mutable_data();
    for (std::string& path : *data.mutable_train()) path = Resolve(folder, path);
    if (data.validation().has_files()) {
      for (std::string& path : *data.mutable_validation()->mutable_files()->mutable_paths()) {
        path = Resolve(folder, path);
      }
    }
    if (data.test().has_files()) {
      for (std::string& path : *data.mutable_test()->mutable_files()->mutable_paths()) path = Resolve(folder, path);
    }
    if (data.has_chat_template()) data.set_chat_template(Resolve(folder, data.chat_template()));
  }
  for (v1::ParameterSpec& parameter : *spec->mutable_parameters()) {
    const bool path = parameter.name() == "model" || parameter.name() == "train" || parameter.name() == "adapter" ||
                      parameter.name() == "chat_template";
    if (!path) continue;
    if (parameter.value().has_text()) {
      parameter.mutable_value()->set_text(Resolve(folder, parameter.value().text()));
    }
    for (v1::Value& value : *parameter.mutable_values()) {
      if (value.has_text()) value.set_text(Resolve(folder, value.text()));
    }
  }
}

// What is allowed, but will surprise.
void AddAdvice(const v1::SweepSpec& spec, std::vector<std::string>* warnings) {
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    if (!parameter.distribution().ends_with("log_uniform")) continue;
    const auto low = proto::FromProto(parameter.min());
    const auto high = proto::FromProto(parameter.max());
    double min = 0;
    double max = 0;
    if (!low.ok() || !high.ok() || !search::AsNumber(*low, &min) || !search::AsNumber(*high, &max)) continue;
    // exp(0) to exp(1) is hardly ever meant: W&B's trap.
    if (min < 0 || max > 1) continue;
    warnings->push_back(absl::StrCat("parameters.", parameter.name(), ": min and max of ", parameter.distribution(),
                                     " are natural logarithms, as in W&B; for plain bounds take ",
                                     parameter.distribution(), "_values"));
  }
  const auto options = proto::MakePrunerOptions(spec);
  if (options.ok() && (options->type == "asha" || options->type == "paired") && options->rung_sequences.empty()) {
    warnings->push_back(absl::StrCat("early_terminate: its first rung is not before max_steps ",
                                     spec.training().max_steps(), ", so no trial will be stopped early"));
  }
}

}  // namespace

absl::StatusOr<v1::SweepSpec> LoadSweepFile(const std::filesystem::path& path,
                                            const std::vector<std::string>& overrides,
                                            std::vector<std::string>* warnings) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return absl::NotFoundError(absl::StrCat(path.string(), ": no such file"));
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": a folder, not a sweep file"));
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(kLargestFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": cannot be read"));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return ParseSweepFile(text, path, overrides, warnings);
}

absl::StatusOr<v1::SweepSpec> ParseSweepFile(std::string_view text, const std::filesystem::path& path,
                                             const std::vector<std::string>& overrides,
                                             std::vector<std::string>* warnings) {
  if (text.size() > kLargestFile) {
    return absl::ResourceExhaustedError(absl::StrCat(path.string(), ": too large for a sweep file (at most 1 MiB)"));
  }
  std::vector<std::string> unused;
  if (warnings == nullptr) warnings = &unused;

  YamlNode root;
  if (const auto error = ParseYaml(text, &root)) return Report(path, overrides, {{error->line, "", error->message}});
  if (const auto mistakes = RenameForeignKeys(&root, warnings); !mistakes.empty()) {
    return Report(path, overrides, mistakes);
  }
  if (const absl::Status status = ApplyOverrides(overrides, &root, warnings); !status.ok()) return status;

  SweepReader reader;
  v1::SweepSpec spec = reader.Read(root);
  warnings->insert(warnings->end(), reader.warnings().begin(), reader.warnings().end());
  if (!reader.mistakes().empty()) return Report(path, overrides, reader.mistakes());

  if (spec.training().epochs() > 0 && spec.training().has_max_steps()) {
    warnings->push_back("training.epochs: not used, because max_steps is given");
    spec.mutable_training()->clear_epochs();
  }
  if (!spec.has_name() && path.has_stem()) spec.set_name(path.stem().string());
  ResolvePaths(path.parent_path(), &spec);
  proto::FillDefaults(&spec);
  std::vector<SweepReader::Mistake> mistakes;
  for (const proto::Problem& problem : proto::FindProblems(spec)) {
    mistakes.push_back({reader.LineOf(problem.path), problem.path, problem.message});
  }
  if (!mistakes.empty()) return Report(path, overrides, mistakes);
  AddAdvice(spec, warnings);
  return spec;
}

}  // namespace lorasweep::cli
