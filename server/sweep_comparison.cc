#include "server/sweep_comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/checks.h"
#include "server/http_json.h"

namespace lorasweep::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxShown = 500;  // bytes of one value

// What decides which text is scored and how it becomes tokens.
constexpr std::array<std::string_view, 8> kScored = {"data.validation",    "data.format",     "data.system_prompt",
                                                     "data.chat_template", "data.max_length", "data.truncation",
                                                     "data.loss_on",       "data.packing"};
// The same, where validation rows are taken out of the training rows.
constexpr std::array<std::string_view, 2> kSplit = {"data.train", "seed"};

// The messages with one of these fields stand for its value: Value and Split.
constexpr std::array<std::string_view, 8> kInner = {"flag",  "integer", "number", "text",
                                                    "share", "rows",    "files",  "paths"};

// As a sweep file has it, on one line.
std::string Plain(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    return absl::StrCat("[", absl::StrJoin(value, ", ", [](std::string* out, const Json& one) { *out += Plain(one); }),
                        "]");
  }
  if (!value.is_object()) return value.dump();
  if (value.size() == 1 && std::find(kInner.begin(), kInner.end(), value.begin().key()) != kInner.end()) {
    return Plain(value.front());
  }
  std::vector<std::string> parts;
  for (const auto& [key, each] : value.items()) {
    const bool empty = each.empty() || each == "";
    if (!empty) parts.push_back(absl::StrCat(key, ": ", Plain(each)));
  }
  return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
}

using Keys = std::vector<std::pair<std::string, std::string>>;

// Sections' keys with the section in front; parameters by their names.
Keys Flatten(const v1::SweepSpec& spec) {
  v1::SweepSpec shown = spec;
  shown.clear_name();
  shown.clear_known_trials();
  shown.clear_start_points();
  Keys keys;
  const Json json = Json::parse(ToJson(shown));
  const auto add = [&](const std::string& key, const Json& value) {
    if (value.is_array() && value.empty()) return;
    keys.emplace_back(key, Shorten(Plain(value), kMaxShown));
  };
  for (const auto& [key, value] : json.items()) {
    if (key == "name") continue;
    if (key == "parameters") {
      for (Json parameter : value) {
        const std::string name = absl::StrCat("parameters.", parameter["name"].get<std::string>());
        parameter.erase("name");
        keys.emplace_back(name, Shorten(Plain(parameter), kMaxShown));
      }
    } else if (value.is_object()) {
      for (const auto& [inner, each] : value.items()) add(absl::StrCat(key, ".", inner), each);
    } else {
      add(key, value);
    }
  }
  return keys;
}

bool IsLoss(const std::string& metric) {
  return absl::EndsWith(metric, "loss") || absl::EndsWith(metric, "perplexity");
}

template <typename Value>
bool AllSame(std::span<const v1::SweepSpec* const> specs, const Value& value) {
  return std::all_of(specs.begin(), specs.end(), [&](const auto* spec) { return value(*spec) == value(*specs[0]); });
}

template <typename Value>
std::string Listed(std::span<const v1::SweepSpec* const> specs, const Value& value) {
  std::vector<std::string> texts;
  for (const v1::SweepSpec* spec : specs) {
    const std::string text = value(*spec);
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  }
  return absl::StrJoin(texts, ", ");
}

}  // namespace

std::vector<v1::SpecDifference> DifferencesOf(std::span<const v1::SweepSpec* const> specs) {
  std::vector<std::map<std::string, std::string>> values;
  std::vector<std::string> order;
  std::set<std::string> known;
  for (const v1::SweepSpec* spec : specs) {
    const Keys keys = Flatten(*spec);
    values.emplace_back(keys.begin(), keys.end());
    for (const auto& [key, value] : keys) {
      if (known.insert(key).second) order.push_back(key);
    }
  }
  std::vector<v1::SpecDifference> differences;
  for (const std::string& key : order) {
    v1::SpecDifference difference;
    difference.set_key(key);
    for (auto& each : values) difference.add_values(each[key]);
    const auto& shown = difference.values();
    if (std::adjacent_find(shown.begin(), shown.end(), std::not_equal_to<>()) != shown.end()) {
      differences.push_back(std::move(difference));
    }
  }
  return differences;
}

