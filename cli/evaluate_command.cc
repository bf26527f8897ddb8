#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/evaluation.h"
#include "cli/evaluation_report.h"
#include "cli/format.h"
#include "cli/inference.h"
#include "cli/judge.h"
#include "cli/model_choice.h"
#include "trainer_core/chat/row_reader.h"
#include "trainer_core/text/file.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostRows = 1'000'000;

struct EvaluateFlags {
  std::string named;
  std::string adapter;
  std::vector<std::string> data;
  std::string answer;
  std::string name = "eval";
  std::string system;
  std::string chat_template;
  fs::path out;
  std::int64_t limit = 0;
  std::int64_t max_tokens = 256;
  bool every_turn = false;
  bool tuned_only = false;
  bool no_record = false;
  JudgeOptions judge;
  std::string judge_key_variable = "OPENAI_API_KEY";
  InferenceOptions inference;
};

struct Questions {
  std::vector<chat::ExamRow> rows;
  std::vector<std::string> places;  // file:line of each row
};

absl::StatusOr<Questions> ReadQuestions(const EvaluateFlags& flags, const chat::Exam& exam) {
  Questions questions;
  for (const std::string& file : flags.data) {
    auto reader = chat::RowReader::Open(file, chat::RowForm::kAuto);
    if (!reader.ok()) return reader.status();
    while (flags.limit == 0 || static_cast<std::int64_t>(questions.rows.size()) < flags.limit) {
      auto row = (*reader)->Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      if (static_cast<std::int64_t>(questions.rows.size()) == kMostRows) {
        return absl::InvalidArgumentError(
            absl::StrCat(file, ": more than ", kMostRows, " rows; --limit takes the first"));
      }
      auto asked = exam.Ask((*row)->content);
      if (!asked.ok()) {
        return absl::Status(asked.status().code(),
                            absl::StrCat((*row)->Where(), ": ", std::string{asked.status().message()}));
      }
      questions.rows.push_back(*std::move(asked));
      questions.places.push_back((*row)->Where());
    }
  }
  if (questions.rows.empty()) return absl::InvalidArgumentError("the data have no rows");
  return questions;
}

// Puts the judge's marks into the grades; says on stderr when some answers got none.
absl::Status Judge(Context& context, const EvaluateFlags& flags, const Questions& questions,
                   const std::vector<Grades*>& models) {
  std::vector<JudgeQuestion> asked;
  for (const Grades* grades : models) {
    std::size_t at = 0;
    for (const chat::ExamRow& row : questions.rows) {
      for (const chat::OpenQuestion& question : row.open) {
        asked.push_back({.asked = question.asked, .reference = question.reference, .answer = grades->texts[at++]});
      }
    }
  }
  JudgeOptions options = flags.judge;
  if (const char* key = std::getenv(flags.judge_key_variable.c_str()); key != nullptr) options.key = key;
  context.err << "asking the judge about " << Plural(static_cast<std::int64_t>(asked.size()), "answer") << '\n'
              << std::flush;
  const auto marks = AskJudge(options, asked);
  if (!marks.ok()) return marks.status();
  std::int64_t without = 0;
  for (const double mark : *marks) without += static_cast<std::int64_t>(std::isnan(mark));
  if (without > 0) context.err << Plural(without, "answer") << " got no mark from the judge and are left out\n";
  auto next = marks->begin();
  for (Grades* grades : models) {
    const auto end = next + static_cast<std::ptrdiff_t>(grades->texts.size());
    grades->marks.assign(next, end);
    next = end;
  }
  return absl::OkStatus();
}

