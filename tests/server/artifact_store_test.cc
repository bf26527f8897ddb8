#include "server/artifact_store.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "proto/blob_chunks.h"
#include "server/removal_lock.h"
#include "tests/server/world.h"

namespace lorasweep::server {
namespace {

constexpr auto kChunk = static_cast<std::size_t>(proto::kBlobChunkBytes);

// Objects in memory, which can be damaged, and which may take their time to go.
class FakeObjects final : public ObjectStore {
 public:
  absl::Status Put(const std::string& sha256, std::string_view content) override {
    absl::MutexLock lock(&mutex);
    ++puts;
    if (broken) return absl::UnavailableError("the disk is full");
    objects[sha256] = std::string(content);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> Get(const std::string& sha256, std::int64_t offset, std::int64_t size) const override {
    absl::MutexLock lock(&mutex);
    const auto found = objects.find(sha256);
    if (found == objects.end()) return NoSuchObject(sha256);
    return found->second.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
  }
  absl::Status Remove(const std::string& sha256) override {
    if (slow != nullptr) {
      begun.Notify();
      slow->WaitForNotification();
    }
    absl::MutexLock lock(&mutex);
    if (broken) return absl::UnavailableError("nobody answers");
    objects.erase(sha256);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<Object>> List() const override {
    absl::MutexLock lock(&mutex);
    std::vector<Object> found;
    for (const auto& [name, content] : objects) {
      found.push_back({.sha256 = name, .size = static_cast<std::int64_t>(content.size())});
    }
    return found;
  }
  absl::Status RemoveBroken() override { return absl::OkStatus(); }

  mutable absl::Mutex mutex;
  std::map<std::string, std::string> objects;
  int puts = 0;
  bool broken = false;
  absl::Notification* slow = nullptr;  // Remove waits for it
  absl::Notification begun;            // Remove has
};

struct Store {
  explicit Store(std::int64_t quota = 0) { Open(quota); }
  void Open(std::int64_t quota = 0) {
    auto made = std::make_unique<FakeObjects>();
    if (objects != nullptr) made->objects = objects->objects;
    objects = made.get();
    artifacts = Take(ArtifactStore::Open(std::move(made), folder.path(), clock, quota));
  }
  absl::Status Send(const std::string& content, const v1::BlobHeader& header) {
    const absl::StatusOr<std::unique_ptr<ArtifactStore::Upload>> upload = artifacts->Create(header);
    if (!upload.ok()) return upload.status();
    for (const std::int32_t place : (*upload)->missing()) {
      const std::string chunk = content.substr(static_cast<std::size_t>(place) * kChunk, kChunk);
      for (std::size_t at = 0; at < chunk.size(); at += 1'000'000) {
        if (absl::Status sent = (*upload)->Append(chunk.substr(at, 1'000'000)); !sent.ok()) return sent;
      }
    }
    return (*upload)->Commit();
  }
  std::string Content(const std::string& sha256, std::int64_t offset = 0) {
    auto download = Take(artifacts->Read(sha256, offset));
    std::string content;
    while (true) {
      const std::string part = Take(download->Next(1'000'000));
      if (part.empty()) return content;
      content += part;
    }
  }
  void Collect() { REQUIRE(artifacts->Collect(artifacts->Unwanted()).ok()); }
  void PassGrace() { clock.Advance(BlobIndex::kGrace + absl::Seconds(1)); }

  testing::TempDir folder;
  testing::FakeClock clock;
  FakeObjects* objects = nullptr;
  std::unique_ptr<ArtifactStore> artifacts;
};

std::string Filled(const std::string& chunks, std::size_t rest) {
  std::string content;
  for (const char each : chunks) content += std::string(kChunk, each);
  return content + std::string(rest, '.');
}

enum class Names { kChunks, kNone };

v1::BlobHeader HeaderOf(const std::string& content, Names names = Names::kChunks) {
  v1::BlobHeader header;
  header.set_sha256(Sha256Hex(content));
  header.set_size_bytes(static_cast<std::int64_t>(content.size()));
  if (names == Names::kNone || content.size() <= kChunk) return header;
  for (std::size_t at = 0; at < content.size(); at += kChunk) {
    header.add_chunks(Sha256Hex(std::string_view(content).substr(at, kChunk)));
  }
  return header;
}

v1::Artifact ArtifactOf(const v1::BlobHeader& header) {
  v1::Artifact artifact;
  v1::ArtifactFile* file = artifact.add_files();
  file->set_sha256(header.sha256());
  file->set_size_bytes(header.size_bytes());
  *file->mutable_chunks() = header.chunks();
  return artifact;
}

TEST_CASE("A file comes out as it went in, in one chunk or many, named or not") {
  Store store;
  const Names names = GENERATE(Names::kChunks, Names::kNone);
  for (const std::string& content : {std::string(), std::string("small"), Filled("a", 0), Filled("aba", 5)}) {
    const v1::BlobHeader header = HeaderOf(content, names);
    CHECK_FALSE(store.artifacts->Claim(header.sha256()));
    REQUIRE(store.Send(content, header).ok());
    CHECK(store.artifacts->Claim(header.sha256()));
    CHECK(Take(store.artifacts->Size(header.sha256())) == header.size_bytes());
    CHECK(store.Content(header.sha256()) == content);
    for (const std::size_t offset : {content.size() / 2, content.size()}) {
      CHECK(store.Content(header.sha256(), static_cast<std::int64_t>(offset)) == content.substr(offset));
    }
  }
  // "a" once, "b" once, two rests, and the smaller files.
  CHECK(store.artifacts->bytes() == static_cast<std::int64_t>(2 * kChunk + 5 + 5));
}

TEST_CASE("An upload that broke goes on behind its last whole chunk, also after a restart; what is held is not sent") {
  Store store;
  const std::string content = Filled("abcd", 100);
  const v1::BlobHeader header = HeaderOf(content);
  {
    auto upload = Take(store.artifacts->Create(header));
    CHECK(upload->missing() == std::vector<std::int32_t>{0, 1, 2, 3, 4});
    REQUIRE(upload->Append(std::string_view(content).substr(0, 2 * kChunk + 77)).ok());
  }
  CHECK_FALSE(store.artifacts->Claim(header.sha256()));
  if (GENERATE(false, true)) store.Open();
  {
    auto upload = Take(store.artifacts->Create(header));
    CHECK(upload->missing() == std::vector<std::int32_t>{2, 3, 4});
    REQUIRE(upload->Append(std::string_view(content).substr(2 * kChunk)).ok());
    REQUIRE(upload->Commit().ok());
  }
  CHECK(store.Content(header.sha256()) == content);
  // Another file with a chunk in common.
  const std::string other = Filled("xbx", 1);
  CHECK(Take(store.artifacts->Create(HeaderOf(other)))->missing() == std::vector<std::int32_t>{0, 3});
  REQUIRE(store.Send(other, HeaderOf(other)).ok());
  CHECK(store.Content(Sha256Hex(other)) == other);
}

TEST_CASE("What is not as announced is refused, and no file comes of it") {
  Store store;
  const std::string content = Filled("ab", 9);
  v1::BlobHeader header = HeaderOf(content);
  SECTION("another chunk") {
    CHECK(absl::IsInvalidArgument(store.Send(Filled("ax", 9), header)));
  }
  SECTION("chunks of another file") {
    header.set_sha256(Sha256Hex("another"));
    CHECK(absl::IsInvalidArgument(store.Send(content, header)));
  }
  SECTION("too little, too much") {
    auto upload = Take(store.artifacts->Create(header));
    REQUIRE(upload->Append(std::string_view(content).substr(1)).code() == absl::StatusCode::kInvalidArgument);
    upload = Take(store.artifacts->Create(header));
    REQUIRE(upload->Append(std::string_view(content).substr(0, kChunk)).ok());
    CHECK(absl::IsInvalidArgument(upload->Commit()));
    upload = Take(store.artifacts->Create(header));
    CHECK(absl::IsInvalidArgument(upload->Append(content)));
  }
  SECTION("a header that is wrong in itself") {
    header.add_chunks(Sha256Hex("one more"));
    CHECK(absl::IsInvalidArgument(store.artifacts->Create(header).status()));
    header = HeaderOf(content);
    header.set_chunks(1, "../../etc/passwd");
    CHECK(absl::IsInvalidArgument(store.artifacts->Create(header).status()));
    header = HeaderOf("small");
    header.add_chunks(header.sha256());
    CHECK(absl::IsInvalidArgument(store.artifacts->Create(header).status()));
    header.set_size_bytes(kMaxBlobBytes + 1);
    CHECK(absl::IsResourceExhausted(store.artifacts->Create(header).status()));
  }
  CHECK_FALSE(store.artifacts->Claim(Sha256Hex(content)));
  store.PassGrace();
  store.Collect();
  CHECK(store.artifacts->bytes() == 0);
}

TEST_CASE("Chunks are collected with the last file that has them, never under an upload or a download that runs") {
  Store store;
  const std::string first = Filled("ab", 1);
  const std::string second = Filled("bc", 1);
  REQUIRE(store.Send(first, HeaderOf(first)).ok());
  REQUIRE(store.Send(second, HeaderOf(second)).ok());
  store.artifacts->Add(ArtifactOf(HeaderOf(first)));
  store.artifacts->Add(ArtifactOf(HeaderOf(second)));
  store.PassGrace();
  store.Collect();
  CHECK(store.Content(Sha256Hex(first)) == first);

  store.artifacts->Release(ArtifactOf(HeaderOf(first)));
  auto download = Take(store.artifacts->Read(Sha256Hex(first), 0));
  store.Collect();
  CHECK(Take(download->Next(1)) == "a");
  CHECK_FALSE(store.artifacts->Claim(Sha256Hex(first)));  // it is no file any more
  download.reset();
  store.Collect();
  CHECK(store.objects->objects.size() == 3);  // b, c, the rest
  CHECK(store.Content(Sha256Hex(second)) == second);

  // An upload counts on b, which nothing else wants in the end.
  auto upload = Take(store.artifacts->Create(HeaderOf(first)));
  CHECK(upload->missing() == std::vector<std::int32_t>{0});
  store.artifacts->Release(ArtifactOf(HeaderOf(second)));
  store.PassGrace();
  store.Collect();
  REQUIRE(upload->Append(std::string(kChunk, 'a')).ok());
  REQUIRE(upload->Commit().ok());
  upload.reset();
  CHECK(store.Content(Sha256Hex(first)) == first);
  CHECK_FALSE(store.artifacts->Claim(Sha256Hex(second)));

  // Nothing was reported of it: it goes when its grace is over.
  store.Collect();
  CHECK(store.artifacts->Claim(Sha256Hex(first)));
  store.PassGrace();
  store.Collect();
  CHECK(store.objects->objects.empty());
  CHECK(store.artifacts->bytes() == 0);
}

TEST_CASE("A chunk that is uploaded while it is being removed is there in the end") {
  Store store;
  REQUIRE(store.Send("content", HeaderOf("content")).ok());
  store.PassGrace();
  absl::Notification go;
  store.objects->slow = &go;
  std::thread collector([&] { store.Collect(); });
  store.objects->begun.WaitForNotification();
  absl::Status sent;
  std::thread uploader([&] { sent = store.Send("content", HeaderOf("content")); });
  CHECK_FALSE(store.artifacts->Claim(Sha256Hex("content")));
  go.Notify();
  collector.join();
  uploader.join();
  CHECK(sent.ok());
  CHECK(store.Content(Sha256Hex("content")) == "content");
}

TEST_CASE("What cannot be removed now is removed later, and what another process keeps, too") {
  Store store;
  REQUIRE(store.Send("content", HeaderOf("content")).ok());
  store.PassGrace();
  {
    const RemovalLock kept = Take(RemovalLock::Keep(store.folder.path()));
    store.Collect();
    CHECK(store.objects->objects.size() == 1);
  }
  store.objects->broken = true;
  CHECK(absl::IsUnavailable(store.artifacts->Collect(store.artifacts->Unwanted())));
  store.objects->broken = false;
  CHECK(store.artifacts->bytes() == 7);
  store.PassGrace();
  store.Collect();
  CHECK(store.objects->objects.empty());
}

TEST_CASE("A chunk that was damaged is found, asked for again, and whole then") {
  Store store;
  const std::string content = Filled("ab", 3);
  const std::string b(kChunk, 'b');
  REQUIRE(store.Send(content, HeaderOf(content)).ok());
  if (GENERATE(false, true)) {
    store.objects->objects[Sha256Hex(b)] = std::string(kChunk, 'x');
  } else {
    store.objects->objects.erase(Sha256Hex(b));
  }
  auto download = Take(store.artifacts->Read(Sha256Hex(content), 0));
  CHECK(Take(download->Next(kChunk)) == std::string(kChunk, 'a'));
  CHECK_FALSE(download->Next(kChunk).ok());
  download.reset();

  const std::string other = Filled("bb", 3);
  CHECK(absl::IsUnavailable(store.Send(other, HeaderOf(other))));
  CHECK(store.Send(other, HeaderOf(other)).ok());
  CHECK(store.Content(Sha256Hex(other)) == other);
  CHECK(store.Content(Sha256Hex(content)) == content);
}

TEST_CASE("A report after a restart may name the chunks of a file that came before it") {
  Store store;
  const std::string content = Filled("ab", 3);
  const v1::Artifact artifact = ArtifactOf(HeaderOf(content));
  REQUIRE(store.Send(content, HeaderOf(content)).ok());
  v1::Artifact reported = artifact;
  reported.mutable_files(0)->set_chunks(0, Sha256Hex("not of this file"));
  CHECK(store.artifacts->WithChunks(reported).ShortDebugString() == artifact.ShortDebugString());
  store.Open();
  CHECK(absl::IsNotFound(store.artifacts->Check(reported.files(0))));
  reported.mutable_files(0)->clear_chunks();
  CHECK(absl::IsNotFound(store.artifacts->Check(reported.files(0))));
  REQUIRE(store.artifacts->Check(artifact.files(0)).ok());
  store.artifacts->Add(store.artifacts->WithChunks(artifact));
  CHECK(store.Content(Sha256Hex(content)) == content);
}

TEST_CASE("Artifacts keep to their quota, and what goes or does not come makes room") {
  const std::string content(600, 'a');
  const std::string other(500, 'b');
  Store store(/*quota=*/1000);
  {
    auto upload = Take(store.artifacts->Create(HeaderOf(content)));
    CHECK(absl::IsResourceExhausted(store.artifacts->Create(HeaderOf(other)).status()));
  }
  CHECK(store.artifacts->bytes() == 0);  // it broke off
  REQUIRE(store.Send(content, HeaderOf(content)).ok());
  CHECK(store.artifacts->bytes() == 600);
  store.objects->broken = true;
  CHECK(absl::IsUnavailable(store.Send("b", HeaderOf("b"))));
  store.objects->broken = false;
  const absl::Status full = store.artifacts->Create(HeaderOf(other)).status();
  CHECK(absl::IsResourceExhausted(full));
  CHECK(std::string{full.message()}.find("600 of 1000 bytes") != std::string::npos);
  store.PassGrace();
  store.Collect();
  CHECK(store.artifacts->Create(HeaderOf(other)).ok());

  // Chunks that are there already take no more room.
  Store tight(static_cast<std::int64_t>(3 * kChunk));
  REQUIRE(tight.Send(Filled("aba", 0), HeaderOf(Filled("aba", 0))).ok());
  CHECK(tight.Send(Filled("baabab", 1), HeaderOf(Filled("baabab", 1))).ok());
  CHECK(absl::IsResourceExhausted(tight.Send(Filled("ca", 0), HeaderOf(Filled("ca", 0)))));
}

TEST_CASE("A large file that an earlier version stored in one piece is read, and removed, as it is") {
  Store store;
  const std::string content = Filled("ab", 10);
  store.objects->objects[Sha256Hex(content)] = content;
  store.Open();
  v1::Artifact artifact = ArtifactOf(HeaderOf(content, Names::kNone));
  store.artifacts->Add(artifact);
  CHECK(store.artifacts->Claim(Sha256Hex(content)));
  CHECK(store.Content(Sha256Hex(content), 5) == content.substr(5));
  store.artifacts->Release(artifact);
  store.PassGrace();
  store.Collect();
  CHECK(store.objects->objects.empty());
}

}  // namespace
}  // namespace lorasweep::server
