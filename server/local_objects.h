#pragma once

#include <atomic>
#include <filesystem>

#include "server/object_store.h"

namespace lorasweep::server {

// Files in a folder: folder/ab/cd/abcd….
class LocalObjects final : public ObjectStore {
 public:
  // Makes the folder when it is missing. InvalidArgument: it cannot be made.
  static absl::StatusOr<std::unique_ptr<LocalObjects>> Open(const std::filesystem::path& folder);
  // To read another's folder: nothing is made.
  explicit LocalObjects(std::filesystem::path folder) : folder_(std::move(folder)) {}

  absl::Status Put(const std::string& sha256, std::string_view content) override;
  absl::StatusOr<std::string> Get(const std::string& sha256, std::int64_t offset, std::int64_t size) const override;
  absl::Status Remove(const std::string& sha256) override;
  absl::StatusOr<std::vector<Object>> List() const override;
  absl::Status RemoveBroken() override;

 private:
  std::filesystem::path PathOf(const std::string& sha256) const;
  std::filesystem::path Incoming() const { return folder_ / "incoming"; }

  const std::filesystem::path folder_;
  std::atomic<std::int64_t> writes_{0};  // names temporary files
};

}  // namespace lorasweep::server
