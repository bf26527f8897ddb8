// FindProblems and ValidateSpec of proto/settings.h.
#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/convert.h"
#include "proto/objectives.h"
#include "proto/parameter_check.h"
#include "proto/search_space.h"
#include "proto/settings.h"
#include "proto/spelling.h"
#include "search/random_sampler.h"
#include "search/wanted_point.h"

namespace lorasweep::proto {
namespace {

using google::protobuf::Message;
using google::protobuf::Reflection;

// What metrics begin with that `lorasweep evaluate` and `lorasweep speed` measure of a trial.
constexpr char kEvaluated[] = "eval/";
constexpr char kSpeed[] = "cpu/";
constexpr int kMostParameters = 1000;
constexpr int kMostListItems = 10000;
constexpr int kMostKnownTrials = 1000;
constexpr int kMostStartPoints = 1000;

// The observations that lorasweep's own workers report and that say how good a trial is.
const std::vector<std::string>& BuiltinMetrics() {
  static const std::vector<std::string> metrics = {"validation/loss", "train/loss"};
  return metrics;
}

// What metric.objectives and metric.constraints may name besides.
const std::vector<std::string>& FurtherMetrics() {
  static const std::vector<std::string> metrics = {"validation/loss", "train/loss",  "test/loss",
                                                   kAdapterBytes,     kTrialSeconds, kTrialSpeed};
  return metrics;
}

class Inspector {
 public:
  explicit Inspector(const v1::SweepSpec& spec) : spec_(spec), builtin_(spec.trainer() != "external") {}

  std::vector<Problem> Run() {
    for (const Setting& setting : AllSettings()) {
      if (setting.section != "parameters.*") CheckSetting(setting);
    }
    CheckMetric();
    CheckObjectives();
    CheckKnownTrials();
    CheckParameters();
    if (problems_.empty()) CheckTogether();
    return std::move(problems_);
  }

 private:
  void Add(std::string path, std::string message) { problems_.push_back({std::move(path), std::move(message)}); }
  void Add(std::string path, const absl::Status& status) { Add(std::move(path), std::string{status.message()}); }

  void CheckSetting(const Setting& setting) {
    v1::SweepSpec scratch;
    const Message* section = &spec_;
    if (!setting.section.empty()) {
      section = &spec_.GetReflection()->GetMessage(spec_, spec_.GetDescriptor()->FindFieldByName(setting.section));
    }
    const Reflection* reflection = section->GetReflection();
    if (setting.type == Setting::Type::kNumberList) {
      CheckNumbers(setting, *section);
      return;
    }
    if (setting.field->is_repeated()) {
      CheckTexts(setting, *section);
      return;
    }
    if (!reflection->HasField(*section, setting.field)) {
      CheckMissing(setting);
      return;
    }
    if (setting.type == Setting::Type::kSplit) {
      CheckSplit(setting, static_cast<const v1::Split&>(reflection->GetMessage(*section, setting.field)));
      return;
    }
    const search::Value value = *ValueOf(setting, spec_);
    if (const absl::Status status = SetSetting(setting, value, SectionOf(setting, &scratch)); !status.ok()) {
      Add(setting.path, status);
    }
  }

  void CheckMissing(const Setting& setting) {
    const bool needed = setting.required ? builtin_ : !setting.default_value.empty();
    if (needed) Add(setting.path, absl::StrCat("is missing (", Allowed(setting), ")"));
  }

  void CheckTexts(const Setting& setting, const Message& section) {
    const Reflection* reflection = section.GetReflection();
    const int size = reflection->FieldSize(section, setting.field);
    if (size == 0) CheckMissing(setting);
    if (size > kMostListItems) Add(setting.path, absl::StrCat(size, " are too many (at most ", kMostListItems, ")"));
    for (int i = 0; i < std::min(size, kMostListItems); ++i) {
      if (reflection->GetRepeatedString(section, setting.field, i).empty()) {
        Add(setting.path, "\"\" is not allowed (no text may be empty)");
        return;
      }
      const std::string& text = reflection->GetRepeatedString(section, setting.field, i);
      if (setting.pairs && !IsPair(setting, text)) {
        Add(setting.path, absl::StrCat(text, " is not allowed (", Allowed(setting), ")"));
        return;
      }
    }
  }

  void CheckNumbers(const Setting& setting, const Message& section) {
    const Reflection* reflection = section.GetReflection();
    const int size = reflection->FieldSize(section, setting.field);
    if (size > kMostListItems) Add(setting.path, absl::StrCat(size, " are too many (at most ", kMostListItems, ")"));
    for (int i = 0; i < std::min(size, kMostListItems); ++i) {
      const double number = reflection->GetRepeatedDouble(section, setting.field, i);
      if (std::isfinite(number) && setting.range.Contains(number)) continue;
      Add(setting.path,
          absl::StrCat(search::ToString(search::Value(number)), " is not allowed (", Allowed(setting), ")"));
      return;
    }
  }

