#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::chat {

// Tokenised data on disk, by its key: what one program prepared, the next one reads. Any number of programs may use one
// folder at once; files appear whole, and one that is damaged counts as not there. Nothing here fails: without a
// folder that can be written, data is prepared anew each time.
class DataCache {
 public:
  static constexpr std::int64_t kDefaultMostBytes = std::int64_t{10} << 30;

  // $LORASWEEP_CACHE/data, else $HOME/.cache/lorasweep/data; `get` reads an environment variable (std::getenv fits).
  // Nothing is cached when neither is set.
  static DataCache FromEnvironment(const std::function<const char*(const char* name)>& get);
  // An empty folder caches nothing.
  explicit DataCache(std::filesystem::path folder, std::int64_t most_bytes = kDefaultMostBytes);

  std::optional<text::TokenizedData> Find(const std::string& key) const;
  // Then removes the files that were used longest ago until the rest has at most `most_bytes`.
  void Store(const text::TokenizedData& data) const;

 private:
  std::filesystem::path FileOf(const std::string& key) const;
  void Shrink() const;

  std::filesystem::path folder_;
  std::int64_t most_bytes_;
};

}  // namespace lorasweep::chat
