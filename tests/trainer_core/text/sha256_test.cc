#include "trainer_core/text/sha256.h"

#include <fstream>
#include <string>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"

namespace lorasweep::text {
namespace {

TEST_CASE("digests are those of FIPS 180-4's examples") {
  CHECK(Sha256Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(Sha256Hex(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("portions of any size give the same digest, and a digest may be taken on the way") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  for (std::size_t portion = 1; portion < 150; ++portion) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += portion) {
      hash.Update(std::string_view(text).substr(at, portion));
      if (at == 0) CHECK(hash.HexDigest() == Sha256Hex(text.substr(0, portion)));
    }
    REQUIRE(hash.HexDigest() == Sha256Hex(text));
  }
}

TEST_CASE("lengths around a block's end are padded right") {
  // Of n letters "a", by coreutils' sha256sum.
  CHECK(Sha256Hex(std::string(55, 'a')) == "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  CHECK(Sha256Hex(std::string(56, 'a')) == "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  CHECK(Sha256Hex(std::string(64, 'a')) == "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

TEST_CASE("a file is hashed by its content, and a missing one is an error") {
  const testing::TempDir folder;
  std::ofstream(folder.path() / "f") << "abc";
  const absl::StatusOr<std::string> digest = Sha256File(folder.path() / "f");
  REQUIRE(digest.ok());
  CHECK(*digest == Sha256Hex("abc"));
  CHECK(Sha256File(folder.path() / "none").status().code() == absl::StatusCode::kNotFound);
  CHECK_FALSE(Sha256File(folder.path()).ok());
}

}  // namespace
}  // namespace lorasweep::text