  void CheckSplit(const Setting& setting, const v1::Split& split) {
    const auto& paths = split.files().paths();
    switch (split.source_case()) {
      case v1::Split::kShare:
        if (split.share() > 0 && split.share() < 1) return;
        Add(setting.path,
            absl::StrCat(search::ToString(search::Value(split.share())), " is not allowed (", Allowed(setting), ")"));
        return;
      case v1::Split::kRows:
        if (split.rows() >= 1) return;
        Add(setting.path, absl::StrCat(split.rows(), " is not allowed (", Allowed(setting), ")"));
        return;
      case v1::Split::kFiles:
        if (!paths.empty() && std::none_of(paths.begin(), paths.end(), [](const auto& p) { return p.empty(); })) return;
        Add(setting.path, "an empty list or file name is not allowed");
        return;
      case v1::Split::SOURCE_NOT_SET:
        CheckMissing(setting);
    }
  }

  void CheckMetric() {
    if (!builtin_) return;
    const std::string& name = spec_.metric().name();
    const std::vector<std::string>& known = BuiltinMetrics();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      Add("metric.name", absl::StrCat(name, " is not reported by lorasweep's workers", DidYouMean(name, known),
                                      " (one of ", absl::StrJoin(known, ", "), "; any name with trainer: external)"));
    } else if (spec_.metric().goal() == "maximize") {
      Add("metric.goal", absl::StrCat("maximize would look for the worst ", name, " (minimize)"));
    }
  }

  void CheckObjectives() {
    const absl::StatusOr<Objectives> objectives = MakeObjectives(spec_);
    if (!objectives.ok()) return AddPrefixed(objectives.status());
    if (spec_.limits().stop_when_settled() && !objectives->further.empty()) {
      Add("limits.stop_when_settled", "goes by one metric, but metric.objectives has more");
    }
    if (!builtin_) return;
    const std::vector<std::string>& known = FurtherMetrics();
    const auto check = [&](const char* path, const std::string& metric) {
      if (metric.starts_with(kEvaluated) || metric.starts_with(kSpeed) ||
          std::find(known.begin(), known.end(), metric) != known.end())
        return;
      Add(path, absl::StrCat(metric, " is not known of a trial", DidYouMean(metric, known), " (one of ",
                             absl::StrJoin(known, ", "), ", or ", kEvaluated, "… as evaluate and ", kSpeed,
                             "… as speed measures it; any name with trainer: external)"));
    };
    for (const Objectives::Further& one : objectives->further) check("metric.objectives", one.metric);
    for (const Objectives::Constraint& one : objectives->constraints) check("metric.constraints", one.metric);
  }

  void CheckKnownTrials() {
    const std::string& method = spec_.method();
    if (spec_.cost_aware() && method != "auto" && method != "bayes" && method != "gp") {
      Add("cost_aware", absl::StrCat("has no meaning for method ", method, " (auto, bayes and gp have it)"));
    }
    if (spec_.warm_start_size() > 0 && method != "auto" && method != "bayes" && method != "gp" && method != "tpe") {
      Add("warm_start", absl::StrCat("has no meaning for method ", method, " (auto, bayes, gp and tpe learn from it)"));
    }
    if (spec_.known_trials_size() > kMostKnownTrials) {
      Add("known_trials", absl::StrCat(spec_.known_trials_size(), " are too many (at most ", kMostKnownTrials, ")"));
      return;
    }
    for (const v1::KnownTrial& known : spec_.known_trials()) {
      if (known.standing() >= 0 && known.standing() <= 1 && FromProto(known.parameters()).ok()) continue;
      Add("known_trials", "each needs parameters with values and a standing from 0 to 1");
      return;
    }
  }

  void CheckParameters() {
    if (spec_.parameters_size() > kMostParameters) {
      Add("parameters", absl::StrCat(spec_.parameters_size(), " are too many (at most ", kMostParameters, ")"));
      return;
    }
    const std::size_t before = problems_.size();
    std::set<std::string> names;
    for (const v1::ParameterSpec& parameter : spec_.parameters()) {
      const std::string path = absl::StrCat("parameters.", parameter.name());
      if (!names.insert(parameter.name()).second) {
        Add(path, "is given twice");
        continue;
      }
      if (const absl::Status status = CheckParameter(parameter, builtin_); !status.ok()) Add(path, status);
    }
    CheckReads(names);
    if (problems_.size() > before) return;
    const absl::StatusOr<search::Space> space = MakeSpace(spec_);
    if (!space.ok()) {
      AddPrefixed(space.status());
      return;
    }
    if (builtin_) {
      for (const Problem& problem : CheckDerived(*space)) problems_.push_back(problem);
    }
    CheckStartPoints(*space);
    if (spec_.method() != "grid") return;
    if (const absl::StatusOr<std::int64_t> size = space->GridSize(); !size.ok()) {
      Add("method", absl::StrCat("grid is not possible: ", std::string{size.status().message()}));
    }
  }

