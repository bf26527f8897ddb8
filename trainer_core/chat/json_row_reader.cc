#include "trainer_core/chat/json_row_reader.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lorasweep::chat {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

bool IsBlank(int byte) {
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

}  // namespace

JsonRowReader::JsonRowReader(std::string name, std::ifstream stream, Form form, RowForm row_form)
    : name_(std::move(name)), stream_(std::move(stream)), form_(form), row_form_(row_form), buffer_(kBufferBytes) {}

int JsonRowReader::Peek() {
  if (at_ == filled_) {
    stream_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    filled_ = static_cast<std::size_t>(stream_.gcount());
    at_ = 0;
    hash_.Update(std::string_view(buffer_.data(), filled_));
    if (!started_) {
      started_ = true;
      if (std::string_view(buffer_.data(), filled_).starts_with("\xEF\xBB\xBF")) at_ = 3;  // byte order mark
    }
    if (at_ == filled_) return kEnd;
  }
  return static_cast<unsigned char>(buffer_[at_]);
}

int JsonRowReader::Get() {
  const int byte = Peek();
  if (byte == kEnd) return kEnd;
  ++at_;
  if (byte == '\n') ++line_;
  return byte;
}

absl::Status JsonRowReader::Bad(std::int64_t line, const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat(name_, ":", line, ": ", what));
}

void JsonRowReader::SkipBlanks() {
  while (IsBlank(Peek())) Get();
}

absl::StatusOr<bool> JsonRowReader::NextLine(std::string& row) {
  SkipBlanks();
  if (Peek() == kEnd) return false;
  row_line_ = line_;
  for (int byte = Get(); byte != '\n' && byte != kEnd; byte = Get()) {
    row += static_cast<char>(byte);
    if (row.size() > kMaxRowBytes)
      return Bad(row_line_, absl::StrCat("the row is longer than ", kMaxRowBytes, " bytes"));
  }
  return true;
}

absl::StatusOr<bool> JsonRowReader::NextValue(std::string& row) {
  SkipBlanks();
  if (!in_list_) {
    if (first_in_list_ && Peek() == '[') {
      Get();
      in_list_ = true;
      SkipBlanks();
    } else {
      if (Peek() == kEnd) return false;
      first_in_list_ = false;
      if (auto status = TakeObject(row); !status.ok()) return status;
      return true;
    }
  }
  if (Peek() == ']') {
    Get();
    SkipBlanks();
    if (Peek() != kEnd) return Bad(line_, "there is more after the end of the list");
    in_list_ = false;
    first_in_list_ = false;
    return false;
  }
  if (!first_in_list_) {
    if (Peek() != ',') return Bad(line_, "expected , or ] after a row");
    Get();
    SkipBlanks();
  }
  first_in_list_ = false;
  if (auto status = TakeObject(row); !status.ok()) return status;
  return true;
}

absl::Status JsonRowReader::TakeObject(std::string& row) {
  row_line_ = line_;
  if (Peek() == kEnd) return Bad(line_, "the file ends inside its list");
  if (Peek() != '{') return Bad(line_, "expected a JSON object");
  std::int64_t depth = 0;
  bool in_string = false;
  do {
    const int byte = Get();
    if (byte == kEnd) return Bad(row_line_, "the file ends inside this row");
    row += static_cast<char>(byte);
    if (row.size() > kMaxRowBytes)
      return Bad(row_line_, absl::StrCat("the row is longer than ", kMaxRowBytes, " bytes"));
    if (in_string) {
      if (byte == '\\') {
        if (const int escaped = Get(); escaped != kEnd) row += static_cast<char>(escaped);
      } else if (byte == '"') {
        in_string = false;
      }
    } else if (byte == '"') {
      in_string = true;
    } else if (byte == '{' || byte == '[') {
      ++depth;
    } else if (byte == '}' || byte == ']') {
      --depth;
    }
  } while (depth > 0);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<DataRow>> JsonRowReader::Next() {
  std::string row;
  auto found = form_ == Form::kLines ? NextLine(row) : NextValue(row);
  if (!found.ok()) return found.status();
  if (stream_.bad()) return absl::DataLossError(absl::StrCat(name_, ": cannot be read"));
  if (!*found) return std::optional<DataRow>();
  auto content = ParseRow(row, row_form_);
  if (!content.ok()) return Bad(row_line_, std::string(content.status().message()));
  return std::optional<DataRow>(DataRow{.content = *std::move(content), .file = name_, .line = row_line_});
}

}  // namespace lorasweep::chat