std::vector<std::string> ObstaclesBetween(std::span<const v1::SweepSpec* const> specs) {
  std::vector<std::string> obstacles;
  const auto metric = [](const v1::SweepSpec& spec) { return spec.metric().name(); };
  const auto goal = [](const v1::SweepSpec& spec) { return spec.metric().goal(); };
  if (!AllSame(specs, metric)) obstacles.push_back(absl::StrCat("Their metrics differ: ", Listed(specs, metric), "."));
  if (!AllSame(specs, goal)) obstacles.push_back(absl::StrCat("Their goals differ: ", Listed(specs, goal), "."));
  if (!obstacles.empty()) return obstacles;
  const auto trainer = [](const v1::SweepSpec& spec) { return spec.trainer(); };
  if (!AllSame(specs, trainer)) {
    obstacles.emplace_back("One is trained by lorasweep, another by some other program, on data that are not known.");
    return obstacles;
  }
  if (specs[0]->trainer() == "external") return obstacles;  // what its data are is not known
  const bool held_out =
      std::all_of(specs.begin(), specs.end(), [](const auto* spec) { return spec->data().validation().has_files(); });
  std::vector<std::string> differing;
  for (const v1::SpecDifference& difference : DifferencesOf(specs)) {
    const bool scored = std::find(kScored.begin(), kScored.end(), difference.key()) != kScored.end();
    const bool split = !held_out && std::find(kSplit.begin(), kSplit.end(), difference.key()) != kSplit.end();
    if (scored || split) differing.push_back(difference.key());
  }
  if (!differing.empty()) {
    obstacles.push_back(absl::StrCat("They are not scored on the same text: ", absl::StrJoin(differing, ", "),
                                     differing.size() == 1 ? " differs." : " differ."));
  }
  const auto model = [](const v1::SweepSpec& spec) { return spec.model(); };
  if (IsLoss(specs[0]->metric().name()) && !AllSame(specs, model)) {
    obstacles.push_back(absl::StrCat("Their models differ (", Listed(specs, model),
                                     "): losses are per token, and compare only where the tokenizers are the same."));
  }
  return obstacles;
}

void FillProgress(const SweepState& sweep, v1::ComparedSweep* compared) {
  std::vector<std::int64_t> ended;
  for (const search::Trial& trial : sweep.View().trials) {
    if (search::IsFinal(trial.state)) ended.push_back(trial.number);
  }
  std::stable_sort(ended.begin(), ended.end(),
                   [&](std::int64_t a, std::int64_t b) { return sweep.record(a).end_time < sweep.record(b).end_time; });
  double best = std::numeric_limits<double>::infinity();
  std::int64_t steps = 0;
  double seconds = 0;
  for (std::size_t i = 0; i < ended.size(); ++i) {
    const search::Trial& trial = sweep.trial(ended[i]);
    const TrialRecord& record = sweep.record(ended[i]);
    steps += record.step;
    if (record.end_time != absl::InfinitePast()) {
      seconds = absl::ToDoubleSeconds(record.end_time - sweep.sweep().create_time);
    }
    const bool counts =
        trial.state == search::TrialState::kCompleted && !trial.curve.empty() && search::TotalViolation(trial) == 0;
    if (!counts || !(trial.curve.back().value < best)) continue;
    best = trial.curve.back().value;
    v1::BestSoFar* better = compared->add_progress();
    better->set_trial_number(trial.number);
    better->set_value(sweep.Shown(best));
    better->set_trials(static_cast<std::int64_t>(i) + 1);
    better->set_steps(steps);
    better->set_seconds(seconds);
  }
  compared->set_trials(static_cast<std::int64_t>(ended.size()));
  compared->set_steps(steps);
  compared->set_seconds(seconds);
}

}  // namespace lorasweep::server
