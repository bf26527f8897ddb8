#include "cli/evaluation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lorasweep::cli {
namespace {

v1::InferenceTask ScoreTask(const text::Sequence& text) {
  v1::InferenceTask task;
  task.mutable_score()->mutable_ids()->Add(text.ids.begin(), text.ids.end());
  for (std::size_t place = 1; place < text.learned.size(); ++place) {
    if (text.learned[place] != 0) task.mutable_score()->add_places(static_cast<std::int32_t>(place));
  }
  return task;
}

Measured WithInterval(const search::Estimated& estimated) {
  return {.value = estimated.value, .interval = estimated.interval};
}

Measured Share(std::span<const char> cases) {
  return WithInterval(
      search::Proportion(std::count(cases.begin(), cases.end(), 1), static_cast<std::int64_t>(cases.size())));
}

Measured Exp(const search::Estimated& logarithm) {
  return {.value = std::exp(logarithm.value),
          .interval = search::Interval{std::exp(logarithm.interval.low), std::exp(logarithm.interval.high)}};
}

std::optional<Quality> Proportions(const char* metric, const std::vector<char>* base, const std::vector<char>* tuned) {
  const std::vector<char>& any = base != nullptr ? *base : *tuned;
  if (any.empty()) return std::nullopt;
  Quality quality{.metric = metric, .cases = static_cast<std::int64_t>(any.size())};
  if (base != nullptr) quality.base = Share(*base);
  if (tuned != nullptr) quality.tuned = Share(*tuned);
  if (base != nullptr && tuned != nullptr) {
    const search::PairedCounts counts = search::CountPairs(*base, *tuned);
    quality.change = WithInterval(search::ProportionDifference(counts));
    quality.p_value = search::McNemar(counts);
  }
  return quality;
}

std::optional<Quality> Perplexity(const Grades* base, const Grades* tuned) {
  const Grades& any = base != nullptr ? *base : *tuned;
  if (any.losses.empty()) return std::nullopt;
  Quality quality{.metric = "perplexity", .cases = static_cast<std::int64_t>(any.losses.size()), .is_ratio = true};
  if (base != nullptr) quality.base = Exp(search::Ratio(base->losses, base->tokens));
  if (tuned != nullptr) quality.tuned = Exp(search::Ratio(tuned->losses, tuned->tokens));
  if (base != nullptr && tuned != nullptr) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < base->losses.size(); ++i) differences.push_back(tuned->losses[i] - base->losses[i]);
    quality.change = Exp(search::Ratio(differences, base->tokens));
  }
  return quality;
}

std::optional<Quality> Marks(const Grades* base, const Grades* tuned) {
  // Only what the judge gave a mark to, for both.
  std::vector<double> before;
  std::vector<double> after;
  const std::size_t all = base != nullptr ? base->marks.size() : tuned->marks.size();
  for (std::size_t i = 0; i < all; ++i) {
    const double one = base != nullptr ? base->marks[i] : 0;
    const double two = tuned != nullptr ? tuned->marks[i] : 0;
    if (std::isnan(one) || std::isnan(two)) continue;
    before.push_back(one);
    after.push_back(two);
  }
  if (before.empty()) return std::nullopt;
  Quality quality{.metric = "judge", .cases = static_cast<std::int64_t>(before.size())};
  if (base != nullptr) quality.base = WithInterval(search::Mean(before));
  if (tuned != nullptr) quality.tuned = WithInterval(search::Mean(after));
  if (base != nullptr && tuned != nullptr) {
    std::vector<double> differences(after.size());
    std::transform(after.begin(), after.end(), before.begin(), differences.begin(), std::minus<>());
    quality.change = WithInterval(search::Mean(differences));
  }
  return quality;
}

