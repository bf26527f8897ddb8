#include "trainer_core/chat/data_cache.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "trainer_core/text/tokenized_file.h"

namespace lorasweep::chat {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".tokens";

}  // namespace

DataCache::DataCache(fs::path folder, std::int64_t most_bytes) : folder_(std::move(folder)), most_bytes_(most_bytes) {}

DataCache DataCache::FromEnvironment(const std::function<const char*(const char* name)>& get) {
  const auto below = [&](const char* name, const char* path) -> fs::path {
    const char* value = get(name);
    return value == nullptr || *value == '\0' ? fs::path() : fs::path(value) / path;
  };
  fs::path folder = below("LORASWEEP_CACHE", "data");
  if (folder.empty()) folder = below("HOME", ".cache/lorasweep/data");
  return DataCache(std::move(folder));
}

fs::path DataCache::FileOf(const std::string& key) const {
  return folder_ / (key + kExtension);
}

std::optional<text::TokenizedData> DataCache::Find(const std::string& key) const {
  if (folder_.empty()) return std::nullopt;
  auto data = text::ReadTokenizedData(FileOf(key));
  if (!data.ok() || data->key != key) return std::nullopt;
  std::error_code ignored;  // the time of the last use decides what Shrink removes
  fs::last_write_time(FileOf(key), fs::file_time_type::clock::now(), ignored);
  return *std::move(data);
}

void DataCache::Store(const text::TokenizedData& data) const {
  if (folder_.empty()) return;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error || !text::WriteTokenizedData(data, FileOf(data.key)).ok()) return;
  Shrink();
}

void DataCache::Shrink() const {
  struct Entry {
    fs::file_time_type used;
    fs::path file;
    std::int64_t bytes;
  };
  std::vector<Entry> entries;
  std::int64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() != kExtension) continue;
    std::error_code gone;  // by another program's Shrink
    Entry entry{at->last_write_time(gone), at->path(), 0};
    if (!gone) entry.bytes = static_cast<std::int64_t>(at->file_size(gone));
    if (gone) continue;
    total += entry.bytes;
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (total <= most_bytes_) return;
    total -= entry.bytes;
    fs::remove(entry.file, error);
  }
}

}  // namespace lorasweep::chat
