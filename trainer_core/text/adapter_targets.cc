#include "trainer_core/text/adapter_targets.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "trainer_core/text/linear_modules.h"
#include "trainer_core/text/regex.h"

namespace lorasweep::text {
namespace {

constexpr char kAllLinear[] = "all-linear";
constexpr std::size_t kLongestPattern = 4096;
constexpr double kMaxRank = 4096;
constexpr std::size_t kMostNamesShown = 16;

bool IsName(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.'; });
}

// Whether a whole name matches `expression`.
class WholeMatch {
 public:
  static absl::StatusOr<WholeMatch> Compile(const std::string& expression) {
    if (expression.size() > kLongestPattern) return absl::InvalidArgumentError("the pattern is too long");
    absl::StatusOr<Regex> regex = Regex::Compile(absl::StrCat("\\A(?:", expression, ")\\z"));
    if (!regex.ok()) return regex.status();
    return WholeMatch(*std::move(regex));
  }

  bool operator()(const std::string& name) {
    matcher_->FindAll(name, found_);
    return !found_.empty();
  }

 private:
  explicit WholeMatch(Regex regex) : matcher_(std::make_unique<RegexMatcher>(std::move(regex))) {}

  std::unique_ptr<RegexMatcher> matcher_;
  std::vector<Span> found_;
};

bool IsNamed(const std::string& module, const std::string& name) {
  return module == name || absl::EndsWith(module, "." + name);
}

// "all-linear" is neither the head nor the embedding of any family.
bool IsLinear(const std::string& module) {
  return !IsNamed(module, kHeadPath) && !IsNamed(module, "embed_tokens") && !IsNamed(module, "wte");
}

// Whether a module is one of these names, or inside one.
bool IsIn(const std::string& module, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return absl::StrContains(absl::StrCat(".", module, "."), absl::StrCat(".", name, "."));
  });
}

// "q_proj, k_proj, …": the last words of the modules' names.
std::string LastWords(const std::vector<std::string>& modules) {
  std::vector<std::string> words;
  for (const std::string& module : modules) {
    const std::string word = module.substr(module.rfind('.') + 1);
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
    if (words.size() == kMostNamesShown) break;
  }
  return absl::StrJoin(words, ", ");
}

// The layer of "model.layers.7.mlp.up_proj", as PEFT finds it: the first number behind at least two words.
std::optional<std::int64_t> LayerOf(const std::string& module) {
  const std::vector<std::string> parts = absl::StrSplit(module, '.');
  for (std::size_t i = 2; i + 1 < parts.size(); ++i) {
    std::int64_t layer = 0;
    if (std::all_of(parts[i].begin(), parts[i].end(), [](char c) { return absl::ascii_isdigit(c); }) &&
        absl::SimpleAtoi(parts[i], &layer)) {
      return layer;
    }
  }
  return std::nullopt;
}

// Which modules the texts of target_modules or exclude_modules select.
absl::StatusOr<std::vector<bool>> Select(const char* setting, const std::vector<std::string>& texts,
                                         const std::vector<std::string>& modules) {
  std::vector<bool> selected(modules.size(), false);
  for (const std::string& text : texts) {
    bool any = false;
    std::optional<WholeMatch> pattern;
    if (!IsName(text)) {
      absl::StatusOr<WholeMatch> compiled = WholeMatch::Compile(text);
      if (!compiled.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(setting, ": '", text, "': ", std::string{compiled.status().message()}));
      }
      pattern = *std::move(compiled);
    }
    for (std::size_t i = 0; i < modules.size(); ++i) {
      const bool named = text == kAllLinear ? IsLinear(modules[i]) : IsNamed(modules[i], text);
      const bool matches = pattern ? (*pattern)(modules[i]) : named;
      if (matches) any = selected[i] = true;
    }
    if (!any) {
      const char* what = pattern ? "no module matches '" : "unknown module '";
      return absl::InvalidArgumentError(
          absl::StrCat(setting, ": ", what, text, "'; there are all-linear, ", LastWords(modules)));
    }
  }
  return selected;
}

absl::Status KeepLayers(const std::vector<std::int64_t>& layers, const std::vector<std::string>& modules,
                        std::vector<bool>* selected) {
  if (layers.empty()) return absl::OkStatus();
  std::vector<std::int64_t> unseen = layers;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const std::optional<std::int64_t> layer = LayerOf(modules[i]);
    const bool wanted = layer && std::find(layers.begin(), layers.end(), *layer) != layers.end();
    if (wanted) unseen.erase(std::remove(unseen.begin(), unseen.end(), *layer), unseen.end());
    (*selected)[i] = (*selected)[i] && wanted;
  }
  if (unseen.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("layers_to_transform: the model has no layer ", unseen.front()));
}

// PatternNumbers where every pattern must match something; errors name the setting.
absl::StatusOr<std::vector<double>> Numbers(const char* setting,
                                            const std::vector<std::pair<std::string, double>>& patterns,
                                            double otherwise, const std::vector<std::string>& modules) {
  std::vector<std::string> unused;
  absl::StatusOr<std::vector<double>> numbers = PatternNumbers(patterns, otherwise, modules, &unused);
  if (!numbers.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(setting, ": ", std::string{numbers.status().message()}));
  }
  if (unused.empty()) return numbers;
  return absl::InvalidArgumentError(
      absl::StrCat(setting, ": no module matches '", unused.front(), "'; there are ", LastWords(modules)));
}

}  // namespace

