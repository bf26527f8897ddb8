// What a new sweep learns of earlier ones.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/convert.h"
#include "proto/search_space.h"
#include "proto/settings.h"
#include "server/coordinator.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

constexpr std::size_t kMostSources = 3;       // that `auto` finds
constexpr std::size_t kMostKnownTrials = 96;  // of all sources together
constexpr char kAuto[] = "auto";

// The values that a trial of `source` had for the parameters that `space` searches; nullopt where it had none, or they
// are not in the space.
std::optional<search::Params> PointOf(const SweepState& source, const search::Trial& trial,
                                      const search::Space& space) {
  search::Params point;
  for (const search::Parameter& parameter : space.free_parameters()) {
    if (const auto own = trial.params.find(parameter.name); own != trial.params.end()) {
      point.insert(*own);
      continue;
    }
    // What is searched now may have been fixed then.
    const proto::Setting* setting = proto::FindParameterSetting(parameter.name);
    const std::optional<search::Value> fixed =
        setting != nullptr && !source.external() ? proto::ValueOf(*setting, source.spec()) : std::nullopt;
    if (!fixed) return std::nullopt;
    point.emplace(parameter.name, *fixed);
  }
  const absl::StatusOr<search::Params> complete = space.Complete(point);
  if (!complete.ok()) return std::nullopt;
  std::erase_if(point, [&](const auto& value) { return !complete->contains(value.first); });  // not in use there
  return point;
}

// Adds the trials of `source` by their places in its leaderboard: the best half of `most`, and as many of the others,
// spread evenly.
void AddTrialsOf(SweepState& source, const search::Space& space, std::size_t most, v1::SweepSpec* spec) {
  const std::vector<search::LeaderboardRow>& rows = source.Ranking();
  std::vector<v1::KnownTrial> found;
  for (std::size_t place = 0; place < rows.size(); ++place) {
    const search::Trial& trial = source.trial(rows[place].trial);
    if (!search::IsFinal(trial.state) || trial.warm_start_of >= 0) continue;
    const std::optional<search::Params> point = PointOf(source, trial, space);
    if (!point) continue;
    v1::KnownTrial& known = found.emplace_back();
    proto::ToProto(*point, known.mutable_parameters());
    known.set_standing(static_cast<double>(place) / static_cast<double>(std::max<std::size_t>(rows.size() - 1, 1)));
    known.set_source(TrialName(source.sweep().slug, trial.number));
  }
  const std::size_t best = std::min(found.size(), most / 2);
  const std::size_t others = std::min(found.size() - best, most - best);
  for (std::size_t i = 0; i < best; ++i) *spec->add_known_trials() = std::move(found[i]);
  for (std::size_t i = 0; i < others; ++i) {
    *spec->add_known_trials() = std::move(found[best + i * (found.size() - best) / others]);
  }
}

// Do trials of `source` say anything about a sweep of this spec and space?
bool IsAlike(const SweepState& source, const v1::SweepSpec& spec, const search::Space& space) {
  const v1::SweepSpec& other = source.spec();
  if (other.model() != spec.model() || other.trainer() != spec.trainer() ||
      other.metric().name() != spec.metric().name() || other.metric().goal() != spec.metric().goal()) {
    return false;
  }
  return std::any_of(space.free_parameters().begin(), space.free_parameters().end(), [&](const auto& parameter) {
    const auto& free = source.space().free_parameters();
    return std::any_of(free.begin(), free.end(), [&](const auto& theirs) { return theirs.name == parameter.name; });
  });
}

bool SameData(const v1::SweepSpec& a, const v1::SweepSpec& b) {
  return std::equal(a.data().train().begin(), a.data().train().end(), b.data().train().begin(), b.data().train().end());
}

}  // namespace

absl::Status Coordinator::AddKnownTrials(v1::SweepSpec* spec) {
  if (spec->warm_start().empty()) return absl::OkStatus();
  const absl::StatusOr<search::Space> space = proto::MakeSpace(*spec);
  if (!space.ok()) return space.status();
  std::vector<SweepState*> sources;
  for (const std::string& name : spec->warm_start()) {
    if (name == kAuto) {
      std::vector<SweepState*> alike;
      for (auto sweep = sweeps_.rbegin(); sweep != sweeps_.rend(); ++sweep) {
        if (IsAlike(*sweep->second, *spec, *space)) alike.push_back(sweep->second.get());
      }
      // Of the same data first, the newest first.
      std::stable_partition(alike.begin(), alike.end(),
                            [&](const SweepState* sweep) { return SameData(sweep->spec(), *spec); });
      alike.resize(std::min(alike.size(), kMostSources));
      sources.insert(sources.end(), alike.begin(), alike.end());
      continue;
    }
    const std::string full = name.rfind("sweeps/", 0) == 0 ? name : SweepName(name);
    const absl::StatusOr<SweepState*> found = FindSweep(full);
    if (!found.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "warm_start: ", name, " is not a sweep of this server (an id as `lorasweep list` shows, or auto)"));
    }
    sources.push_back(*found);
  }
  std::sort(sources.begin(), sources.end(),
            [](const SweepState* a, const SweepState* b) { return a->sweep().id < b->sweep().id; });
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
  for (SweepState* source : sources) AddTrialsOf(*source, *space, kMostKnownTrials / sources.size(), spec);
  return absl::OkStatus();
}

}  // namespace lorasweep::server