// A line of JSON for each open question, with what each model wrote.
absl::Status WriteAnswers(const fs::path& file, const Questions& questions, const Grades* base, const Grades* tuned) {
  auto out = text::AtomicFile::Create(file);
  if (!out.ok()) return out.status();
  std::size_t at = 0;
  for (std::size_t row = 0; row < questions.rows.size(); ++row) {
    for (const chat::OpenQuestion& question : questions.rows[row].open) {
      nlohmann::ordered_json json = {
          {"row", questions.places[row]}, {"asked", question.asked}, {"reference", question.reference}};
      for (const auto& [key, grades] : {std::pair("base", base), std::pair("tuned", tuned)}) {
        if (grades == nullptr) continue;
        json[key] = grades->texts[at];
        if (!grades->marks.empty()) json[absl::StrCat(key, "_mark")] = grades->marks[at];
      }
      ++at;
      const std::string line = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
      if (absl::Status written = out->Write(line.data(), line.size()); !written.ok()) return written;
    }
  }
  return out->Commit();
}

absl::Status Record(Context& context, const EvaluateFlags& flags, const std::string& trial,
                    const std::vector<Quality>& qualities) {
  std::string source;
  for (const std::string& file : flags.data) {
    absl::StrAppend(&source, source.empty() ? "" : ", ", fs::path(file).filename().string());
  }
  Client client(context.server, context.access);
  return context.Explain(
      client.RecordMeasurements(trial, ToMeasurements(qualities, flags.name, Shorten(source, 50))).status(), client);
}

absl::Status Evaluate(Context& context, const EvaluateFlags& flags) {
  std::optional<chat::AnswerPattern> pattern;
  if (!flags.answer.empty()) {
    auto parsed = chat::AnswerPattern::Parse(flags.answer);
    if (!parsed.ok())
      return absl::InvalidArgumentError(absl::StrCat("--answer: ", std::string{parsed.status().message()}));
    pattern = *std::move(parsed);
  }
  if (flags.judge.url.empty() != flags.judge.model.empty()) {
    return absl::InvalidArgumentError("--judge needs --judge-model, and the other way round");
  }
  const auto chosen = ChooseModel(context, flags.named, flags.adapter);
  if (!chosen.ok()) return chosen.status();
  const bool has_adapter = chosen->adapter.has_value();
  chat::Exam::Options options{
      .chat_template = flags.chat_template, .system_prompt = flags.system, .every_turn = flags.every_turn};
  if (has_adapter && options.chat_template.empty()) options.chat_template = chosen->adapter->data().chat_template();
  if (has_adapter && options.system_prompt.empty()) options.system_prompt = chosen->adapter->data().system_prompt();
  const auto exam = chat::Exam::Load(chosen->model, options);
  if (!exam.ok()) return exam.status();
  const auto questions = ReadQuestions(flags, *exam);
  if (!questions.ok()) return questions.status();

  InferenceOptions inference = flags.inference;
  inference.model = chosen->model;
  if (has_adapter) inference.adapter = chosen->adapter->folder();
  inference.base = !flags.tuned_only;
  const auto answers = Infer(context, inference, TasksOf(questions->rows, exam->stop_ids(), flags.max_tokens));
  if (!answers.ok()) return answers.status();
  std::optional<Grades> base;
  std::optional<Grades> tuned;
  std::vector<Grades*> models;
  for (const ModelAnswers& model : *answers) {
    std::optional<Grades>& grades = model.tuned ? tuned : base;
    grades = GradeAnswers(questions->rows, model, exam->tokenizer(), pattern ? &*pattern : nullptr);
    models.push_back(&*grades);
  }
  if (pattern && models.front()->right.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--answer ", flags.answer, " is in none of the data's own answers"));
  }
  if (!flags.judge.url.empty()) {
    if (absl::Status judged = Judge(context, flags, *questions, models); !judged.ok()) return judged;
  }
  const Grades* one = base ? &*base : nullptr;
  const Grades* other = tuned ? &*tuned : nullptr;
  const std::vector<Quality> qualities = Compare(one, other);
  if (!flags.out.empty()) {
    if (absl::Status written = WriteAnswers(flags.out, *questions, one, other); !written.ok()) return written;
  }
  const std::string trial = has_adapter ? chosen->adapter->trial() : "";
  const bool record = !trial.empty() && !flags.no_record;
  absl::Status recorded;
  if (record) recorded = Record(context, flags, trial, qualities);
  nlohmann::ordered_json json = {{"model", chosen->model.string()},
                                 {"adapter", has_adapter ? inference.adapter.string() : ""},
                                 {"trial", trial},
                                 {"rows", questions->rows.size()},
                                 {"metrics", QualityJson(qualities)},
                                 {"recorded", record && recorded.ok()}};
  context.Print(QualityTable(qualities), json);
  if (context.output == OutputFormat::kTable && record && recorded.ok()) {
    context.out << "\nrecorded with " << trial << " as " << flags.name << "/…\n";
  }
  return recorded;
}

