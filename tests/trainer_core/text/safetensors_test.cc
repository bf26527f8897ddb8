#include "trainer_core/text/safetensors.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/paths.h"
#include "trainer_core/text/safetensors_header.h"
#include "trainer_core/text/safetensors_writer.h"

namespace lorasweep::text {
namespace {

void Put(const std::filesystem::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary) << content;
}

std::string Get(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string WithLength(const std::string& header, const std::string& data) {
  std::string length;
  for (int shift = 0; shift < 64; shift += 8)
    length += static_cast<char>((std::uint64_t{header.size()} >> shift) & 0xFF);
  return length + header + data;
}

std::span<const std::byte> Bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_CASE("what was written is read back, in the format's layout") {
  const testing::TempDir folder;
  const std::filesystem::path file = folder.path() / "x.safetensors";
  const std::string six = "abcdef";
  const std::string eight = "12345678";
  const std::vector<TensorView> tensors{{"z", DType::kBF16, {3, 1}, Bytes(six)},
                                        {"b", DType::kF32, {2}, Bytes(eight)},
                                        {"a", DType::kF64, {}, Bytes(eight)},
                                        {"none", DType::kF32, {0, 5}, {}},
                                        {"i", DType::kU8, {6}, Bytes(six)}};
  REQUIRE(WriteSafetensors(file, tensors, {{"format", "pt"}}).ok());
  const absl::StatusOr<Safetensors> read = Safetensors::Open(file);
  INFO(read.status().ToString());
  REQUIRE(read.ok());
  CHECK(read->metadata() == TensorMetadata{{"format", "pt"}});
  CHECK(read->tensors().size() == tensors.size());
  for (const TensorView& tensor : tensors) {
    const TensorView* found = read->Find(tensor.name);
    REQUIRE(found != nullptr);
    CHECK(found->dtype == tensor.dtype);
    CHECK(found->shape == tensor.shape);
    CHECK(Text(found->bytes) == Text(tensor.bytes));
    // The largest elements come first, so each tensor is aligned to its own.
    CHECK(reinterpret_cast<std::uintptr_t>(found->bytes.data()) %
              static_cast<std::uintptr_t>(DTypeSize(found->dtype)) ==
          0);
  }
  CHECK(read->Find("missing") == nullptr);
  const std::string content = Get(file);
  CHECK((content.size() - (8 + 8 + 6 + 6)) % 8 == 0);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("tensors live as long as a copy of their file") {
  const testing::TempDir folder;
  const std::string bytes = "1234";
  REQUIRE(
      WriteSafetensors(folder.path() / "m.safetensors", std::vector<TensorView>{{"w", DType::kI32, {}, Bytes(bytes)}})
          .ok());
  Safetensors copy = *Safetensors::Open(folder.path() / "m.safetensors");
  copy = Safetensors(copy);
  std::filesystem::remove(folder.path() / "m.safetensors");
  CHECK(Text(copy.Find("w")->bytes) == bytes);
}

TEST_CASE("a writer's mistakes leave no file behind") {
  const testing::TempDir folder;
  const std::filesystem::path file = folder.path() / "x.safetensors";
  const std::string four = "1234";
  const auto write = [&](const std::vector<TensorView>& tensors) { return WriteSafetensors(file, tensors); };
  CHECK_FALSE(write({{"w", DType::kF32, {2}, Bytes(four)}}).ok());
  CHECK_FALSE(write({{"w", DType::kF32, {-1}, Bytes(four)}}).ok());
  CHECK_FALSE(write({{"w", DType::kF32, {1}, Bytes(four)}, {"w", DType::kF32, {1}, Bytes(four)}}).ok());
  CHECK_FALSE(write({{"__metadata__", DType::kF32, {1}, Bytes(four)}}).ok());
  CHECK_FALSE(write({{"\xFF", DType::kF32, {1}, Bytes(four)}}).ok());
  const absl::Status stopped =
      StreamSafetensors(file, {{"w", DType::kF32, {1}}}, {},
                        [](const TensorSpec&, const TensorSink&) { return absl::AbortedError("stopped"); });
  CHECK(stopped.code() == absl::StatusCode::kAborted);
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK_FALSE(WriteSafetensors(folder.path() / "none" / "x", std::vector<TensorView>{}).ok());
}

TEST_CASE("tensors can be streamed in portions") {
  const testing::TempDir folder;
  const std::filesystem::path file = folder.path() / "x.safetensors";
  const absl::Status status = StreamSafetensors(file, {{"b", DType::kU8, {300}}, {"a", DType::kF32, {2}}}, {},
                                                [](const TensorSpec& tensor, const TensorSink& sink) {
                                                  const std::string byte = tensor.name;
                                                  for (int i = 0; i < (tensor.name == "b" ? 300 : 8); ++i) {
                                                    if (absl::Status written = sink(Bytes(byte)); !written.ok())
                                                      return written;
                                                  }
                                                  return absl::OkStatus();
                                                });
  REQUIRE(status.ok());
  const Safetensors read = *Safetensors::Open(file);
  CHECK(Text(read.Find("a")->bytes) == "aaaaaaaa");
  CHECK(Text(read.Find("b")->bytes) == std::string(300, 'b'));
}

struct Broken {
  std::string header;
  std::string data;
  std::string said;
};

TEST_CASE("every broken header is refused with what is wrong") {
  const testing::TempDir folder;
  const std::string ok = R"("dtype":"U8","shape":[4],"data_offsets":[0,4])";
  for (const Broken& broken : std::vector<Broken>{
           {"", "", "does not begin with {"},
           {" {}", "", "does not begin with {"},
           {"{", "", "not valid JSON"},
           {"{\"\xFF\":1}", "", "not UTF-8"},
           {R"({"a":3})", "", "tensor \"a\": the entry is 3"},
           {R"({"a":{}})", "", "tensor \"a\": entry: \"dtype\" is missing"},
           {R"({"a":{"dtype":"F3","shape":[],"data_offsets":[0,0]}})", "", "dtype \"F3\""},
           {R"({"a":{"dtype":3,"shape":[],"data_offsets":[0,0]}})", "", "\"dtype\" is 3"},
           {R"({"a":{"dtype":"U8","data_offsets":[0,0]}})", "", "\"shape\""},
           {R"({"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})", "1234", "\"shape\" has -4"},
           {R"({"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}})", "1234", "\"shape\" has 4.0"},
           {R"({"a":{"dtype":"U8","shape":[4]}})", "1234", "data_offsets"},
           {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0]}})", "1234", "data_offsets"},
           {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", "1234", "run backwards"},
           {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[-1,3]}})", "1234", "data_offsets"},
           {R"({"a":{"dtype":"U16","shape":[4],"data_offsets":[0,4]}})", "1234", "ask for 8 bytes"},
           {R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "", "more than 2^63"},
           {R"({"a":{"dtype":"U8","shape":[0,9223372036854775807,9],"data_offsets":[0,0]}})", "", "more than 2^63"},
           {R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,0]}})", "", "\"shape\" has 184"},
           {"{\"a\":{" + ok + "}}", "123", "cut short"},
           {"{\"a\":{" + ok + "}}", "12345", "1 bytes behind the last tensor"},
           {"{\"a\":{" + ok + R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})", "123456", "overlaps"},
           {"{\"a\":{" + ok + R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":[6,10]}})", "1234567890",
            "bytes 4 to 6"},
           {R"({"__metadata__":3})", "", "__metadata__ must be an object"},
           {R"({"__metadata__":{"a":1}})", "", "\"a\" is no string"},
           {std::string(100000, '[').insert(0, "{\"a\":"), "", "deep"},
       }) {
    const std::filesystem::path file = folder.path() / "broken.safetensors";
    Put(file, WithLength(broken.header, broken.data));
    const absl::StatusOr<Safetensors> read = Safetensors::Open(file);
    INFO(broken.header.substr(0, 100));
    REQUIRE_FALSE(read.ok());
    CHECK_THAT(std::string{read.status().message()},
               Catch::Contains(broken.said) && Catch::Contains("broken.safetensors"));
  }
}

