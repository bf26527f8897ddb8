#include "cli/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "proto/convert.h"
#include "proto/search_space.h"

namespace lorasweep::cli {
namespace {

// Trainable numbers, their gradients and AdamW's two moments, each fp32.
constexpr double kBytesPerTrainable = 16;

LengthStatistics Statistics(const std::vector<const text::Sequence*>& sequences) {
  LengthStatistics statistics;
  std::vector<std::int64_t> lengths;
  for (const text::Sequence* sequence : sequences) {
    lengths.push_back(static_cast<std::int64_t>(sequence->ids.size()));
    statistics.tokens += lengths.back();
    statistics.learned_tokens += sequence->LearnedTokens();
  }
  if (lengths.empty()) return statistics;
  std::sort(lengths.begin(), lengths.end());
  statistics.count = static_cast<std::int64_t>(lengths.size());
  statistics.shortest = lengths.front();
  statistics.median = lengths[lengths.size() / 2];
  statistics.p95 = lengths[std::min(lengths.size() - 1, lengths.size() * 95 / 100)];
  statistics.longest = lengths.back();
  return statistics;
}

std::int64_t LargestRank(const v1::SweepSpec& spec) {
  for (const v1::ParameterSpec& parameter : spec.parameters()) {
    if (parameter.name() != "lora_rank") continue;
    std::int64_t largest = 0;
    const auto look = [&largest](const v1::Value& value) {
      largest = std::max(largest, value.kind_case() == v1::Value::kNumber ? static_cast<std::int64_t>(value.number())
                                                                          : value.integer());
    };
    for (const v1::Value& value : parameter.values()) look(value);
    if (parameter.has_max()) look(parameter.max());
    if (parameter.has_value()) look(parameter.value());
    if (largest > 0) return largest;
  }
  return spec.training().lora_rank();
}

std::string LengthText(const LengthStatistics& statistics) {
  return absl::StrCat(Plural(statistics.count, "sequence"), ", ", FormatCount(statistics.tokens), " tokens (",
                      FormatCount(statistics.learned_tokens), " learned), length ", statistics.shortest, " to ",
                      FormatCount(statistics.longest), ", median ", FormatCount(statistics.median), ", 95 % within ",
                      FormatCount(statistics.p95));
}

nlohmann::ordered_json LengthJson(const LengthStatistics& statistics) {
  return {
      {"sequences", statistics.count},   {"tokens", statistics.tokens}, {"learned_tokens", statistics.learned_tokens},
      {"shortest", statistics.shortest}, {"median", statistics.median}, {"p95", statistics.p95},
      {"longest", statistics.longest}};
}

}  // namespace

chat::DataRecipe RecipeOf(const v1::SweepSpec& spec) {
  const v1::DataSpec& data = spec.data();
  chat::DataRecipe recipe;
  recipe.train.assign(data.train().begin(), data.train().end());
  if (data.validation().has_share()) recipe.validation = chat::Share{data.validation().share()};
  if (data.validation().has_rows()) recipe.validation = chat::RowCount{data.validation().rows()};
  if (data.validation().has_files()) {
    const auto& paths = data.validation().files().paths();
    recipe.validation = chat::Files{{paths.begin(), paths.end()}};
  }
  recipe.max_length = data.max_length();
  recipe.loss_on = data.loss_on() == "all" ? chat::LossOn::kAll : chat::LossOn::kAssistant;
  recipe.packing = data.packing();
  recipe.max_rows = data.max_rows();
  recipe.seed = static_cast<std::uint64_t>(spec.seed());
  return recipe;
}

absl::StatusOr<Plan> MakePlan(const v1::SweepSpec& spec, const text::TokenizedData& data,
                              const text::ModelConfig& model) {
  Plan plan;
  plan.trials = spec.limits().trials();
  if (spec.method() == "grid") {
    auto space = proto::MakeSpace(spec);
    if (!space.ok()) return space.status();
    const auto points = space->GridSize();
    if (!points.ok()) return points.status();
    plan.trials = plan.trials == 0 ? *points : std::min(plan.trials, *points);
  }
  const std::int64_t batch_size = std::max<std::int64_t>(1, spec.training().batch_size());
  plan.steps = spec.training().max_steps();
  plan.sequences = proto::HorizonSequences(spec);
  const auto pruner = proto::MakePrunerOptions(spec);
  if (!pruner.ok()) return pruner.status();
  for (const std::int64_t sequences : pruner->rung_sequences) {
    plan.rungs.push_back({sequences, static_cast<double>(sequences) / static_cast<double>(batch_size)});
  }

  std::vector<const text::Sequence*> train;
  for (const text::Row& row : data.train) {
    for (const text::Sequence& sequence : row.sequences) train.push_back(&sequence);
  }
  std::vector<const text::Sequence*> validation;
  for (const text::Sequence& sequence : data.validation) validation.push_back(&sequence);
  plan.rows = static_cast<std::int64_t>(data.train.size());
  plan.train = Statistics(train);
  plan.validation = Statistics(validation);
  plan.report = data.report;
  if (plan.rows > 0) {
    plan.epochs = static_cast<double>(plan.sequences) / static_cast<double>(plan.rows);
    plan.tokens_per_trial = plan.epochs * static_cast<double>(plan.train.tokens);
    plan.tokens_at_most = plan.tokens_per_trial * static_cast<double>(plan.trials);
  }
  plan.largest_rank = LargestRank(spec);
  const auto& modules = spec.training().target_modules();
  plan.adapter_parameters = AdapterParameters(model, plan.largest_rank, {modules.begin(), modules.end()});
  plan.adapter_bytes = kBytesPerTrainable * static_cast<double>(plan.adapter_parameters);
  return plan;
}

std::vector<std::pair<std::string, std::string>> PlanFacts(const Plan& plan) {
  std::string rungs;
  for (const Rung& rung : plan.rungs) {
    absl::StrAppend(&rungs, rungs.empty() ? "" : ", ", "step ", FormatNumber(rung.steps, 6), " (",
                    Plural(rung.sequences, "row"), ")");
  }
  const text::DataReport& report = plan.report;
  return {
      {"trials", plan.trials > 0 ? FormatCount(plan.trials) : "without limit"},
      {"full-length trial", absl::StrCat(Plural(plan.steps, "optimizer step"), ", ", Plural(plan.sequences, "row"),
                                         ", ", FormatNumber(plan.epochs), " epochs")},
      {"pruning decides at", rungs.empty() ? "no rungs" : rungs},
      {"rows read", absl::StrCat(FormatCount(report.rows_read), ": ", FormatCount(report.duplicates), " duplicate, ",
                                 FormatCount(report.rows_without_target), " without anything to learn, ",
                                 FormatCount(report.truncated), " cut to max_length")},
      {"training", absl::StrCat(Plural(plan.rows, "row"), ", ", LengthText(plan.train))},
      {"validation", LengthText(plan.validation)},
      {"tokens of a full trial", absl::StrCat("about ", FormatCount(static_cast<std::int64_t>(plan.tokens_per_trial)))},
      {"in all, none pruned", plan.trials > 0
                                  ? absl::StrCat("about ", FormatCount(static_cast<std::int64_t>(plan.tokens_at_most)),
                                                 " tokens, ", Plural(plan.trials * plan.steps, "optimizer step"))
                                  : "without limit"},
      {"largest adapter", absl::StrCat("rank ", plan.largest_rank, ", ", Plural(plan.adapter_parameters, "parameter"),
                                       ", ", FormatBytes(plan.adapter_bytes), " with gradients and optimizer")}};
}

nlohmann::ordered_json PlanJson(const Plan& plan) {
  nlohmann::ordered_json rungs = nlohmann::ordered_json::array();
  for (const Rung& rung : plan.rungs) rungs.push_back({{"sequences", rung.sequences}, {"steps", rung.steps}});
  return {{"trials", plan.trials},
          {"steps", plan.steps},
          {"sequences", plan.sequences},
          {"epochs", plan.epochs},
          {"rungs", rungs},
          {"rows_read", plan.report.rows_read},
          {"duplicates", plan.report.duplicates},
          {"rows_without_target", plan.report.rows_without_target},
          {"truncated", plan.report.truncated},
          {"rows", plan.rows},
          {"train", LengthJson(plan.train)},
          {"validation", LengthJson(plan.validation)},
          {"tokens_per_trial", plan.tokens_per_trial},
          {"tokens_at_most", plan.tokens_at_most},
          {"largest_rank", plan.largest_rank},
          {"adapter_parameters", plan.adapter_parameters},
          {"adapter_bytes", plan.adapter_bytes}};
}

}  // namespace lorasweep::cli
