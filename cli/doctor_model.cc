#include "cli/doctor_model.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/format.h"
#include "cli/model_facts.h"

namespace lorasweep::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLfs = "version https://git-lfs";

bool IsLfsPointer(const fs::path& file) {
  std::string text(kLfs.size(), '\0');
  std::ifstream in(file, std::ios::binary);
  return in.read(text.data(), static_cast<std::streamsize>(text.size())) && text == kLfs;
}

}  // namespace

Check CheckModelFolder(const fs::path& folder) {
  const std::string name = absl::StrCat("model ", folder.filename().string());
  std::vector<std::string> pointers;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (IsLfsPointer(at->path())) pointers.push_back(at->path().filename().string());
  }
  std::sort(pointers.begin(), pointers.end());
  if (!pointers.empty()) {
    return {name, CheckVerdict::kBad,
            absl::StrCat(absl::StrJoin(pointers, ", "), pointers.size() == 1 ? " is a pointer" : " are pointers",
                         " of Git LFS and not the file", pointers.size() == 1 ? "" : "s"),
            absl::StrCat("git lfs install && git -C ", folder.string(), " lfs pull")};
  }
  const auto facts = ReadModelFacts(folder);
  if (!facts.ok()) {
    return {name, CheckVerdict::kBad, std::string{facts.status().message()},
            "fetch the whole model again: hf download NAME --local-dir DIR"};
  }
  if (facts->tokens == 0) {
    return {name, CheckVerdict::kBad, "has no tokenizer.json",
            "fetch it with the model; where there is only a slow tokenizer, transformers' save_pretrained writes one"};
  }
  const std::string what =
      absl::StrCat(facts->config.architecture, ", ", FormatCount(facts->parameters), " parameters");
  if (facts->has_chat_template) return {name, CheckVerdict::kGood, what};
  return {name, CheckVerdict::kNote, absl::StrCat(what, ", without a chat template: conversations cannot be rendered"),
          "set data.chat_template (chatml, alpaca, … or a .jinja file), or take the model's instruct version"};
}

Check CheckGenerationPrompt(const std::string& model, const chat::Supervisor& supervisor) {
  const std::string name = absl::StrCat("template of ", model);
  const chat::ChatTemplate* chat_template = supervisor.chat_template();
  if (chat_template == nullptr) return {name, CheckVerdict::kGood, "none"};
  const std::vector<chat::Message> asked = {{"user", "Hello"}};
  const std::vector<chat::Message> answered = {{"user", "Hello"}, {"assistant", "Sunday is a day."}};
  const auto prompt = chat_template->Render(asked, {.add_generation_prompt = true});
  const auto whole = chat_template->Render(answered);
  // Templates that refuse such a conversation, or write an answer otherwise than its prompt, are not judged here.
  if (!prompt.ok() || !whole.ok() || !whole->text.starts_with(prompt->text)) {
    return {name, CheckVerdict::kGood, "renders conversations"};
  }
  const std::vector<std::int32_t> begun = supervisor.tokenizer().Encode(prompt->text);
  const std::vector<std::int32_t> all = supervisor.tokenizer().Encode(whole->text);
  if (begun.size() <= all.size() && std::equal(begun.begin(), begun.end(), all.begin())) {
    return {name, CheckVerdict::kGood, "the prompt ends where the answer's first token begins"};
  }
  return {name, CheckVerdict::kNote,
          absl::StrCat("the prompt ends in ", prompt->text.ends_with(" ") ? "a space" : "text",
                       " that belongs to the token of the answer's first word, so that answers begin with tokens that "
                       "training did not show"),
          "take the space from the end of the template's generation prompt and put it before the answer's text: "
          "data.chat_template"};
}

Check CheckCutRows(const text::DataReport& report, std::int64_t max_length) {
  const std::string name = "rows";
  const auto rows = static_cast<std::int64_t>(report.lengths.size());
  const std::int64_t lost = std::count_if(report.lengths.begin(), report.lengths.end(),
                                          [&](std::int32_t length) { return length > max_length; });
  const std::string what = absl::StrCat(FormatCount(lost), " of ", Plural(rows, "row"), lost == 1 ? " is" : " are",
                                        " longer than data.max_length ", max_length);
  if (10 * lost <= rows) return {name, CheckVerdict::kGood, what};
  const bool cut = report.truncated > 0;
  return {name, 2 * lost < rows ? CheckVerdict::kNote : CheckVerdict::kBad,
          absl::StrCat(what, cut ? ": they lose their end, with the token that ends an answer" : ": they are left out"),
          absl::StrCat("raise data.max_length (the longest row has ",
                       *std::max_element(report.lengths.begin(), report.lengths.end()), " tokens)",
                       cut ? ", or leave such rows out: truncation: drop" : "")};
}

Check CheckNeed(const MemoryNeed& need, std::int64_t free_bytes) {
  const std::string what =
      absl::StrCat("a trial in ", need.precision, " needs ", FormatBytes(static_cast<double>(need.use.total())), ", ",
                   FormatBytes(static_cast<double>(free_bytes)), " are free");
  if (need.use.total() <= free_bytes) return {"memory of a trial", CheckVerdict::kGood, what};
  return {"memory of a trial", CheckVerdict::kNote, what,
          "training: {quantization: nf4, gradient_checkpointing: true, micro_batch_size: 1}, or a smaller model"};
}

}  // namespace lorasweep::cli