double AdapterScale(std::int64_t rank, double alpha, bool use_rslora) {
  const auto r = static_cast<double>(rank);
  return alpha / (use_rslora ? std::sqrt(r) : r);
}

absl::StatusOr<std::vector<double>> PatternNumbers(const std::vector<std::pair<std::string, double>>& patterns,
                                                   double otherwise, const std::vector<std::string>& modules,
                                                   std::vector<std::string>* unused) {
  std::vector<std::optional<double>> found(modules.size());
  for (const auto& [expression, number] : patterns) {
    absl::StatusOr<WholeMatch> pattern = WholeMatch::Compile(absl::StrCat("(?:.*\\.)?(?:", expression, ")"));
    if (!pattern.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("'", expression, "': ", std::string{pattern.status().message()}));
    }
    bool any = false;
    for (std::size_t i = 0; i < modules.size(); ++i) {
      if (!(*pattern)(modules[i])) continue;
      any = true;
      if (!found[i]) found[i] = number;
    }
    if (!any && unused != nullptr) unused->push_back(expression);
  }
  std::vector<double> numbers;
  for (const std::optional<double>& number : found) numbers.push_back(number.value_or(otherwise));
  return numbers;
}

absl::StatusOr<std::vector<ModuleAdapter>> ResolveTargets(const AdapterTargets& targets,
                                                          const std::vector<std::string>& modules) {
  if (targets.target_modules.empty()) {
    return absl::InvalidArgumentError("target_modules is empty: there would be nothing to train");
  }
  absl::StatusOr<std::vector<bool>> selected = Select("target_modules", targets.target_modules, modules);
  if (!selected.ok()) return selected.status();
  const absl::StatusOr<std::vector<bool>> excluded = Select("exclude_modules", targets.exclude_modules, modules);
  if (!excluded.ok()) return excluded.status();
  if (absl::Status kept = KeepLayers(targets.layers_to_transform, modules, &*selected); !kept.ok()) return kept;
  const auto ranks = Numbers("rank_pattern", targets.rank_pattern, static_cast<double>(targets.rank), modules);
  if (!ranks.ok()) return ranks.status();
  const auto alphas = Numbers("alpha_pattern", targets.alpha_pattern, targets.alpha, modules);
  if (!alphas.ok()) return alphas.status();

  std::vector<ModuleAdapter> adapters(modules.size());
  bool any = false;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (!(*selected)[i] || (*excluded)[i] || IsIn(modules[i], targets.modules_to_save)) continue;
    any = true;
    const double rank = (*ranks)[i];
    if (!(rank >= 1 && rank <= kMaxRank) || rank != std::floor(rank)) {
      return absl::InvalidArgumentError(absl::StrCat("rank_pattern: ", rank, " is not allowed (1 to ", kMaxRank, ")"));
    }
    adapters[i] = {.rank = static_cast<std::int64_t>(rank), .alpha = (*alphas)[i]};
    adapters[i].scale = AdapterScale(adapters[i].rank, adapters[i].alpha, targets.use_rslora);
  }
  if (!any) {
    return absl::InvalidArgumentError("exclude_modules, modules_to_save and layers_to_transform leave no adapter");
  }
  return adapters;
}

absl::StatusOr<std::vector<ModuleAdapter>> ResolveTargets(const AdapterTargets& targets, const ModelConfig& model) {
  return ResolveTargets(targets, ModuleNames(model));
}

std::vector<std::string> TargetModules(const ModelConfig& model, const std::vector<ModuleAdapter>& modules) {
  const std::vector<LinearModule> of_layer = LinearModules(model);
  const auto adapted = [&](std::size_t place) { return modules[place].rank > 0; };
  std::vector<std::string> whole;
  bool alike = true;
  const std::vector<std::string> names = ModuleNames(model);
  const std::size_t in_layers = of_layer.size() * static_cast<std::size_t>(model.layers);
  for (std::size_t place = 0; place < names.size(); ++place) {
    if (adapted(place)) whole.push_back(names[place]);
    alike = alike && (place >= in_layers || adapted(place) == adapted(place % of_layer.size()));
  }
  if (!alike) return whole;
  std::vector<std::string> targets;
  for (std::size_t module = 0; module < of_layer.size(); ++module) {
    if (!adapted(module)) continue;
    // A name that another module has too says too much, unless that one is meant as well.
    bool shared = false;
    for (std::size_t other = 0; other < of_layer.size(); ++other) {
      shared = shared || (!adapted(other) && of_layer[other].Name() == of_layer[module].Name());
    }
    std::string target{shared ? of_layer[module].path : of_layer[module].Name()};
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(std::move(target));
  }
  for (std::size_t place = in_layers; place < names.size(); ++place) {
    if (adapted(place)) targets.push_back(names[place].substr(names[place].rfind('.') + 1));
  }
  return targets;
}

}  // namespace lorasweep::text