  void CheckStartPoints(const search::Space& space) {
    if (spec_.start_points_size() > kMostStartPoints) {
      Add("start_points", absl::StrCat(spec_.start_points_size(), " are too many (at most ", kMostStartPoints, ")"));
      return;
    }
    for (int i = 0; i < spec_.start_points_size(); ++i) {
      absl::StatusOr<search::Params> params = FromProto(spec_.start_points(i).parameters());
      absl::Status status = params.status();
      if (status.ok()) {
        const search::Wish wish{.given = *std::move(params), .like = std::nullopt};
        status = search::WantedPoint({space, {}}, wish, search::RandomSampler(), 0).status();
      }
      if (!status.ok()) Add(absl::StrCat("start_points[", i, "]"), status);
    }
  }

  // Do expressions and conditions read parameters only? A setting with a fixed value is not one, but may become one.
  void CheckReads(const std::set<std::string>& names) {
    const std::vector<std::string> known(names.begin(), names.end());
    const auto check = [&](const v1::ParameterSpec& parameter, const char* what, const std::string& name) {
      if (names.contains(name)) return;
      const bool is_setting = FindParameterSetting(name) != nullptr;
      Add(absl::StrCat("parameters.", parameter.name()),
          absl::StrCat(
              "its ", what, " reads ", name, ", which is not a parameter",
              is_setting ? absl::StrCat("; add ", name, ": {value: …} to parameters") : DidYouMean(name, known),
              " (parameters: ", absl::StrJoin(known, ", "), ")"));
    };
    for (const v1::ParameterSpec& parameter : spec_.parameters()) {
      const auto expression = search::Expression::Parse(parameter.expression());
      if (!parameter.expression().empty() && expression.ok()) {
        for (const std::string& name : expression->names()) check(parameter, "expression", name);
      }
      const absl::StatusOr<search::Condition> when = MakeCondition(parameter);
      if (!when.ok()) continue;
      for (const auto& comparison : when->comparisons()) check(parameter, "condition", comparison.parameter);
    }
  }

  // A message that begins with its path.
  void AddPrefixed(const absl::Status& status) {
    const std::string text{status.message()};
    const std::size_t colon = text.find(": ");
    if (colon == std::string::npos) {
      Add("parameters", text);
    } else {
      Add(text.substr(0, colon), text.substr(colon + 2));
    }
  }

  // What only makes sense together. Each value by itself is in order here.
  void CheckTogether() {
    const v1::DataSpec& data = spec_.data();
    if (builtin_ && data.weights_size() > 0 && data.weights_size() != data.train_size()) {
      Add("data.weights", absl::StrCat(data.weights_size(), " for ", data.train_size(),
                                       " files is not allowed (one for each file of data.train)"));
    }
    const v1::EarlyTerminateSpec& rule = spec_.early_terminate();
    if ((rule.max_iter() > 0) != (rule.s() > 0)) {
      Add(rule.max_iter() > 0 ? "early_terminate.max_iter" : "early_terminate.s",
          "max_iter and s go together: give both, or min_steps");
    } else if (const auto options = MakePrunerOptions(spec_); !options.ok()) {
      AddPrefixed(options.status());
    }
    const bool halving = rule.type() == "asha" || rule.type() == "hyperband" || rule.type() == "paired";
    if (rule.brackets() > 1 && !halving) {
      Add("early_terminate.brackets",
          absl::StrCat("has no meaning for type ", rule.type(), " (asha and paired have it)"));
    }
    if (rule.promote() && !halving && rule.type() != "pasha") {
      Add("early_terminate.promote",
          absl::StrCat("has no meaning for type ", rule.type(), " (asha and paired have it)"));
    }
    std::set<std::string> labels;
    for (const std::string& label : spec_.limits().worker_labels()) {
      const std::string key = label.substr(0, label.find('='));
      if (labels.insert(key).second) continue;
      Add("limits.worker_labels", absl::StrCat(key, " is given twice; a worker has one value of it"));
    }
    const bool guarded = rule.patience() > 0 || rule.has_worst_value();
    if (builtin_ && (rule.type() != "none" || guarded) && spec_.training().eval_every() == 0) {
      Add("training.eval_every",
          absl::StrCat("0 is not allowed with early_terminate ",
                       rule.type() != "none" ? absl::StrCat("type ", rule.type()) : "patience or worst_value",
                       ": trials are judged when they are evaluated (a whole number at least 1)"));
    }
  }

  const v1::SweepSpec& spec_;
  const bool builtin_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> FindProblems(const v1::SweepSpec& spec) {
  return Inspector(spec).Run();
}

absl::Status ValidateSpec(const v1::SweepSpec& spec) {
  const std::vector<Problem> problems = FindProblems(spec);
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n", [](std::string* out, const Problem& problem) {
    absl::StrAppend(out, problem.path, ": ", problem.message);
  }));
}

}  // namespace lorasweep::proto
