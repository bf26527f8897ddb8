#include "doors/s3_bucket.h"

#include <arrow/buffer.h>
#include <arrow/filesystem/s3fs.h>
#include <arrow/io/interfaces.h>
#include <arrow/result.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lorasweep::doors {
namespace {

namespace fs = arrow::fs;

constexpr std::string_view kScheme = "s3://";
constexpr double kConnectSeconds = 5;
constexpr double kSilentSeconds = 10;
constexpr std::size_t kLongestReason = 500;
constexpr std::int64_t kTries = 3;  // of one request; whoever uploads tries again much longer

struct Address {
  std::string bucket;
  std::string folder;  // bucket/prefix, without a slash at its end
};

absl::StatusOr<Address> ParseAddress(const std::string& where) {
  const auto wrong = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", where.substr(0, 200), "\" is no address of S3: ", std::string(why)));
  };
  std::string folder = where.substr(kScheme.size());
  if (folder.find('@') != std::string::npos || folder.find('?') != std::string::npos) {
    return wrong("credentials and options have no place in it, only s3://BUCKET/PREFIX");
  }
  while (folder.ends_with('/')) folder.pop_back();
  Address address{.bucket = folder.substr(0, folder.find('/')), .folder = folder};
  const bool name = std::all_of(address.bucket.begin(), address.bucket.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
  if (!name || address.bucket.size() < 3 || address.bucket.size() > 63) {
    return wrong("a bucket's name has 3 to 63 of a-z, 0-9, . and -, as in s3://my-bucket/lorasweep");
  }
  if (folder.find("//") != std::string::npos || absl::StrCat(folder, "/").find("/../") != std::string::npos) {
    return wrong("the prefix is names with a / between");
  }
  return address;
}

// Splits http://HOST:PORT.
absl::Status SetEndpoint(const std::string& endpoint, fs::S3Options* options) {
  if (endpoint.empty()) return absl::OkStatus();
  for (const std::string scheme : {"http", "https"}) {
    const std::string begin = scheme + "://";
    if (!endpoint.starts_with(begin)) continue;
    options->scheme = scheme;
    options->endpoint_override = endpoint.substr(begin.size());
    while (options->endpoint_override.ends_with('/')) options->endpoint_override.pop_back();
    if (options->endpoint_override.empty() || options->endpoint_override.find_first_of("/@?") != std::string::npos) {
      break;
    }
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "the S3 endpoint must be http://HOST:PORT or https://HOST:PORT, without a path and without credentials");
}

// The wheel's TLS library looks where its builders' system has its authorities.
std::string FindAuthorities() {
  for (const char* variable : {"AWS_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (const char* const file = std::getenv(variable); file != nullptr && *file != '\0') return file;
  }
  std::error_code ignored;
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}) {
    if (std::filesystem::exists(file, ignored)) return file;
  }
  return "";
}

absl::Status StartLibrary() {
  static std::once_flag once;
  static arrow::Status started;
  std::call_once(once, [] {
    fs::S3GlobalOptions options = fs::S3GlobalOptions::Defaults();
    options.log_level = fs::S3LogLevel::Off;  // what fails is in the status; its log could hold requests' headers
    started = fs::InitializeS3(options);
  });
  if (started.ok()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the S3 library does not start: ", started.message()));
}

// Its threads must have ended before its static objects go, the last of which a first request makes.
void EndLibraryAtExit() {
  static std::once_flag once;
  std::call_once(once, [] { std::atexit([] { static_cast<void>(fs::EnsureS3Finalized()); }); });
}

}  // namespace

struct S3Bucket::Parts {
  std::string PathOf(const std::string& key) const { return absl::StrCat(folder, "/", key); }
  bool Lacks(const std::string& path) const {
    const arrow::Result<fs::FileInfo> info = files->GetFileInfo(path);
    return info.ok() && info->type() == fs::FileType::NotFound;
  }

  const std::string folder;  // bucket/prefix
  const std::shared_ptr<fs::S3FileSystem> files;
};