void AddJudge(CLI::App& evaluate, const std::shared_ptr<EvaluateFlags>& flags) {
  evaluate
      .add_option("--judge", flags->judge.url,
                  "Let a language model mark each answer from 1 to 10: an OpenAI-compatible endpoint, "
                  "https://api.openai.com/v1")
      ->type_name("URL");
  evaluate.add_option("--judge-model", flags->judge.model, "The judge, as its endpoint names it")->type_name("NAME");
  evaluate
      .add_option("--judge-key-env", flags->judge_key_variable,
                  "Environment variable with the endpoint's key; without it, none is sent")
      ->type_name("VARIABLE");
}

}  // namespace

void AddEvaluateCommand(CLI::App& app, Context& context) {
  CLI::App* evaluate = app.add_subcommand(
      "evaluate", "Measure a trial's model, or any, against its base on questions with known answers");
  auto flags = std::make_shared<EvaluateFlags>();
  evaluate->add_option("model", flags->named, "A trial, a folder with an adapter, or a model")
      ->required()
      ->type_name("SWEEP/TRIAL|MODEL");
  evaluate->add_option("--adapter", flags->adapter, "With MODEL: the adapter to use, a folder or a trial")
      ->type_name("DIR");
  evaluate
      ->add_option("--data", flags->data,
                   "Held-out rows, as for training, or questions with choices; may be given several times")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FILE");
  evaluate
      ->add_option("--answer", flags->answer,
                   "Count exact matches of what stands here: \"#### N\", \"x = N\" (N: a number), or a regular "
                   "expression with one group")
      ->type_name("PATTERN");
  evaluate->add_flag("--every-turn", flags->every_turn,
                     "Ask for every answer of a conversation, not only for the last");
  evaluate->add_option("--limit", flags->limit, "The first N rows only (0: all)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  evaluate->add_option("--max-tokens", flags->max_tokens, "Longest answer")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  evaluate->add_option("--system", flags->system, "System prompt (default: that of the trial's sweep)")
      ->type_name("TEXT");
  evaluate
      ->add_option("--chat-template", flags->chat_template,
                   "Template in place of the model's own: a .jinja file or a name (default: that of the trial's sweep)")
      ->type_name("TEMPLATE");
  evaluate->add_flag("--tuned-only", flags->tuned_only, "Leave out the base model");
  evaluate->add_option("--name", flags->name, "The metrics join the trial as NAME/exact_match, …")->type_name("NAME");
  evaluate->add_flag("--no-record", flags->no_record, "Do not add the results to the trial");
  evaluate->add_option("--out", flags->out, "Write every question with the answers to it, one a line of JSON")
      ->type_name("FILE.jsonl");
  AddJudge(*evaluate, flags);
  evaluate->add_option("--precision", flags->inference.precision, "Compute type")
      ->check(CLI::IsMember({"auto", "bf16", "fp32"}))
      ->type_name("TYPE");
  evaluate->add_option("--device", flags->inference.device, "What to run on")->type_name("auto|cpu|cuda:N");
  evaluate->add_option("--threads", flags->inference.threads, "CPU threads (0: all cores)")
      ->check(CLI::Range(0, 4096))
      ->type_name("N");
  evaluate->callback([=, &context] { context.action = [=, &context] { return Evaluate(context, *flags); }; });
}

}  // namespace lorasweep::cli
