#include "trainer_core/chat/parquet_row_reader.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "trainer_core/text/sha256.h"
#include "trainer_core/text/utf8.h"

namespace lorasweep::chat {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kBatchRows = 256;
constexpr int kDeepest = 8;  // messages with parts are 4 deep
constexpr std::string_view kColumns[] = {"messages", "conversations", "prompt",  "completion", "instruction",
                                         "output",   "question",      "ctx",     "choices",    "endings",
                                         "answer",   "answerKey",     "label",   "response",   "input",
                                         "context",  "system",        "history", "text"};

// A row's values and how much text there is in them so far.
struct Budget {
  std::size_t bytes = 0;
};

Json Text(std::string_view value, Budget& budget) {
  budget.bytes += value.size();
  return budget.bytes > RowReader::kMaxRowBytes ? Json() : Json(text::ReplaceBrokenUtf8(value));
}

Json ValueAt(const arrow::Array& array, std::int64_t row, Budget& budget, int depth);

template <typename ListArray>
Json ListAt(const ListArray& array, std::int64_t row, Budget& budget, int depth) {
  Json list = Json::array();
  for (std::int64_t i = array.value_offset(row); i < array.value_offset(row) + array.value_length(row); ++i) {
    if (budget.bytes > RowReader::kMaxRowBytes) break;
    ++budget.bytes;
    list.push_back(ValueAt(*array.values(), i, budget, depth + 1));
  }
  return list;
}

// Null for types that no form of rows has.
Json ValueAt(const arrow::Array& array, std::int64_t row, Budget& budget, int depth) {
  if (array.IsNull(row) || depth > kDeepest) return Json();
  switch (array.type_id()) {
    case arrow::Type::STRING:
      return Text(static_cast<const arrow::StringArray&>(array).GetView(row), budget);
    case arrow::Type::LARGE_STRING:
      return Text(static_cast<const arrow::LargeStringArray&>(array).GetView(row), budget);
    case arrow::Type::STRING_VIEW:
      return Text(static_cast<const arrow::StringViewArray&>(array).GetView(row), budget);
    case arrow::Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      return ValueAt(*dictionary.dictionary(), dictionary.GetValueIndex(row), budget, depth + 1);
    }
    case arrow::Type::LIST:
      return ListAt(static_cast<const arrow::ListArray&>(array), row, budget, depth);
    case arrow::Type::LARGE_LIST:
      return ListAt(static_cast<const arrow::LargeListArray&>(array), row, budget, depth);
    case arrow::Type::FIXED_SIZE_LIST:
      return ListAt(static_cast<const arrow::FixedSizeListArray&>(array), row, budget, depth);
    case arrow::Type::STRUCT: {
      const auto& fields = static_cast<const arrow::StructArray&>(array);
      Json object = Json::object();
      for (int i = 0; i < fields.num_fields(); ++i) {
        object[fields.struct_type()->field(i)->name()] = ValueAt(*fields.field(i), row, budget, depth + 1);
      }
      return object;
    }
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(row);
    case arrow::Type::INT64:
      return static_cast<const arrow::Int64Array&>(array).Value(row);
    case arrow::Type::DOUBLE:
      return static_cast<const arrow::DoubleArray&>(array).Value(row);
    default:
      return Json();
  }
}

class ParquetRowReader final : public RowReader {
 public:
  ParquetRowReader(std::filesystem::path file, RowForm form) : file_(std::move(file)), form_(form) {}

  absl::Status Open() {
    return Guarded([&]() -> absl::Status {
      auto input = arrow::io::ReadableFile::Open(file_.string());
      if (!input.ok()) return Bad(input.status().message());
      auto reader = parquet::arrow::OpenFile(*input, arrow::default_memory_pool());
      if (!reader.ok()) return Bad(reader.status().message());
      reader_ = *std::move(reader);
      reader_->set_batch_size(kBatchRows);
      auto columns = Columns();
      if (!columns.ok()) return columns.status();
      std::vector<int> groups(static_cast<std::size_t>(reader_->num_row_groups()));
      for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i);
      auto batches = reader_->GetRecordBatchReader(groups, *columns);
      if (!batches.ok()) return Bad(batches.status().message());
      batches_ = *std::move(batches);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::optional<DataRow>> Next() override {
    while (batch_ == nullptr || at_ == batch_->num_rows()) {
      auto status = Guarded([&]() -> absl::Status {
        const arrow::Status read = batches_->ReadNext(&batch_);
        return read.ok() ? absl::OkStatus() : Bad(read.message());
      });
      if (!status.ok()) return status;
      if (batch_ == nullptr) return std::optional<DataRow>();
      at_ = 0;
    }
    ++row_;
    Json json = Json::object();
    Budget budget;
    for (int i = 0; i < batch_->num_columns(); ++i) {
      json[batch_->column_name(i)] = ValueAt(*batch_->column(i), at_, budget, 0);
    }
    ++at_;
    if (budget.bytes > kMaxRowBytes) {
      return Bad(absl::StrCat("the row is longer than ", kMaxRowBytes, " bytes"), row_);
    }
    auto content = RowFromJson(json, form_);
    if (!content.ok()) return Bad(std::string(content.status().message()), row_);
    return std::optional<DataRow>(DataRow{.content = *std::move(content), .file = file_.string(), .line = row_});
  }

  absl::StatusOr<std::string> Digest() override { return text::Sha256File(file_); }

 private:
  // Runs `work`; the library's exceptions end here.
  template <typename Work>
  absl::Status Guarded(const Work& work) const {
    try {
      return work();
    } catch (const std::exception& exception) {
      return Bad(exception.what());
    }
  }

  absl::Status Bad(const std::string& what, std::int64_t row = 0) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file_.string(), row > 0 ? absl::StrCat(":", row) : std::string(), ": ", what));
  }

  // Leaves of the columns that some form of rows has.
  absl::StatusOr<std::vector<int>> Columns() const {
    const parquet::SchemaDescriptor* schema = reader_->parquet_reader()->metadata()->schema();
    std::vector<int> columns;
    std::vector<std::string> names;
    for (int i = 0; i < schema->num_columns(); ++i) {
      const std::string& name = schema->GetColumnRoot(i)->name();
      if (std::find(std::begin(kColumns), std::end(kColumns), name) != std::end(kColumns)) columns.push_back(i);
      if (names.empty() || names.back() != name) names.push_back(name);
    }
    if (!columns.empty()) return columns;
    // A row with these keys tells what is known.
    Json row = Json::object();
    for (const std::string& name : names) row[name] = "";
    return Bad(std::string(RowFromJson(row).status().message()));
  }

  const std::filesystem::path file_;
  const RowForm form_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;  // shared because Arrow hands them out so
  std::int64_t at_ = 0;                        // next row of the batch
  std::int64_t row_ = 0;                       // rows read so far
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> OpenParquet(const std::filesystem::path& file, RowForm form) {
  auto reader = std::make_unique<ParquetRowReader>(file, form);
  if (auto status = reader->Open(); !status.ok()) return status;
  return reader;
}

}  // namespace lorasweep::chat