absl::StatusOr<std::unique_ptr<S3Bucket>> S3Bucket::Open(const Options& options) {
  const absl::StatusOr<Address> address = ParseAddress(options.address);
  if (!address.ok()) return address.status();
  fs::S3Options settings;
  if (absl::Status set = SetEndpoint(options.endpoint, &settings); !set.ok()) return set;
  if (absl::Status started = StartLibrary(); !started.ok()) return started;
  settings.ConfigureDefaultCredentials();
  settings.connect_timeout = kConnectSeconds;
  settings.request_timeout = kSilentSeconds;
  settings.retry_strategy = fs::S3RetryStrategy::GetAwsStandardRetryStrategy(kTries);
  settings.background_writes = false;
  settings.allow_delayed_open = true;  // an object is one request
  settings.tls_ca_file_path = FindAuthorities();
  settings.region = options.region;
  if (settings.region.empty() && !options.endpoint.empty()) settings.region = "us-east-1";
  if (settings.region.empty()) {
    arrow::Result<std::string> region = fs::ResolveS3BucketRegion(address->bucket);
    if (!region.ok()) {
      return absl::UnavailableError(absl::StrCat("cannot tell the region of ", options.address, ": ",
                                                 region.status().message().substr(0, kLongestReason)));
    }
    settings.region = *std::move(region);
  }
  arrow::Result<std::shared_ptr<fs::S3FileSystem>> files = fs::S3FileSystem::Make(settings);
  if (!files.ok()) return absl::UnavailableError(absl::StrCat(options.address, ": ", files.status().message()));
  auto bucket = std::unique_ptr<S3Bucket>(
      new S3Bucket(std::make_unique<Parts>(Parts{.folder = address->folder, .files = *std::move(files)})));
  const arrow::Result<fs::FileInfo> there = bucket->parts_->files->GetFileInfo(address->bucket);
  EndLibraryAtExit();
  if (!there.ok()) return bucket->Failed("cannot open", there.status().message());
  if (there->type() == fs::FileType::NotFound) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.address, ": there is no bucket ", address->bucket, "; make it first"));
  }
  return bucket;
}

S3Bucket::S3Bucket(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

S3Bucket::~S3Bucket() = default;

absl::Status S3Bucket::Put(const std::string& key, std::string_view content) {
  arrow::Result<std::shared_ptr<arrow::io::OutputStream>> stream = parts_->files->OpenOutputStream(parts_->PathOf(key));
  if (!stream.ok()) return Failed("cannot store", stream.status().message());
  arrow::Status written = (*stream)->Write(content.data(), static_cast<std::int64_t>(content.size()));
  if (written.ok()) {
    written = (*stream)->Close();
  } else {
    static_cast<void>((*stream)->Abort());
  }
  return written.ok() ? absl::OkStatus() : Failed("cannot store", written.message());
}

absl::StatusOr<std::string> S3Bucket::Get(const std::string& key, std::int64_t offset, std::int64_t size) const {
  const std::string path = parts_->PathOf(key);
  const arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> file = parts_->files->OpenInputFile(path);
  if (!file.ok() && parts_->Lacks(path)) {
    return absl::NotFoundError(absl::StrCat("there is no ", key, " in s3://", parts_->folder));
  }
  if (!file.ok()) return Failed("cannot read", file.status().message());
  const arrow::Result<std::shared_ptr<arrow::Buffer>> data = (*file)->ReadAt(offset, size);
  return data.ok() ? absl::StatusOr<std::string>((*data)->ToString()) : Failed("cannot read", data.status().message());
}

absl::Status S3Bucket::Remove(const std::string& key) {
  const arrow::Status removed = parts_->files->DeleteFile(parts_->PathOf(key));
  if (removed.ok() || parts_->Lacks(parts_->PathOf(key))) return absl::OkStatus();
  return Failed("cannot remove", removed.message());
}

absl::StatusOr<std::vector<S3Bucket::Object>> S3Bucket::List() const {
  fs::FileSelector selector;
  selector.base_dir = parts_->folder;
  selector.allow_not_found = true;
  const arrow::Result<std::vector<fs::FileInfo>> infos = parts_->files->GetFileInfo(selector);
  if (!infos.ok()) return Failed("cannot list", infos.status().message());
  std::vector<Object> found;
  for (const fs::FileInfo& info : *infos) {
    if (info.IsFile()) found.push_back({.key = info.base_name(), .size = info.size()});
  }
  return found;
}

absl::Status S3Bucket::Failed(std::string_view what, std::string_view why) const {
  return absl::UnavailableError(
      absl::StrCat(std::string(what), " in s3://", parts_->folder, ": ", std::string(why.substr(0, kLongestReason))));
}

}  // namespace lorasweep::doors
