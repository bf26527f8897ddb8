#include "trainer_core/chat/data_recipe.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/chat/data_key.h"
#include "trainer_core/chat/data_packing.h"
#include "trainer_core/chat/data_source.h"
#include "trainer_core/chat/recipe_check.h"
#include "trainer_core/chat/row_choice.h"
#include "trainer_core/chat/row_reader.h"
#include "trainer_core/text/model_config.h"

namespace lorasweep::chat {
namespace {

// A row's sequence and which of the training files it is from.
struct FileSequence {
  text::Sequence sequence;
  std::size_t file = 0;
};

// One application of a recipe.
class Preparation {
 public:
  Preparation(const DataRecipe& recipe, const Supervisor& supervisor, std::int64_t vocab_size)
      : recipe_(recipe), supervisor_(supervisor), vocab_size_(vocab_size) {}

  absl::StatusOr<text::TokenizedData> Run();
  const FileDigests& digests() const { return digests_; }

 private:
  // The sequences of the held-out files, none when the rows come from the training files.
  absl::StatusOr<std::vector<text::Sequence>> OwnFiles(const HeldOut& held_out, std::vector<std::string>& digests);
  absl::StatusOr<std::vector<FileSequence>> TrainFiles();
  void Cap(RowSelection& selection);
  absl::StatusOr<std::vector<FileSequence>> Tokenize(const std::vector<std::filesystem::path>& files,
                                                     const RowSelection& selection);
  // Moves rows out of `train` as the split wants, at random.
  absl::Status TakeOut(const HeldOut& held_out, const char* key, Purpose purpose, std::size_t rows_at_first,
                       std::vector<FileSequence>& train, std::vector<text::Sequence>& taken) const;
  std::vector<text::Sequence> Weighted(std::vector<FileSequence> train) const;
  absl::Status NothingLeft(const char* key) const;
  std::string Counts() const;

