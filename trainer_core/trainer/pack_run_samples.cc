// What adapters answer to validation rows, for people to read.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/trainer/asked_row.h"
#include "trainer_core/trainer/model_texts.h"
#include "trainer_core/trainer/pack_run.h"

namespace lorasweep::trainer {

absl::Status PackRun::LoadTokenizer() {
  if (resident_.tokenizer) return absl::OkStatus();
  absl::StatusOr<text::Tokenizer> tokenizer = text::Tokenizer::Load(resident_.folder / "tokenizer.json");
  if (!tokenizer.ok()) return tokenizer.status();
  resident_.tokenizer = *std::move(tokenizer);
  return absl::OkStatus();
}

std::vector<std::vector<Sample>> PackRun::SamplesOf(const Group& group, const LoraPass* pass) {
  std::vector<std::vector<Sample>> samples(group.size());
  std::vector<GenerationRequest> requests;
  std::vector<Sample*> answered;
  const std::vector<text::Sequence>& rows = resident_.data->validation;
  for (std::size_t k = 0; k < group.size(); ++k) {
    const TrainConfig& config = group[k]->job->config;
    const auto count = std::min(static_cast<std::size_t>(config.samples), rows.size());
    samples[k].resize(count);
    for (std::size_t row = 0; row < count; ++row) {
      AskedRow asked = Ask(rows[row], *resident_.tokenizer);
      Sample& sample = samples[k][row];
      sample.row = static_cast<std::int64_t>(row);
      sample.prompt = resident_.tokenizer->Decode(asked.prompt);
      sample.expected = resident_.tokenizer->Decode(asked.expected, {.skip_special = true});
      answered.push_back(&sample);
      requests.push_back({.prompt = std::move(asked.prompt),
                          .slot = k,
                          .options = {.max_new_tokens = config.samples_tokens,
                                      .sampling = {},
                                      .seed = 0,
                                      .extra_stop_ids = std::move(asked.stop_ids)}});
    }
  }
  ModelTexts texts(resident_.model, stop_);
  texts.Use(pass);
  const absl::Status made = texts.GenerateAll(requests, [&](std::size_t place, const Generation& text) {
    answered[place]->generated = resident_.tokenizer->Decode(text.ids, {.skip_special = true});
    answered[place]->cut = text.ending == Generation::Ending::kLength;
  });
  if (made.ok()) return samples;
  // They are for people to look at: no trial is blamed for what keeps them from being made.
  if (log_ && !absl::IsCancelled(made)) log_(absl::StrCat("no samples: ", std::string{made.message()}));
  return std::vector<std::vector<Sample>>(group.size());
}

std::vector<Sample> PackRun::StartSamples(Slot& slot) {
  const TrainConfig& config = slot.job->config;
  if (config.samples == 0) return {};
  if (!slot.setup.values.empty()) {
    const LoraPass pass = bank_->EvaluationPass({slot.number}, resident_.model.type());
    return std::move(SamplesOf({&slot}, &pass).front());
  }
  std::vector<Sample>& known = resident_.base_samples[{config.samples, config.samples_tokens}];
  if (known.empty()) known = std::move(SamplesOf({&slot}, nullptr).front());
  return known;
}

void PackRun::AddSamples(const Group& group, const std::vector<Progress*>& progress) {
  Group asked;
  std::vector<Progress*> places;
  for (std::size_t k = 0; k < group.size(); ++k) {
    if (group[k]->job->config.samples == 0) continue;
    asked.push_back(group[k]);
    places.push_back(progress[k]);
  }
  if (asked.empty()) return;
  const LoraPass pass = bank_->EvaluationPass(Numbers(asked), resident_.model.type());
  std::vector<std::vector<Sample>> samples = SamplesOf(asked, &pass);
  for (std::size_t k = 0; k < asked.size(); ++k) places[k]->samples = std::move(samples[k]);
}

}  // namespace lorasweep::trainer
