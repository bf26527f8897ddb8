#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer_core/chat/row_reader.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::chat {

// The rows of a .jsonl or .json file.
class JsonRowReader final : public RowReader {
 public:
  enum class Form { kLines, kValues };
  // `stream` stands at the file's beginning; `name` is for messages.
  JsonRowReader(std::string name, std::ifstream stream, Form form, RowForm row_form);

  absl::StatusOr<std::optional<DataRow>> Next() override;
  absl::StatusOr<std::string> Digest() override { return hash_.HexDigest(); }

 private:
  static constexpr int kEnd = -1;

  int Get();   // the next byte, or kEnd
  int Peek();  // the same without taking it
  absl::Status Bad(std::int64_t line, const std::string& what) const;
  absl::StatusOr<bool> NextLine(std::string& row);
  absl::StatusOr<bool> NextValue(std::string& row);
  absl::Status TakeObject(std::string& row);
  void SkipBlanks();

  std::string name_;
  std::ifstream stream_;
  Form form_;
  RowForm row_form_;
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
