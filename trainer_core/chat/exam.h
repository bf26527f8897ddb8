#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/chat/data_row.h"
#include "trainer_core/chat/supervision.h"
#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::chat {

// A question that the model answers in its own words.
struct OpenQuestion {
  std::vector<std::int32_t> prompt;  // ready for an answer
  std::string asked;                 // the same for people: the last user message, or the text
  std::string reference;             // the right answer; empty: not known
};

// A question whose answer is the most probable of several.
struct ChoiceQuestion {
  std::vector<text::Sequence> options;  // the learned tokens are those of the choice
  std::vector<std::size_t> bytes;       // of each choice's text
  std::size_t right = 0;
  std::string asked;
};

// What one row asks of a model.
struct ExamRow {
  std::vector<OpenQuestion> open;
  std::optional<ChoiceQuestion> choice;
  std::optional<text::Sequence> text;  // the row as training sees it; learned is what the model is to write
};

// Makes questions of the rows of data files.
//
//   auto exam = Exam::Load(model_folder, {.every_turn = true});
//   auto row = exam->Ask(data_row.content);
//
// Of a conversation, the answer is asked for behind all that stands before its last assistant turn, or with
// `every_turn` before each of them (with the file's own answers before it); of an instruction its output, of a prompt
// its completion. Plain texts ask nothing and are read only. Multiple choice: each choice as the model would write it,
// without the token that ends a turn or a text. Immutable; may be used from any thread.
class Exam {
 public:
  struct Options {
    std::string chat_template = "";  // as SupervisionOptions'
    std::string system_prompt = "";
    bool every_turn = false;
  };

  // Errors: those of Supervisor::Load.
  static absl::StatusOr<Exam> Load(const std::filesystem::path& model_folder, const Options& options);

  // Errors: those of Supervisor::Supervise; InvalidArgument: a choice without a token.
  absl::StatusOr<ExamRow> Ask(const RowContent& row) const;

  // What ends an answer beside the model's own eos tokens.
  const std::vector<std::int32_t>& stop_ids() const { return stop_ids_; }
  const text::Tokenizer& tokenizer() const { return supervisor_.tokenizer(); }

 private:
  Exam(Supervisor supervisor, bool every_turn);
  absl::Status AskChat(const Chat& chat, ExamRow* row) const;
  absl::StatusOr<ChoiceQuestion> AskChoice(const MultipleChoice& choice) const;

  Supervisor supervisor_;
  bool every_turn_;
  std::vector<std::int32_t> stop_ids_;
};

}  // namespace lorasweep::chat
