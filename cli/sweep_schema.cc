#include "cli/sweep_schema.h"

#include <map>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/sweep_file_reader.h"
#include "proto/distributions.h"
#include "proto/settings.h"

namespace lorasweep::cli {
namespace {

constexpr char kIntroduction[] = R"(# The sweep file

A sweep file says what to search, on what, how, and for how long. It is YAML, and its search keys are those of a W&B
sweep file. This page is generated from `proto/lorasweep/v1/sweep.proto`; [sweep.schema.json](sweep.schema.json) is the
same for editors. To get completion and checks in editors with a YAML language server, begin the file with

```yaml
# yaml-language-server: $schema=<path to docs/sweep.schema.json>
```

```yaml
name: math-tutor
model: SmolLM2-135M-Instruct
data: {train: data/math.jsonl, validation: 0.1}
training: {max_steps: 120, batch_size: 8, eval_every: 20}
method: tpe
parameters:
  learning_rate: {distribution: log_uniform_values, min: 5.0e-5, max: 3.0e-3}
  lora_rank: {values: [4, 8, 16, 32, 64]}
  lora_alpha: {expression: "2 * lora_rank"}
early_terminate: {type: asha, min_steps: 20, eta: 3}
limits: {trials: 24}
```

Unknown keys, values of a wrong type or out of range, and settings that contradict each other are errors with file, line
and what is allowed. Data files and a model folder that exist beside the sweep file are found there.

`--set training.max_steps=40` changes a value on the command line; the section may be left out where only one has the
key (`--set max_steps=40`). A parameter that is set so is fixed and no longer searched.
)";

constexpr char kParameters[] = R"(## parameters

The search space: a map from names to the keys below. A name is a key of `training` or `data`, or `model`; with
`trainer: external` it is any name. What a parameter says wins over the section. `max_steps`, `eval_every`,
`validation`, `test`, `format`, `chat_template`, `truncation` and `loss_on` may be constants only, because trials would not
compare otherwise. Nested `parameters` are not supported.
)";

constexpr char kWandb[] = R"(## Files of W&B

A W&B sweep file works here once it names `model` and `data`, or the command does: `lorasweep run FILE --set model=NAME
--set data.train=FILE`. `run_cap` is `limits.trials`, `early_terminate` of type `hyperband` with `min_iter`, or `max_iter` and
`s`, is `asha` with the same rungs (in steps), `method: bayes` is `auto`, and a metric named `val_loss`, `eval/loss` or the like
is `validation/loss`. Parameters may have the names that TRL, PEFT and Unsloth give them (`lr`, `r`, `num_train_epochs`,
`lr_scheduler_type`, `per_device_train_batch_size`, …). `impute` of `metric` and the keys
)";

// How each distribution is understood, for the table.
const std::map<std::string_view, std::string_view>& Meanings() {
  static const std::map<std::string_view, std::string_view> meanings = {
      {"constant", "Always `value`."},
      {"categorical", "One of `values`, without an order."},
      {"categorical_w_probabilities", "One of `values`, drawn with `probabilities`, which sum to 1."},
      {"ordered", "One of `values`, ascending numbers whose neighbours are alike. The default for three or more."},
      {"uniform", "A number between `min` and `max`; with `q` only `min`, `min + q`, …"},
      {"int_uniform", "A whole number from `min` to `max`; with `q` only `min`, `min + q`, …"},
      {"q_uniform", "A multiple of `q` (default 1) between `min` and `max`."},
      {"log_uniform", "`exp(u)`, u uniform between `min` and `max`: **the bounds are natural logarithms.**"},
      {"log_uniform_values", "A number between `min` and `max`, uniform in its logarithm."},
      {"q_log_uniform", "`log_uniform`, rounded to a multiple of `q` (default 1)."},
      {"q_log_uniform_values", "`log_uniform_values`, rounded to a multiple of `q` (default 1)."},
      {"inv_log_uniform", "x with `log(1/x)` uniform between `min` and `max`."},
      {"inv_log_uniform_values", "x between `min` and `max` with `log(1/x)` uniform."},
      {"int_log_uniform_values", "A whole number from `min` to `max`, uniform in its logarithm."},
      {"normal", "Normal with mean `mu` (default 0) and standard deviation `sigma` (default 1)."},
      {"q_normal", "`normal`, rounded to a multiple of `q` (default 1)."},
      {"log_normal", "A number whose logarithm is normal with `mu` (0) and `sigma` (1)."},
      {"q_log_normal", "`log_normal`, rounded to a multiple of `q` (default 1)."},
      {"beta", "Beta with `a` (default 1) and `b` (default 1)."},
      {"q_beta", "`beta`, rounded to a multiple of `q` (default 1)."},
      {"expression", "Computed from other parameters: `expression: \"2 * lora_rank\"`."},
  };
  return meanings;
}

std::string Cell(const std::string& text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}});
}

std::string Table(const std::string& section) {
  std::string table = "| key | value | default | |\n| --- | --- | --- | --- |\n";
  for (const proto::Setting& setting : proto::AllSettings()) {
    if (setting.section != section) continue;
    const std::string standard = setting.required                ? "required"
                                 : setting.default_value.empty() ? ""
                                                                 : absl::StrCat("`", setting.default_value, "`");
    absl::StrAppend(&table, "| `", setting.key, "` | ", Cell(Allowed(setting)), " | ", Cell(standard), " | ",
                    Cell(setting.help), " |\n");
  }
  return table;
}

std::string Distributions() {
  std::string table = "| `distribution` | keys | meaning |\n| --- | --- | --- |\n";
  for (const proto::Distribution& distribution : proto::Distributions()) {
    std::vector<std::string> keys(distribution.required.begin(), distribution.required.end());
    for (const std::string_view key : distribution.optional) keys.push_back(absl::StrCat("[", std::string(key), "]"));
    const auto meaning = Meanings().find(distribution.name);
    absl::StrAppend(&table, "| `", std::string(distribution.name), "` | ", absl::StrJoin(keys, ", "), " | ",
                    meaning == Meanings().end() ? "" : std::string(meaning->second), " |\n");
  }
  return table;
}

}  // namespace

std::string SweepFileReference() {
  std::string page = absl::StrCat(kIntroduction, "\n## At the top\n\n", Table(""));
  for (const std::string& key : proto::KeysOf("")) {
    if (proto::FindSetting(key) != nullptr || key == "parameters") continue;
    absl::StrAppend(&page, "\n## ", key, "\n\n", Table(key));
  }
  absl::StrAppend(
      &page, "\n", kParameters, "\n", Table("parameters.*"), "\n",
      "`distribution` may be left out: `value` is constant, `values` ordered (three or more ascending numbers) or "
      "categorical, `min` and `max` are int_uniform when both are written as whole numbers and uniform otherwise.\n\n",
      Distributions());
  absl::StrAppend(&page, "\n", kWandb, "`", absl::StrJoin(IgnoredKeys(), "`, `"), "`\nare accepted and ignored.\n");
  return page;
}

}  // namespace lorasweep::cli
