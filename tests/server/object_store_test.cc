// What every place for artifacts does, a folder and S3 alike, and what only one of them can get wrong.
#include "server/object_store.h"

#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>

#include "server/artifact_store.h"
#include "server/backup.h"
#include "tests/server/world.h"
#include "tests/support/s3_server.h"

namespace lorasweep::server {
namespace {

testing::S3Server& S3() {
  static testing::S3Server server;
  return server;
}

// A place that nothing is at, in a folder and on S3.
struct Folder {
  static bool there() { return true; }
  ArtifactPlace place() const { return {.where = (folder.path() / "place").string()}; }
  testing::TempDir folder;
};
struct Bucket {
  static bool there() { return S3().there(); }
  ArtifactPlace place() const { return {.where = where, .endpoint = S3().endpoint()}; }
  const std::string where = S3().NewPlace();
};

#define LORASWEEP_NEEDS_PLACE(Place)                                                  \
  do {                                                                                \
    if (!Place::there()) {                                                            \
      WARN("skipped: needs moto in " << testing::PeerPython() << " (scripts/setup)"); \
      return;                                                                         \
    }                                                                                 \
  } while (false)

TEMPLATE_TEST_CASE("Objects are there whole until they are removed", "", Folder, Bucket) {
  LORASWEEP_NEEDS_PLACE(TestType);
  const TestType at;
  auto objects = Take(OpenObjects(at.place(), "", "me"));
  CHECK(Take(objects->List()).empty());
  const std::string content = std::string(100'000, 'a') + std::string(1, '\0') + "end";
  const std::string name = Sha256Hex(content);
  REQUIRE(objects->Put(name, content).ok());
  REQUIRE(objects->Put(name, content).ok());  // again
  REQUIRE(objects->Put(Sha256Hex(""), "").ok());
  CHECK(Take(objects->Get(name, 0, 1 << 20)) == content);
  CHECK(Take(objects->Get(name, 99'999, 3)) == content.substr(99'999, 3));
  CHECK(Take(objects->Get(name, 100'001, 1 << 20)) == "end");
  CHECK(Take(objects->Get(name, 100'004, 10)).empty());
  CHECK(Take(objects->Get(Sha256Hex(""), 0, 10)).empty());
  const absl::Status missing = objects->Get(Sha256Hex("nothing"), 0, 10).status();
  CHECK(absl::IsNotFound(missing));
  CHECK(std::string{missing.message()}.find(Sha256Hex("nothing")) != std::string::npos);

  objects = Take(OpenObjects(at.place(), "", "me"));  // as after a restart
  std::vector<ObjectStore::Object> listed = Take(objects->List());
  REQUIRE(listed.size() == 2);
  std::sort(listed.begin(), listed.end(), [](const auto& a, const auto& b) { return a.size < b.size; });
  CHECK(listed[0].sha256 == Sha256Hex(""));
  CHECK(listed[1].sha256 == name);
  CHECK(listed[1].size == 100'004);
  CHECK(objects->Remove(name).ok());
  CHECK(objects->Remove(name).ok());
  CHECK(absl::IsNotFound(objects->Get(name, 0, 10).status()));
  CHECK(Take(objects->List()).size() == 1);
}

TEMPLATE_TEST_CASE("A place belongs to the state that took it first", "", Folder, Bucket) {
  LORASWEEP_NEEDS_PLACE(TestType);
  const TestType at;
  CHECK(OpenObjects(at.place(), "", "").ok());  // nobody's yet
  CHECK(OpenObjects(at.place(), "", "me").ok());
  CHECK(OpenObjects(at.place(), "", "me").ok());
  CHECK(OpenObjects(at.place(), "", std::nullopt).ok());  // to read
  for (const std::string other : {"you", ""}) {
    const absl::Status refused = OpenObjects(at.place(), "", other).status();
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(std::string{refused.message()}.find(at.place().where) != std::string::npos);
  }
}

TEST_CASE("What broken writes left is removed by whom a folder belongs to, and by nobody else") {
  const Folder at;
  REQUIRE(OpenObjects(at.place(), "", "me").ok());
  const std::filesystem::path under_way = at.folder.path() / "place" / "incoming" / "0";
  testing::WriteFile(under_way, "half of an object");
  CHECK(absl::IsFailedPrecondition(OpenObjects(at.place(), "", "you").status()));
  CHECK(absl::IsFailedPrecondition(OpenObjects(at.place(), "", "").status()));
  CHECK(OpenObjects(at.place(), "", std::nullopt).ok());
  CHECK(testing::ReadFile(under_way) == "half of an object");
  auto objects = Take(OpenObjects(at.place(), "", "me"));
  CHECK_FALSE(std::filesystem::exists(under_way));
  CHECK(objects->Put(Sha256Hex("a"), "a").ok());
}

TEST_CASE("A place that is none is refused with what is allowed") {
  for (const std::string where :
       {"s3://", "s3://Bucket/x", "s3://key:secret@bucket/x", "s3://bucket/../x", "s3://bucket//x", "gs://bucket/x"}) {
    INFO(where);
    const absl::Status refused = OpenObjects({.where = where}, "", "me").status();
    CHECK(absl::IsInvalidArgument(refused));
    CHECK(std::string{refused.message()}.find("s3://") != std::string::npos);
  }
  CHECK(absl::IsInvalidArgument(OpenObjects({.where = "s3://bucket", .endpoint = "localhost"}, "", "me").status()));
}

TEST_CASE("S3 that is not there, or has no such bucket, is told with its address and without the credentials") {
  LORASWEEP_NEEDS_PLACE(Bucket);
  testing::S3Server server;
  REQUIRE(server.there());
  const absl::Status bucket =
      OpenObjects({.where = "s3://no-such-bucket/x", .endpoint = server.endpoint()}, "", "me").status();
  CHECK(absl::IsInvalidArgument(bucket));
  CHECK(std::string{bucket.message()}.find("no bucket no-such-bucket") != std::string::npos);

  const std::string where = server.NewPlace();
  auto objects = Take(OpenObjects({.where = where, .endpoint = server.endpoint()}, "", "me"));
  REQUIRE(objects->Put(Sha256Hex("a"), "a").ok());
  server.Kill();
  for (const absl::Status& failed : {objects->Put(Sha256Hex("b"), "b"),
                                     OpenObjects({.where = where, .endpoint = server.endpoint()}, "", "me").status()}) {
    const std::string message{failed.message()};
    INFO(message);
    CHECK(absl::IsUnavailable(failed));
    CHECK(message.find(where) != std::string::npos);
    CHECK(message.find("of-tests") == std::string::npos);
  }
}

TEST_CASE("A folder whose disk takes no more says so, and keeps nothing of the object") {
  testing::TempDir folder;
  auto objects = Take(OpenObjects({.where = folder.path().string()}, "", std::nullopt));
  const std::string content(1 << 20, 'a');
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1 << 16, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const absl::Status full = objects->Put(Sha256Hex(content), content);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(absl::IsUnavailable(full));
  CHECK(std::string{full.message()}.find(folder.path().string()) != std::string::npos);
  CHECK(Take(objects->List()).empty());
  CHECK(std::filesystem::is_empty(folder.path() / "incoming"));
  CHECK(objects->Put(Sha256Hex(content), content).ok());
}

// Of more than one chunk.
std::string LargeState() {
  std::string state;
  for (const char each : {'a', 'b', 'c'}) state += std::string(3'000'000, each);
  return state;
}

TEMPLATE_TEST_CASE("A checkpoint outlives restarts, goes into a backup from wherever it is, and out of it to any place",
                   "", Folder, Bucket) {
  LORASWEEP_NEEDS_PLACE(TestType);
  const TestType at;
  const TestType other_place;
  World world;
  world.place = at.place();
  world.Restart();
  const std::string sweep = world.Create(ExternalSpec(2));
  const std::int64_t token = world.LeaseOne("workers/w").token();
  const v1::Artifact old = world.Upload("checkpoint", 10, "of step 10");
  world.ReportCheckpoint("workers/w", token, old);
  const std::string state = LargeState();
  world.ReportCheckpoint("workers/w", token, world.Upload("checkpoint", 20, state));
  world.Restart();
  world.clock.Advance(BlobIndex::kGrace + absl::Seconds(1));
  world.coordinator->CollectBlobs();
  CHECK_FALSE(world.artifacts->Claim(old.files(0).sha256()));
  CHECK(world.Trial(sweep, 0).artifacts(0).files(0).chunks_size() == 3);
  CHECK(world.artifacts->bytes() == static_cast<std::int64_t>(state.size()));
  const auto read = [&](const ArtifactStore& store) {
    auto download = Take(store.Read(Sha256Hex(state), 0));
    std::string content;
    for (std::string part = "."; !part.empty(); content += part) part = Take(download->Next(1 << 20));
    return content;
  };
  CHECK(read(*world.artifacts) == state);

  testing::TempDir folder;
  const std::filesystem::path backup = folder.path() / "backup";
  const absl::Status elsewhere = BackUp(world.folder.path(), backup, {}).status();
  CHECK(absl::IsFailedPrecondition(elsewhere));
  CHECK(std::string{elsewhere.message()}.find("--artifacts") != std::string::npos);
  CHECK(Take(BackUp(world.folder.path(), backup, at.place())).files == 1);
  CHECK(Take(Verify(backup, {})).bytes == static_cast<std::int64_t>(state.size()));
  CHECK(Take(Verify(world.folder.path(), at.place())).files == 1);
  CHECK(absl::IsFailedPrecondition(Restore(backup, folder.path() / "restored", at.place()).status()));  // in use
  CHECK(Take(Restore(backup, folder.path() / "restored", other_place.place())).files == 1);
  auto objects = Take(OpenObjects(other_place.place(), "", "the restored"));
  CHECK(Take(objects->List()).size() == 3);
  for (const ObjectStore::Object& object : Take(objects->List())) {
    CHECK(Sha256Hex(Take(objects->Get(object.sha256, 0, object.size))) == object.sha256);
  }
}

}  // namespace
}  // namespace lorasweep::server
