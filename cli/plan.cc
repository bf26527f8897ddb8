#include "cli/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "proto/convert.h"
#include "proto/search_space.h"
#include "trainer_core/text/adapter_targets.h"
#include "trainer_core/text/whole_parameters.h"

namespace lorasweep::cli {
namespace {

// Trainable numbers, their gradients and AdamW's two moments, each fp32.
constexpr double kBytesPerTrainable = 16;

std::vector<std::string> Texts(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

// What a trial of `rank` trains; without patterns for single modules' ranks.
absl::StatusOr<text::TrainedCount> CountTrained(const v1::TrainingSpec& training, std::int64_t rank,
                                                const text::ModelConfig& model) {
  text::AdapterTargets targets{.exclude_modules = Texts(training.exclude_modules()),
                               .modules_to_save = Texts(training.modules_to_save()),
                               .rank = rank};
  if (training.target_modules_size() > 0) targets.target_modules = Texts(training.target_modules());
  for (const double layer : training.layers_to_transform()) {
    targets.layers_to_transform.push_back(static_cast<std::int64_t>(layer));
  }
  const auto adapters = text::ResolveTargets(targets, model);
  if (!adapters.ok()) return adapters.status();
  text::WholeChoice choice{.modules_to_save = targets.modules_to_save,
                           .ensure_weight_tying = training.ensure_weight_tying()};
  if (training.bias() == "all") choice.bias = text::BiasTraining::kAll;
  if (training.bias() == "lora_only") choice.bias = text::BiasTraining::kLoraOnly;
  const auto whole = text::ResolveWhole(choice, *adapters, model);
  if (!whole.ok()) return whole.status();
  return text::CountTrained(model, *adapters, *whole);
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

}  // namespace

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
  const std::int64_t top = spec.repeats().top();
  plan.repeats = spec.repeats().seeds() * (plan.trials > 0 ? std::min(top, plan.trials) : top);
  const std::int64_t batch_size = std::max<std::int64_t>(1, spec.training().batch_size());
  plan.steps = spec.training().max_steps();
  plan.sequences = proto::HorizonSequences(spec);
  const auto pruner = proto::MakePrunerOptions(spec);
  if (!pruner.ok()) return pruner.status();
  for (const std::int64_t sequences : pruner->rung_sequences) {
    plan.rungs.push_back({sequences, static_cast<double>(sequences) / static_cast<double>(batch_size)});
  }

  plan.rows = static_cast<std::int64_t>(data.train.size());
  plan.train = StatisticsOf(data.train);
  plan.validation = StatisticsOf(data.validation);
  plan.test = StatisticsOf(data.test);
  plan.report = data.report;
  if (plan.rows > 0) {
    plan.epochs = static_cast<double>(plan.sequences) / static_cast<double>(plan.rows);
    plan.tokens_per_trial = plan.epochs * static_cast<double>(plan.train.tokens);
    plan.tokens_at_most = plan.tokens_per_trial * static_cast<double>(plan.trials + plan.repeats);
  }
  plan.largest_rank = LargestRank(spec);
  const absl::StatusOr<text::TrainedCount> trained = CountTrained(spec.training(), plan.largest_rank, model);
  if (!trained.ok()) return trained.status();
  plan.adapter_parameters = trained->all;
  plan.embedding_parameters = trained->whole_embeddings;
  plan.whole_head = trained->whole_head;
  plan.adapter_bytes = kBytesPerTrainable * static_cast<double>(plan.adapter_parameters);
  return plan;
}

std::vector<std::pair<std::string, std::string>> PlanFacts(const Plan& plan) {
  std::string rungs;
  for (const Rung& rung : plan.rungs) {
    absl::StrAppend(&rungs, rungs.empty() ? "" : ", ", "step ", FormatNumber(rung.steps, 6), " (",
                    Plural(rung.sequences, "row"), ")");
  }
  return {
      {"trials",
       absl::StrCat(plan.trials > 0 ? FormatCount(plan.trials) : "without limit",
                    plan.repeats > 0 ? absl::StrCat(", then ", Plural(plan.repeats, "repeat"), " of the best") : "")},
      {"full-length trial", absl::StrCat(Plural(plan.steps, "optimizer step"), ", ", Plural(plan.sequences, "row"),
                                         ", ", FormatNumber(plan.epochs), " epochs")},
      {"pruning decides at", rungs.empty() ? "no rungs" : rungs},
      {"rows read", ReportText(plan.report)},
      {"training", absl::StrCat(Plural(plan.rows, "row"), ", ", LengthText(plan.train))},
      {"validation", LengthText(plan.validation)},
      {"test", plan.test.count > 0 ? LengthText(plan.test) : "none"},
      {"tokens of a full trial", absl::StrCat("about ", FormatCount(static_cast<std::int64_t>(plan.tokens_per_trial)))},
      {"in all, none pruned",
       plan.trials > 0 ? absl::StrCat("about ", FormatCount(static_cast<std::int64_t>(plan.tokens_at_most)),
                                      " tokens, ", Plural((plan.trials + plan.repeats) * plan.steps, "optimizer step"))
                       : "without limit"},
      {"largest adapter", absl::StrCat("rank ", plan.largest_rank, ", ", Plural(plan.adapter_parameters, "parameter"),
                                       ", ", FormatBytes(plan.adapter_bytes), " with gradients and optimizer")}};
}

nlohmann::ordered_json PlanJson(const Plan& plan) {
  nlohmann::ordered_json rungs = nlohmann::ordered_json::array();
  for (const Rung& rung : plan.rungs) rungs.push_back({{"sequences", rung.sequences}, {"steps", rung.steps}});
  nlohmann::ordered_json json = {{"trials", plan.trials},       {"repeats", plan.repeats}, {"steps", plan.steps},
                                 {"sequences", plan.sequences}, {"epochs", plan.epochs},   {"rungs", rungs}};
  json.update(ReportJson(plan.report));
  json.update(nlohmann::ordered_json{{"rows", plan.rows},
                                     {"train", LengthJson(plan.train)},
                                     {"validation", LengthJson(plan.validation)},
                                     {"test", LengthJson(plan.test)},
                                     {"tokens_per_trial", plan.tokens_per_trial},
                                     {"tokens_at_most", plan.tokens_at_most},
                                     {"largest_rank", plan.largest_rank},
                                     {"adapter_parameters", plan.adapter_parameters},
                                     {"adapter_bytes", plan.adapter_bytes}});
  return json;
}

}  // namespace lorasweep::cli