std::optional<double> DistinctShare(const std::vector<std::string>& texts, std::size_t n) {
  std::set<std::string> different;
  std::size_t all = 0;
  for (const std::string& text : texts) {
    const std::vector<std::string> words = absl::StrSplit(text, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
    for (std::size_t i = 0; i + n <= words.size(); ++i, ++all) {
      std::string gram;
      for (std::size_t j = 0; j < n; ++j) absl::StrAppend(&gram, words[i + j], " ");
      different.insert(std::move(gram));
    }
  }
  if (all == 0) return std::nullopt;
  return static_cast<double>(different.size()) / static_cast<double>(all);
}

std::optional<Quality> Distinct(const Grades* base, const Grades* tuned, std::size_t n) {
  Quality quality{.metric = absl::StrCat("distinct_", n)};
  const auto of = [&](const Grades* grades) -> std::optional<Measured> {
    if (grades == nullptr) return std::nullopt;
    quality.cases = static_cast<std::int64_t>(grades->texts.size());
    const std::optional<double> share = DistinctShare(grades->texts, n);
    return share ? std::optional(Measured{.value = *share, .interval = std::nullopt}) : std::nullopt;
  };
  quality.base = of(base);
  quality.tuned = of(tuned);
  if (!quality.base && !quality.tuned) return std::nullopt;
  return quality;
}

}  // namespace

std::vector<v1::InferenceTask> TasksOf(const std::vector<chat::ExamRow>& rows,
                                       const std::vector<std::int32_t>& stop_ids, std::int64_t max_tokens) {
  std::vector<v1::InferenceTask> tasks;
  for (const chat::ExamRow& row : rows) {
    for (const chat::OpenQuestion& question : row.open) {
      v1::InferenceTask::Generate& generate = *tasks.emplace_back().mutable_generate();
      generate.mutable_prompt()->Add(question.prompt.begin(), question.prompt.end());
      generate.mutable_stop_ids()->Add(stop_ids.begin(), stop_ids.end());
      generate.set_max_tokens(max_tokens);
    }
    if (row.choice) {
      for (const text::Sequence& option : row.choice->options) tasks.push_back(ScoreTask(option));
    }
    if (row.text) tasks.push_back(ScoreTask(*row.text));
  }
  return tasks;
}

Grades GradeAnswers(const std::vector<chat::ExamRow>& rows, const ModelAnswers& answers,
                    const text::Tokenizer& tokenizer, const chat::AnswerPattern* pattern) {
  Grades grades;
  std::size_t task = 0;
  for (const chat::ExamRow& row : rows) {
    for (const chat::OpenQuestion& question : row.open) {
      const std::string text = tokenizer.Decode(answers.generated[task++], {.skip_special = true});
      grades.texts.emplace_back(absl::StripAsciiWhitespace(text));
      const auto wanted = pattern != nullptr ? pattern->Find(question.reference) : std::nullopt;
      if (!wanted) continue;
      const auto found = pattern->Find(text);
      grades.right.push_back(static_cast<char>(found && chat::SameAnswer(*found, *wanted)));
    }
    if (row.choice) {
      const std::span<const double> losses(&answers.losses[task], row.choice->options.size());
      task += losses.size();
      std::vector<double> by_byte(losses.begin(), losses.end());
      for (std::size_t i = 0; i < by_byte.size(); ++i) by_byte[i] /= static_cast<double>(row.choice->bytes[i]);
      const auto best = [](const auto& list) {
        return static_cast<std::size_t>(std::min_element(list.begin(), list.end()) - list.begin());
      };
      grades.chosen.push_back(static_cast<char>(best(losses) == row.choice->right));
      grades.chosen_by_byte.push_back(static_cast<char>(best(by_byte) == row.choice->right));
    }
    if (row.text) {
      grades.losses.push_back(answers.losses[task++]);
      grades.tokens.push_back(static_cast<double>(row.text->LearnedTokens()));
    }
  }
  return grades;
}

std::vector<Quality> Compare(const Grades* base, const Grades* tuned) {
  const auto of = [&](std::vector<char> Grades::*list) {
    return std::pair(base != nullptr ? &(base->*list) : nullptr, tuned != nullptr ? &(tuned->*list) : nullptr);
  };
  const auto [base_right, tuned_right] = of(&Grades::right);
  const auto [base_chosen, tuned_chosen] = of(&Grades::chosen);
  const auto [base_by_byte, tuned_by_byte] = of(&Grades::chosen_by_byte);
  std::vector<Quality> qualities;
  for (std::optional<Quality>& quality : std::vector<std::optional<Quality>>{
           Proportions("exact_match", base_right, tuned_right), Proportions("accuracy", base_chosen, tuned_chosen),
           Proportions("accuracy_by_byte", base_by_byte, tuned_by_byte), Marks(base, tuned), Perplexity(base, tuned),
           Distinct(base, tuned, 1), Distinct(base, tuned, 2)}) {
    if (quality) qualities.push_back(*std::move(quality));
  }
  return qualities;
}

}  // namespace lorasweep::cli
