#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>

#include <exception>
#include <memory>

#include "absl/strings/str_cat.h"
#include "doors/frame.h"

namespace lorasweep::doors {
namespace {

constexpr std::int64_t kRowGroup = 1 << 16;

// A column of values of type T, nulls where there are none.
template <typename T, typename Builder>
arrow::Result<std::shared_ptr<arrow::Array>> Column(const std::vector<FrameValue>& values) {
  Builder builder;
  for (const FrameValue& value : values) {
    const T* there = std::get_if<T>(&value);
    ARROW_RETURN_NOT_OK(there != nullptr ? builder.Append(*there) : builder.AppendNull());
  }
  return builder.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> ToArrow(const std::vector<FrameValue>& values) {
  for (const FrameValue& value : values) {
    if (std::holds_alternative<bool>(value)) return Column<bool, arrow::BooleanBuilder>(values);
    if (std::holds_alternative<std::int64_t>(value)) return Column<std::int64_t, arrow::Int64Builder>(values);
    if (std::holds_alternative<std::string>(value)) return Column<std::string, arrow::StringBuilder>(values);
  }
  return Column<double, arrow::DoubleBuilder>(values);
}

arrow::Status Write(const Frame& frame, const std::filesystem::path& file) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const FrameColumn& column : frame.columns) {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Array> array, ToArrow(column.values));
    fields.push_back(arrow::field(column.name, array->type()));
    arrays.push_back(std::move(array));
  }
  const auto table = arrow::Table::Make(arrow::schema(fields), arrays, static_cast<std::int64_t>(frame.rows()));
  ARROW_ASSIGN_OR_RAISE(auto out, arrow::io::FileOutputStream::Open(file.string()));
  ARROW_RETURN_NOT_OK(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), out, kRowGroup));
  return out->Close();
}

}  // namespace

absl::Status WriteParquet(const Frame& frame, const std::filesystem::path& file) {
  try {
    const arrow::Status status = Write(frame, file);
    if (status.ok()) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(file.string(), ": ", status.message()));
  } catch (const std::exception& exception) {
    return absl::InternalError(absl::StrCat(file.string(), ": ", exception.what()));
  }
}

}  // namespace lorasweep::doors
