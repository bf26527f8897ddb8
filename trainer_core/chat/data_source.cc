#include "trainer_core/chat/data_source.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/chat/row_reader.h"

namespace lorasweep::chat {
namespace {

constexpr std::size_t kBatchRows = 256;  // rows held as text at a time
constexpr unsigned kMaxThreads = 8;

// A used row and the file that it is from.
struct Pending {
  DataRow row;
  std::size_t file = 0;
};

// Supervises all rows, on several threads; the order and the errors do not depend on them.
std::vector<absl::StatusOr<Supervised>> SuperviseAll(const std::vector<Pending>& rows, const Supervisor& supervisor) {
  std::vector<absl::StatusOr<Supervised>> results(rows.size(), absl::UnknownError("not done"));
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < rows.size(); i = next++) results[i] = supervisor.Supervise(rows[i].row.content);
  };
  const unsigned cores = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxThreads);
  std::vector<std::jthread> helpers;
  for (unsigned i = 1; i < cores && i < rows.size(); ++i) helpers.emplace_back(work);
  work();
  helpers.clear();
  return results;
}

absl::Status TakeBatch(std::vector<Pending>& batch, const Supervisor& supervisor,
                       const std::function<absl::Status(SourceRow)>& take) {
  auto results = SuperviseAll(batch, supervisor);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!results[i].ok()) {
      return absl::Status(results[i].status().code(),
                          absl::StrCat(batch[i].row.Where(), ": ", std::string(results[i].status().message())));
    }
    if (auto status =
            take({.where = batch[i].row.Where(), .file = batch[i].file, .supervised = *std::move(results[i])});
        !status.ok()) {
      return status;
    }
  }
  batch.clear();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RowSelection> SelectRows(const std::vector<std::filesystem::path>& files, RowForm form,
                                        std::unordered_set<std::string>& seen) {
  RowSelection selection;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto reader = RowReader::Open(files[i], form);
    if (!reader.ok()) return reader.status();
    while (true) {
      auto row = (*reader)->Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      const bool is_new = seen.insert(ContentDigest((*row)->content)).second;
      selection.used.push_back(is_new);
      selection.file.push_back(i);
      if (!is_new) ++selection.duplicates;
    }
    auto digest = (*reader)->Digest();
    if (!digest.ok()) return digest.status();
    selection.digests.push_back(*std::move(digest));
  }
  return selection;
}

absl::Status ReadRows(const std::vector<std::filesystem::path>& files, RowForm form, const RowSelection& selection,
                      const Supervisor& supervisor, const std::function<absl::Status(SourceRow)>& take) {
  std::size_t index = 0;
  std::vector<Pending> batch;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const absl::Status changed =
        absl::AbortedError(absl::StrCat(files[i].string(), ": has changed while it was being read"));
    auto reader = RowReader::Open(files[i], form);
    if (!reader.ok()) return reader.status();
    while (true) {
      auto row = (*reader)->Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      if (index >= selection.used.size()) return changed;
      if (!selection.used[index++]) continue;
      batch.push_back({.row = **std::move(row), .file = i});
      if (batch.size() < kBatchRows) continue;
      if (auto status = TakeBatch(batch, supervisor, take); !status.ok()) return status;
    }
    const auto digest = (*reader)->Digest();
    if (!digest.ok()) return digest.status();
    if (*digest != selection.digests[i]) return changed;
  }
  return TakeBatch(batch, supervisor, take);
}

}  // namespace lorasweep::chat
