#include "trainer_core/chat/conversation_reader.h"

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

ConversationReader::ConversationReader(std::string name, std::ifstream stream, Form form)
    : name_(std::move(name)), stream_(std::move(stream)), form_(form), buffer_(kBufferBytes) {}

absl::StatusOr<ConversationReader> ConversationReader::Open(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  if (extension != ".jsonl" && extension != ".json") {
    return absl::InvalidArgumentError(absl::StrCat(file.string(), ": data files are .jsonl or .json"));
  }
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    return absl::NotFoundError(absl::StrCat(file.string(), ": no such file"));
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return absl::PermissionDeniedError(absl::StrCat(file.string(), ": cannot be opened"));
  return ConversationReader(file.string(), std::move(stream), extension == ".jsonl" ? Form::kLines : Form::kValues);
}

int ConversationReader::Peek() {
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

int ConversationReader::Get() {
  const int byte = Peek();
  if (byte == kEnd) return kEnd;
  ++at_;
  if (byte == '\n') ++line_;
  return byte;
}

absl::Status ConversationReader::Bad(std::int64_t line, const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat(name_, ":", line, ": ", what));
}

void ConversationReader::SkipBlanks() {
  while (IsBlank(Peek())) Get();
}

absl::StatusOr<bool> ConversationReader::NextLine(std::string& row) {
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

absl::StatusOr<bool> ConversationReader::NextValue(std::string& row) {
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

absl::Status ConversationReader::TakeObject(std::string& row) {
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

absl::StatusOr<std::optional<Conversation>> ConversationReader::Next() {
  std::string row;
  auto found = form_ == Form::kLines ? NextLine(row) : NextValue(row);
  if (!found.ok()) return found.status();
  if (stream_.bad()) return absl::DataLossError(absl::StrCat(name_, ": cannot be read"));
  if (!*found) return std::optional<Conversation>();
  auto messages = ParseConversation(row);
  if (!messages.ok()) return Bad(row_line_, std::string(messages.status().message()));
  return std::optional<Conversation>(Conversation{.messages = *std::move(messages), .file = name_, .line = row_line_});
}

}  // namespace lorasweep::chat
