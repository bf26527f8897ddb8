#include "worker/path_fence.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <string>

#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::worker {
namespace {

namespace fs = std::filesystem;

// A folder that may be read, and another beside it.
struct Yard {
  Yard() {
    fs::create_directories(inside() / "model");
    fs::create_directories(inside() / "adapter");
    fs::create_directories(outside());
    testing::WriteFile(inside() / "rows.jsonl", "{}\n");
    testing::WriteFile(inside() / "model" / "config.json", "{}");
    testing::WriteFile(outside() / "secret.jsonl", "secret");
    fence = *PathFence::Around({inside()});
  }
  fs::path inside() const { return folder.path() / "data"; }
  fs::path outside() const { return folder.path() / "data-of-others"; }  // begins with the other's name
  absl::StatusCode Code(const fs::path& path) const { return fence.Admit("data.train", path).status().code(); }

  testing::TempDir folder;
  PathFence fence;
};

TEST_CASE("Within the roots everything is read, by its real path") {
  Yard yard;
  fs::create_symlink("rows.jsonl", yard.inside() / "link.jsonl");
  const std::string real = fs::canonical(yard.inside() / "rows.jsonl");
  CHECK(yard.fence.Admit("", yard.inside() / "rows.jsonl")->string() == real);
  CHECK(yard.fence.Admit("", yard.inside() / "link.jsonl")->string() == real);
  CHECK(yard.fence.Admit("", yard.inside() / "model" / ".." / "rows.jsonl")->string() == real);
  CHECK(yard.fence.Admit("", yard.inside() / "model").ok());
  CHECK(yard.Code(yard.inside() / "none.jsonl") == absl::StatusCode::kNotFound);
}

TEST_CASE("Nothing leads out of the roots") {
  Yard yard;
  fs::create_symlink(yard.outside() / "secret.jsonl", yard.inside() / "link.jsonl");
  fs::create_directory_symlink(yard.outside(), yard.inside() / "folder");
  fs::create_symlink(yard.outside() / "secret.jsonl", yard.inside() / "model" / "tokenizer.json");
  fs::create_directory_symlink(yard.outside(), yard.inside() / "adapter" / "deep");
  for (const fs::path& path :
       {fs::path("/etc/passwd"), fs::path(""), fs::path("/"), yard.outside() / "secret.jsonl",
        yard.outside() / "none.jsonl", yard.inside() / ".." / "data-of-others" / "secret.jsonl",
        yard.inside() / "link.jsonl", yard.inside() / "folder" / "secret.jsonl", yard.inside() / "folder",
        yard.inside() / "model", yard.inside() / "adapter", yard.folder.path(), fs::path("/dev/zero")}) {
    INFO(path.string());
    CHECK(yard.Code(path) == absl::StatusCode::kInvalidArgument);
  }
  // Whether a file exists outside is not told.
  CHECK(std::string{yard.fence.Admit("", yard.outside() / "none.jsonl").status().message()}.find("outside of") !=
        std::string::npos);
}

TEST_CASE("What is neither a file nor a folder is not read") {
  Yard yard;
  const fs::path pipe = yard.inside() / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(yard.Code(pipe) == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("Every file that a sweep names is looked at, and named by its real path afterwards") {
  const Yard yard;
  const std::string good = yard.inside() / "model" / ".." / "rows.jsonl";
  const std::string bad = yard.outside() / "secret.jsonl";
  const auto spec = [&](int place, const std::string& path) {
    v1::SweepSpec made;
    made.mutable_data()->add_train(place == 0 ? path : good);
    made.mutable_data()->mutable_validation()->mutable_files()->add_paths(place == 1 ? path : good);
    made.mutable_data()->mutable_test()->mutable_files()->add_paths(place == 2 ? path : good);
    made.mutable_data()->set_chat_template(place == 3 ? path + ".jinja" : "chatml");
    made.mutable_training()->set_adapter(place == 4 ? path : std::string(yard.inside() / "adapter"));
    return made;
  };
  for (int place = 0; place < 5; ++place) {
    INFO(place);
    v1::SweepSpec wrong = spec(place, bad);
    CHECK(absl::IsInvalidArgument(yard.fence.Admit(&wrong)));
    CHECK(PathFence().Admit(&wrong).ok());
  }
  v1::SweepSpec right = spec(-1, "");
  REQUIRE(yard.fence.Admit(&right).ok());
  CHECK(right.data().train(0) == fs::canonical(yard.inside() / "rows.jsonl").string());
  CHECK(right.data().chat_template() == "chatml");
  v1::SweepSpec share;
  share.mutable_data()->mutable_validation()->set_share(0.1);
  REQUIRE(yard.fence.Admit(&share).ok());
  CHECK(share.data().validation().share() == 0.1);
}

TEST_CASE("A root must be a folder") {
  const Yard yard;
  CHECK(absl::IsInvalidArgument(PathFence::Around({yard.inside(), yard.inside() / "none"}).status()));
  CHECK(absl::IsInvalidArgument(PathFence::Around({yard.inside() / "rows.jsonl"}).status()));
  CHECK(PathFence::Around({})->open());
}

}  // namespace
}  // namespace lorasweep::worker
