#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/inference.h"
#include "lorasweep/v1/inference.pb.h"
#include "search/confidence.h"
#include "trainer_core/chat/answer_pattern.h"
#include "trainer_core/chat/exam.h"

// From questions to tasks, and from answers to numbers. Pure.
namespace lorasweep::cli {

// Every question as a task, in the order in which GradeAnswers expects them.
std::vector<v1::InferenceTask> TasksOf(const std::vector<chat::ExamRow>& rows,
                                       const std::vector<std::int32_t>& stop_ids, std::int64_t max_tokens);

// What a model did on every case, in the order of the rows. Open questions whose reference has no answer to compare
// with are in `texts` and not in `right`.
struct Grades {
  std::vector<std::string> texts;      // of open questions
  std::vector<char> right;             // exact match
  std::vector<char> chosen;            // multiple choice, by the choices' probability
  std::vector<char> chosen_by_byte;    // by their probability per byte, as choices of unequal length want
  std::vector<double> losses, tokens;  // of texts that were read
  std::vector<double> marks;           // a judge's, of `texts`; empty: none was asked. NaN: it gave none
};
Grades GradeAnswers(const std::vector<chat::ExamRow>& rows, const ModelAnswers& answers,
                    const text::Tokenizer& tokenizer, const chat::AnswerPattern* pattern);

// A number with its interval, where there is one.
struct Measured {
  double value = 0;
  std::optional<search::Interval> interval = {};
};

// One metric of the tuned model, of its base, or of both on the same cases.
struct Quality {
  std::string
      metric;  // "exact_match", "accuracy", "accuracy_by_byte", "perplexity", "distinct_1", "distinct_2", "judge"
  std::int64_t cases = 0;
  std::optional<Measured> base = {};
  std::optional<Measured> tuned = {};
  // Tuned less base; of perplexity the quotient. Pairs of the same cases, so that its interval is narrower than those
  // of the two.
  std::optional<Measured> change = {};
  bool is_ratio = false;
  std::optional<double> p_value = {};  // McNemar's, of proportions
};

// Every metric that there are cases for. Distinct-n is the share of different ones among all n-grams of words that were
// written (J. Li et al., A Diversity-Promoting Objective Function for Neural Conversation Models, NAACL 2016); it is no
// mean over cases and has no interval. Either may be null, not both.
std::vector<Quality> Compare(const Grades* base, const Grades* tuned);

}  // namespace lorasweep::cli