  const DataRecipe& recipe_;
  const Supervisor& supervisor_;
  const std::int64_t vocab_size_;
  std::unordered_set<std::string> seen_;
  FileDigests digests_;
  text::DataReport report_;
};

std::string Preparation::Counts() const {
  return absl::StrCat(report_.rows_read, " rows read, ", report_.duplicates, " of them duplicates, ",
                      report_.rows_without_target, " without anything to learn",
                      report_.too_long > 0 ? absl::StrCat(", ", report_.too_long, " over max_length") : "");
}

absl::Status Preparation::NothingLeft(const char* key) const {
  return absl::FailedPreconditionError(absl::StrCat(key, ": no row is left (", Counts(), ")"));
}

// The selected rows as sequences of at most max_length tokens that have something to learn.
absl::StatusOr<std::vector<FileSequence>> Preparation::Tokenize(const std::vector<std::filesystem::path>& files,
                                                                const RowSelection& selection) {
  std::vector<FileSequence> sequences;
  const auto take = [&](SourceRow row) -> absl::Status {
    text::Sequence& sequence = row.supervised.sequence;
    for (const std::int32_t id : sequence.ids) {
      if (id >= vocab_size_) {
        return absl::InvalidArgumentError(absl::StrCat(row.where, ": token ", id,
                                                       " is outside the model's vocabulary of ", vocab_size_,
                                                       ": tokenizer and model do not belong together"));
      }
    }
    report_.lengths.push_back(static_cast<std::int32_t>(sequence.ids.size()));
    const bool over = static_cast<std::int64_t>(sequence.ids.size()) > recipe_.max_length;
    if (over && recipe_.truncation == Truncation::kDrop) {
      ++report_.too_long;
      return absl::OkStatus();
    }
    if (over) {
      sequence.ids.resize(static_cast<std::size_t>(recipe_.max_length));
      sequence.learned.resize(static_cast<std::size_t>(recipe_.max_length));
    }
    if (sequence.LearnedTokens() == 0) {
      ++report_.rows_without_target;
      return absl::OkStatus();
    }
    if (over) ++report_.truncated;
    sequences.push_back({.sequence = std::move(sequence), .file = row.file});
    return absl::OkStatus();
  };
  if (auto status = ReadRows(files, recipe_.form, selection, supervisor_, take); !status.ok()) return status;
  return sequences;
}

absl::StatusOr<std::vector<text::Sequence>> Preparation::OwnFiles(const HeldOut& held_out,
                                                                  std::vector<std::string>& digests) {
  std::vector<text::Sequence> sequences;
  const auto* own = std::get_if<Files>(&held_out);
  if (own == nullptr) return sequences;
  auto selection = SelectRows(own->files, recipe_.form, seen_);
  if (!selection.ok()) return selection.status();
  report_.rows_read += static_cast<std::int64_t>(selection->used.size());
  report_.duplicates += selection->duplicates;
  auto rows = Tokenize(own->files, *selection);
  if (!rows.ok()) return rows.status();
  for (FileSequence& row : *rows) sequences.push_back(std::move(row.sequence));
  digests = std::move(selection->digests);
  return sequences;
}

// Leaves max_rows of the used rows.
void Preparation::Cap(RowSelection& selection) {
  std::vector<std::size_t> used;
  std::vector<std::size_t> files;
  for (std::size_t i = 0; i < selection.used.size(); ++i) {
    if (!selection.used[i]) continue;
    used.push_back(i);
    files.push_back(selection.file[i]);
  }
  const auto wanted = static_cast<std::size_t>(recipe_.max_rows);
  if (wanted == 0 || used.size() <= wanted) return;
  std::vector<bool> chosen;
  if (recipe_.weights.empty()) {
    chosen = ChooseAtRandom(used.size(), wanted, recipe_.seed, Purpose::kCap);
  } else {
    for (const std::int64_t uses :
         UsesByWeight(files, recipe_.weights, recipe_.max_rows, recipe_.seed, Purpose::kCapWeights)) {
      chosen.push_back(uses > 0);
    }
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    selection.used[used[i]] = chosen[i];
    if (!chosen[i]) ++report_.not_chosen;
  }
}

absl::StatusOr<std::vector<FileSequence>> Preparation::TrainFiles() {
  auto selection = SelectRows(recipe_.train, recipe_.form, seen_);
  if (!selection.ok()) return selection.status();
  report_.rows_read += static_cast<std::int64_t>(selection->used.size());
  report_.duplicates += selection->duplicates;
  Cap(*selection);
  auto train = Tokenize(recipe_.train, *selection);
  if (!train.ok()) return train.status();
  if (train->empty()) return NothingLeft("data.train");
  digests_.train = std::move(selection->digests);
  return train;
}

absl::Status Preparation::TakeOut(const HeldOut& held_out, const char* key, Purpose purpose, std::size_t rows_at_first,
                                  std::vector<FileSequence>& train, std::vector<text::Sequence>& taken) const {
  if (std::holds_alternative<Files>(held_out)) return absl::OkStatus();
  const auto rows = static_cast<std::int64_t>(train.size());
  std::int64_t wanted = 0;
  if (const auto* share = std::get_if<Share>(&held_out)) {
    wanted = std::clamp<std::int64_t>(std::llround(share->share * static_cast<double>(rows_at_first)), 1,
                                      std::max<std::int64_t>(rows - 1, 1));
  } else {
    wanted = std::get<RowCount>(held_out).rows;
  }
  if (wanted >= rows) {
    return absl::FailedPreconditionError(
        absl::StrCat(key, ": ", wanted, " of ", rows, " usable rows would leave none for training (", Counts(), ")"));
  }
  const std::vector<bool> chosen =
      ChooseAtRandom(train.size(), static_cast<std::size_t>(wanted), recipe_.seed, purpose);
  std::vector<FileSequence> rest;
  for (std::size_t i = 0; i < train.size(); ++i) {
    if (chosen[i]) {
      taken.push_back(std::move(train[i].sequence));
    } else {
      rest.push_back(std::move(train[i]));
    }
  }
  train = std::move(rest);
  return absl::OkStatus();
}

std::vector<text::Sequence> Preparation::Weighted(std::vector<FileSequence> train) const {
  std::vector<std::int64_t> uses(train.size(), 1);
  if (!recipe_.weights.empty()) {
    std::vector<std::size_t> files;
    for (const FileSequence& row : train) files.push_back(row.file);
    uses =
        UsesByWeight(files, recipe_.weights, static_cast<std::int64_t>(train.size()), recipe_.seed, Purpose::kWeights);
  }
  std::vector<text::Sequence> sequences;
  sequences.reserve(train.size());
  for (std::size_t i = 0; i < train.size(); ++i) {
    for (std::int64_t use = 1; use < uses[i]; ++use) sequences.push_back(train[i].sequence);
    if (uses[i] > 0) sequences.push_back(std::move(train[i].sequence));
  }
  return sequences;
}

absl::StatusOr<text::TokenizedData> Preparation::Run() {
  text::TokenizedData data;
  // The files whose rows are kept come first.
  if (recipe_.test) {
    auto test = OwnFiles(*recipe_.test, digests_.test);
    if (!test.ok()) return test.status();
    data.test = *std::move(test);
  }
  auto validation = OwnFiles(recipe_.validation, digests_.validation);
  if (!validation.ok()) return validation.status();
  data.validation = *std::move(validation);
  auto train = TrainFiles();
  if (!train.ok()) return train.status();
  const std::size_t rows = train->size();
  if (auto status = TakeOut(recipe_.validation, "data.validation", Purpose::kValidation, rows, *train, data.validation);
      !status.ok()) {
    return status;
  }
  if (recipe_.test) {
    if (auto status = TakeOut(*recipe_.test, "data.test", Purpose::kTest, rows, *train, data.test); !status.ok()) {
      return status;
    }
    if (data.test.empty()) return NothingLeft("data.test");
  }
  if (data.validation.empty()) return NothingLeft("data.validation");
  std::vector<text::Sequence> sequences = Weighted(*std::move(train));
  if (recipe_.packing) {
    data.train = PackSequences(std::move(sequences), recipe_.max_length);
  } else {
    for (text::Sequence& sequence : sequences) data.train.push_back({.sequences = {std::move(sequence)}});
  }
  data.report = report_;
  return data;
}

}  // namespace

absl::StatusOr<text::TokenizedData> PrepareData(const DataRecipe& recipe, const std::filesystem::path& model_folder,
                                                const DataCache* cache) {
  if (auto status = CheckRecipe(recipe); !status.ok()) return status;
  auto model = text::LoadModelConfig(model_folder);
  if (!model.ok()) return model.status();
  auto supervisor = Supervisor::Load(model_folder, recipe.supervision);
  if (!supervisor.ok()) return supervisor.status();
  if (cache != nullptr) {
    // Errors are for the reading below to tell: it knows the files' forms.
    const auto digests = DigestFiles(recipe);
    const auto key = digests.ok() ? DataKey(recipe, model_folder, *supervisor, model->vocab_size, *digests)
                                  : absl::StatusOr<std::string>(digests.status());
    if (key.ok()) {
      if (auto found = cache->Find(*key)) return *std::move(found);
    }
  }
  Preparation preparation(recipe, *supervisor, model->vocab_size);
  auto data = preparation.Run();
  if (!data.ok()) return data;
  auto key = DataKey(recipe, model_folder, *supervisor, model->vocab_size, preparation.digests());
  if (!key.ok()) return key.status();
  data->key = *std::move(key);
  if (cache != nullptr) cache->Store(*data);
  return data;
}

absl::StatusOr<std::vector<PreviewRow>> PreviewData(const DataRecipe& recipe, const std::filesystem::path& model_folder,
                                                    std::int64_t rows) {
  if (auto status = CheckRecipe(recipe); !status.ok()) return status;
  auto supervisor = Supervisor::Load(model_folder, recipe.supervision);
  if (!supervisor.ok()) return supervisor.status();
  std::vector<PreviewRow> preview;
  for (const std::filesystem::path& file : recipe.train) {
    auto reader = RowReader::Open(file, recipe.form);
    if (!reader.ok()) return reader.status();
    for (std::int64_t i = 0; i < rows; ++i) {
      auto row = (*reader)->Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      auto supervised = supervisor->Supervise((*row)->content);
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
