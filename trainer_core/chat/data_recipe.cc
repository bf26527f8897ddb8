#include "trainer_core/chat/data_recipe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/chat/conversation_reader.h"
#include "trainer_core/chat/data_packing.h"
#include "trainer_core/chat/data_source.h"
#include "trainer_core/text/model_config.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::chat {
namespace {

// Purposes of random choices: different ones are independent of each other.
constexpr std::uint64_t kCapPurpose = 1;
constexpr std::uint64_t kSplitPurpose = 2;

absl::Status Check(const DataRecipe& recipe) {
  if (recipe.train.empty()) return absl::InvalidArgumentError("data.train: no file");
  if (recipe.max_length < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.max_length is ", recipe.max_length, ", allowed is 2 or more tokens"));
  }
  if (recipe.max_rows < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.max_rows is ", recipe.max_rows, ", allowed is 0 (all rows) or more"));
  }
  if (const auto* share = std::get_if<Share>(&recipe.validation); share && !(share->share > 0 && share->share < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.validation is the share ", share->share, ", allowed is above 0 and below 1"));
  }
  if (const auto* count = std::get_if<RowCount>(&recipe.validation); count && count->rows < 1) {
    return absl::InvalidArgumentError(absl::StrCat("data.validation is ", count->rows, " rows, allowed is 1 or more"));
  }
  if (const auto* own = std::get_if<Files>(&recipe.validation); own && own->files.empty()) {
    return absl::InvalidArgumentError("data.validation: no file");
  }
  return absl::OkStatus();
}

// Leaves `max_rows` of the used rows.
void Cap(RowSelection& selection, std::int64_t max_rows, std::uint64_t seed) {
  const auto used = static_cast<std::size_t>(std::count(selection.used.begin(), selection.used.end(), true));
  if (max_rows == 0 || used <= static_cast<std::size_t>(max_rows)) return;
  const std::vector<bool> chosen = ChooseAtRandom(used, static_cast<std::size_t>(max_rows), seed, kCapPurpose);
  std::size_t index = 0;
  for (std::size_t i = 0; i < selection.used.size(); ++i) {
    if (selection.used[i]) selection.used[i] = chosen[index++];
  }
}

// The selected rows as sequences of at most max_length tokens that have something to learn.
absl::StatusOr<std::vector<text::Sequence>> Tokenize(const std::vector<std::filesystem::path>& files,
                                                     const RowSelection& selection, const DataRecipe& recipe,
                                                     const Supervisor& supervisor, std::int64_t vocab_size,
                                                     text::DataReport& report) {
  std::vector<text::Sequence> sequences;
  const auto take = [&](SourceRow row) -> absl::Status {
    text::Sequence& sequence = row.supervised.sequence;
    for (const std::int32_t id : sequence.ids) {
      if (id >= vocab_size) {
        return absl::InvalidArgumentError(absl::StrCat(row.where, ": token ", id,
                                                       " is outside the model's vocabulary of ", vocab_size,
                                                       ": tokenizer and model do not belong together"));
      }
    }
    const bool cut = static_cast<std::int64_t>(sequence.ids.size()) > recipe.max_length;
    if (cut) {
      sequence.ids.resize(static_cast<std::size_t>(recipe.max_length));
      sequence.learned.resize(static_cast<std::size_t>(recipe.max_length));
    }
    if (sequence.LearnedTokens() == 0) {
      ++report.rows_without_target;
      return absl::OkStatus();
    }
    if (cut) ++report.truncated;
    sequences.push_back(std::move(sequence));
    return absl::OkStatus();
  };
  if (auto status = ReadRows(files, selection, supervisor, take); !status.ok()) return status;
  return sequences;
}

std::string Counts(const text::DataReport& report) {
  return absl::StrCat(report.rows_read, " rows read, ", report.duplicates, " of them duplicates, ",
                      report.rows_without_target, " without anything to learn");
}

// Takes the validation rows out of `train`, at random.
absl::Status Split(const DataRecipe& recipe, text::DataReport& report, std::vector<text::Sequence>& train,
                   std::vector<text::Sequence>& validation) {
  const auto rows = static_cast<std::int64_t>(train.size());
  std::int64_t wanted = 0;
  if (const auto* share = std::get_if<Share>(&recipe.validation)) {
    wanted = std::clamp<std::int64_t>(std::llround(share->share * static_cast<double>(rows)), 1,
                                      std::max<std::int64_t>(rows - 1, 1));
  } else {
    wanted = std::get<RowCount>(recipe.validation).rows;
  }
  if (wanted >= rows) {
    return absl::FailedPreconditionError(absl::StrCat("data.validation: ", wanted, " of ", rows,
                                                      " usable rows would leave none for training (", Counts(report),
                                                      ")"));
  }
  const std::vector<bool> chosen =
      ChooseAtRandom(train.size(), static_cast<std::size_t>(wanted), recipe.seed, kSplitPurpose);
  std::vector<text::Sequence> rest;
  for (std::size_t i = 0; i < train.size(); ++i) (chosen[i] ? validation : rest).push_back(std::move(train[i]));
  train = std::move(rest);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Key(const DataRecipe& recipe, const std::filesystem::path& model_folder,
                                const ChatTemplate& chat_template, std::int64_t vocab_size,
                                const std::vector<std::string>& train_digests,
                                const std::vector<std::string>& validation_digests) {
  auto tokenizer = text::Sha256File(model_folder / "tokenizer.json");
  if (!tokenizer.ok()) return tokenizer.status();
  text::Sha256 hash;
  const auto add = [&hash](const std::string& name, const std::string& value) {
    hash.Update(absl::StrCat(name, "=", value.size(), ":", value, "\n"));
  };
  add("format", "lorasweep data 1");
  for (const std::string& digest : train_digests) add("train", digest);
  for (const std::string& digest : validation_digests) add("validation", digest);
  if (const auto* share = std::get_if<Share>(&recipe.validation)) {
    add("share", absl::StrCat(std::llround(share->share * 1e12)));
  } else if (const auto* count = std::get_if<RowCount>(&recipe.validation)) {
    add("rows", absl::StrCat(count->rows));
  }
  add("max_length", absl::StrCat(recipe.max_length));
  add("loss_on", recipe.loss_on == LossOn::kAll ? "all" : "assistant");
  add("packing", recipe.packing ? "1" : "0");
  add("max_rows", absl::StrCat(recipe.max_rows));
  add("seed", absl::StrCat(recipe.seed));
  add("tokenizer", *tokenizer);
  add("vocab", absl::StrCat(vocab_size));
  add("template", chat_template.source());
  for (const auto& [name, text] : chat_template.special_tokens()) add(name, text);
  return hash.HexDigest();
}

}  // namespace

absl::StatusOr<text::TokenizedData> PrepareData(const DataRecipe& recipe, const std::filesystem::path& model_folder) {
  if (auto status = Check(recipe); !status.ok()) return status;
  auto model = text::LoadModelConfig(model_folder);
  if (!model.ok()) return model.status();
  auto supervisor = Supervisor::Load(model_folder, recipe.loss_on);
  if (!supervisor.ok()) return supervisor.status();

  text::TokenizedData data;
  std::unordered_set<std::string> seen;
  std::vector<std::string> validation_digests;
  if (const auto* own = std::get_if<Files>(&recipe.validation)) {
    auto selection = SelectRows(own->files, seen);
    if (!selection.ok()) return selection.status();
    data.report.rows_read += static_cast<std::int64_t>(selection->used.size());
    data.report.duplicates += selection->duplicates;
    auto sequences = Tokenize(own->files, *selection, recipe, *supervisor, model->vocab_size, data.report);
    if (!sequences.ok()) return sequences.status();
    data.validation = *std::move(sequences);
    validation_digests = selection->digests;
  }
  auto selection = SelectRows(recipe.train, seen);
  if (!selection.ok()) return selection.status();
  data.report.rows_read += static_cast<std::int64_t>(selection->used.size());
  data.report.duplicates += selection->duplicates;
  Cap(*selection, recipe.max_rows, recipe.seed);
  auto train = Tokenize(recipe.train, *selection, recipe, *supervisor, model->vocab_size, data.report);
  if (!train.ok()) return train.status();
  if (train->empty()) {
    return absl::FailedPreconditionError(absl::StrCat("data.train: no row is left (", Counts(data.report), ")"));
  }
  if (!std::holds_alternative<Files>(recipe.validation)) {
    if (auto status = Split(recipe, data.report, *train, data.validation); !status.ok()) return status;
  }
  if (data.validation.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("data.validation: no row is left (", Counts(data.report), ")"));
  }
  if (recipe.packing) {
    data.train = PackSequences(*std::move(train), recipe.max_length);
  } else {
    for (text::Sequence& sequence : *train) data.train.push_back({.sequences = {std::move(sequence)}});
  }
  auto key =
      Key(recipe, model_folder, supervisor->chat_template(), model->vocab_size, selection->digests, validation_digests);
  if (!key.ok()) return key.status();
  data.key = *std::move(key);
  return data;
}

absl::StatusOr<std::vector<PreviewRow>> PreviewData(const DataRecipe& recipe, const std::filesystem::path& model_folder,
                                                    std::int64_t rows) {
  if (auto status = Check(recipe); !status.ok()) return status;
  auto supervisor = Supervisor::Load(model_folder, recipe.loss_on);
  if (!supervisor.ok()) return supervisor.status();
  std::vector<PreviewRow> preview;
  for (const std::filesystem::path& file : recipe.train) {
    auto reader = ConversationReader::Open(file);
    if (!reader.ok()) return reader.status();
    while (static_cast<std::int64_t>(preview.size()) < rows) {
      auto row = reader->Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      auto supervised = supervisor->Supervise((*row)->messages);
      if (!supervised.ok()) {
        return absl::Status(supervised.status().code(),
                            absl::StrCat((*row)->Where(), ": ", std::string(supervised.status().message())));
      }
      preview.push_back({.where = (*row)->Where(), .supervised = *std::move(supervised)});
    }
  }
  return preview;
}

}  // namespace lorasweep::chat
