#include "trainer_core/chat/data_source.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/chat/conversation_reader.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::chat {
namespace {

constexpr std::size_t kBatchRows = 256;  // rows held as text at a time
constexpr unsigned kMaxThreads = 8;

std::uint64_t Mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

std::string RowDigest(const Conversation& row) {
  text::Sha256 hash;
  for (const Message& message : row.messages) {
    hash.Update(absl::StrCat(message.role, ":", message.content.size(), ":"));
    hash.Update(message.content);
  }
  return hash.HexDigest();
}

// Supervises all rows, on several threads; the order and the errors do not depend on them.
std::vector<absl::StatusOr<Supervised>> SuperviseAll(const std::vector<Conversation>& rows,
                                                     const Supervisor& supervisor) {
  std::vector<absl::StatusOr<Supervised>> results(rows.size(), absl::UnknownError("not done"));
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < rows.size(); i = next++) results[i] = supervisor.Supervise(rows[i].messages);
  };
  const unsigned cores = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxThreads);
  std::vector<std::jthread> helpers;
  for (unsigned i = 1; i < cores && i < rows.size(); ++i) helpers.emplace_back(work);
  work();
  helpers.clear();
  return results;
}

absl::Status TakeBatch(std::vector<Conversation>& batch, const Supervisor& supervisor,
                       const std::function<absl::Status(SourceRow)>& take) {
  auto results = SuperviseAll(batch, supervisor);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!results[i].ok()) {
      return absl::Status(results[i].status().code(),
                          absl::StrCat(batch[i].Where(), ": ", std::string(results[i].status().message())));
    }
    if (auto status = take({.where = batch[i].Where(), .supervised = *std::move(results[i])}); !status.ok()) {
      return status;
    }
  }
  batch.clear();
  return absl::OkStatus();
}

}  // namespace

std::uint64_t RandomKey(std::uint64_t seed, std::uint64_t purpose, std::uint64_t index) {
  return Mix(Mix(Mix(seed) ^ purpose) ^ index);
}

std::vector<bool> ChooseAtRandom(std::size_t size, std::size_t count, std::uint64_t seed, std::uint64_t purpose) {
  std::vector<std::pair<std::uint64_t, std::size_t>> keys(size);
  for (std::size_t i = 0; i < size; ++i) keys[i] = {RandomKey(seed, purpose, i), i};
  count = std::min(count, size);
  std::nth_element(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count), keys.end());
  std::vector<bool> chosen(size, false);
  for (std::size_t i = 0; i < count; ++i) chosen[keys[i].second] = true;
  return chosen;
}

absl::StatusOr<RowSelection> SelectRows(const std::vector<std::filesystem::path>& files,
                                        std::unordered_set<std::string>& seen) {
  RowSelection selection;
  for (const std::filesystem::path& file : files) {
    auto reader = ConversationReader::Open(file);
    if (!reader.ok()) return reader.status();
    while (true) {
      auto row = reader->Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      const bool is_new = seen.insert(RowDigest(**row)).second;
      selection.used.push_back(is_new);
      if (!is_new) ++selection.duplicates;
    }
    selection.digests.push_back(reader->Digest());
  }
  return selection;
}

absl::Status ReadRows(const std::vector<std::filesystem::path>& files, const RowSelection& selection,
                      const Supervisor& supervisor, const std::function<absl::Status(SourceRow)>& take) {
  std::size_t index = 0;
  std::vector<Conversation> batch;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const absl::Status changed =
        absl::AbortedError(absl::StrCat(files[i].string(), ": has changed while it was being read"));
    auto reader = ConversationReader::Open(files[i]);
    if (!reader.ok()) return reader.status();
    while (true) {
      auto row = reader->Next();
      if (!row.ok()) return row.status();
      if (!*row) break;
      if (index >= selection.used.size()) return changed;
      if (!selection.used[index++]) continue;
      batch.push_back(**std::move(row));
      if (batch.size() < kBatchRows) continue;
      if (auto status = TakeBatch(batch, supervisor, take); !status.ok()) return status;
    }
    if (reader->Digest() != selection.digests[i]) return changed;
  }
  return TakeBatch(batch, supervisor, take);
}

}  // namespace lorasweep::chat