TEST_CASE("lengths that lie are refused") {
  const testing::TempDir folder;
  const std::filesystem::path file = folder.path() / "x.safetensors";
  for (const std::string& content :
       {std::string(), std::string("1234567"), std::string(8, '\xFF'), std::string("\x10\0\0\0\0\0\0\0{}", 10),
        std::string("\x01\xE1\xF5\x05\0\0\0\0{}", 10)}) {
    Put(file, content);
    CHECK(Safetensors::Open(file).status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(Safetensors::Open(folder.path() / "none").status().code() == absl::StatusCode::kNotFound);
  CHECK(Safetensors::Open(folder.path()).status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("no change of a header crashes the reader") {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  const std::string good = WithLength(header, "12345678abc");
  REQUIRE(ParseSafetensorsHeader(good, "x").ok());
  std::mt19937_64 random(7);
  const std::string likely = "{}[]\",:0123456789-.eE\\ntrf";
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (std::uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = likely[random() % likely.size()];
          break;
        case 2:
          bytes.erase(at, 1 + random() % 4);
          break;
        default:
          bytes.insert(at, 1, likely[random() % likely.size()]);
      }
      if (bytes.empty()) break;
    }
    const absl::StatusOr<SafetensorsHeader> parsed = ParseSafetensorsHeader(bytes, "x");
    refused += !parsed.ok();
    if (!parsed.ok()) continue;
    for (const HeaderTensor& tensor : parsed->tensors) REQUIRE(parsed->data_offset + tensor.end <= bytes.size());
  }
  CHECK(refused > 10000);
}

TEST_CASE("a model in several files is read as one") {
  const testing::TempDir folder;
  const std::string four = "1234";
  const std::string other = "5678";
  const std::filesystem::path index = folder.path() / "model.safetensors.index.json";
  const auto shard = [&](const char* name, const char* tensor, const std::string& bytes) {
    return WriteSafetensors(folder.path() / name, std::vector<TensorView>{{tensor, DType::kF32, {1}, Bytes(bytes)}});
  };
  REQUIRE(shard("m-1.safetensors", "b", four).ok());
  REQUIRE(shard("m-2.safetensors", "a", other).ok());
  Put(index, R"({"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors"}})");
  const absl::StatusOr<Safetensors> read = Safetensors::Open(folder.path());
  INFO(read.status().ToString());
  REQUIRE(read.ok());
  CHECK(Text(read->Find("a")->bytes) == other);
  CHECK(Text(read->Find("b")->bytes) == four);
  CHECK(read->tensors()[0].name == "a");

  for (const char* wrong :
       {R"({"weight_map":{"c":"m-2.safetensors"}})", R"({"weight_map":{"a":"../m-2.safetensors"}})",
        R"({"weight_map":{"a":3}})", R"({"weight_map":[]})", "{}", "3", R"({"weight_map":{"a":"m-3.safetensors"}})"}) {
    Put(index, wrong);
    CHECK_FALSE(Safetensors::Open(folder.path()).ok());
  }
  REQUIRE(shard("m-2.safetensors", "b", other).ok());
  Put(index, R"({"weight_map":{"b":"m-1.safetensors","b2":"m-2.safetensors"}})");
  CHECK_THAT(std::string{Safetensors::Open(folder.path()).status().message()}, Catch::Contains("two files"));
}

TEST_CASE("names and sizes of element types") {
  CHECK(DTypeName(DType::kF8E4M3) == "F8_E4M3");
  CHECK(ParseDType("BF16") == DType::kBF16);
  CHECK_FALSE(ParseDType("bf16").has_value());
  for (int i = 0; i <= static_cast<int>(DType::kC64); ++i) {
    CHECK(ParseDType(DTypeName(static_cast<DType>(i))) == static_cast<DType>(i));
  }
}

}  // namespace
}  // namespace lorasweep::text
