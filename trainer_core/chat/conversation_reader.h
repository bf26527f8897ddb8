#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/chat/conversation.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::chat {

// Reads the rows of a data file one after the other; the file may be of any size.
//
//   auto reader = ConversationReader::Open("train.jsonl");
//   while (true) {
//     auto row = reader->Next();
//     if (!row.ok()) return row.status();
//     if (!*row) break;
//     Use(**row);
//   }
//
// .jsonl: one row a line, empty lines are skipped. .json: a list of rows, or rows one after the other. Not thread-safe.
class ConversationReader {
 public:
  static constexpr std::size_t kMaxRowBytes = std::size_t{16} << 20;

  // NotFound: no such file. InvalidArgument: another extension.
  static absl::StatusOr<ConversationReader> Open(const std::filesystem::path& file);

  // Nothing at the end of the file. InvalidArgument: a wrong row, as file:line and what is wrong; reading cannot go on
  // after that.
  absl::StatusOr<std::optional<Conversation>> Next();

  // SHA-256 of what was read so far: of the whole file after the end.
  std::string Digest() const { return hash_.HexDigest(); }

 private:
  enum class Form { kLines, kValues };
  static constexpr int kEnd = -1;

  int Get();   // the next byte, or kEnd
  int Peek();  // the same without taking it
  absl::Status Bad(std::int64_t line, const std::string& what) const;
  absl::StatusOr<bool> NextLine(std::string& row);
  absl::StatusOr<bool> NextValue(std::string& row);
  absl::Status TakeObject(std::string& row);
  void SkipBlanks();

  ConversationReader(std::string name, std::ifstream stream, Form form);

  std::string name_;
  std::ifstream stream_;
  Form form_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  text::Sha256 hash_;
  std::int64_t line_ = 1;      // of the next byte
  std::int64_t row_line_ = 1;  // of the current row's first byte
  bool started_ = false;
  bool in_list_ = false;
  bool first_in_list_ = true;
};

}  // namespace lorasweep::chat
