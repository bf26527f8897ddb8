#include "server/store_columns.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "server/proto_time.h"

namespace lorasweep::server {
namespace {

// SQLite has no NaN (it stores NULL), so what is not finite is told apart by a column of its own.
enum ValueKind { kFinite = 0, kInfinite = 1, kMinusInfinite = 2, kNotANumber = 3 };

ValueKind KindOf(double value) {
  if (std::isfinite(value)) return kFinite;
  if (std::isnan(value)) return kNotANumber;
  return value > 0 ? kInfinite : kMinusInfinite;
}

double NonFinite(int kind) {
  if (kind == kInfinite) return std::numeric_limits<double>::infinity();
  if (kind == kMinusInfinite) return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

template <typename T>
void BindList(SQLite::Statement& statement, int index, const google::protobuf::RepeatedField<T>& list) {
  static_assert(sizeof(T) == 4);
  if (list.empty()) {
    statement.bind(index);
  } else {
    statement.bindNoCopy(index, static_cast<const void*>(list.data()), static_cast<int>(list.size() * sizeof(T)));
  }
}

template <typename T>
void ColumnList(SQLite::Statement& statement, int column, google::protobuf::RepeatedField<T>* list) {
  const SQLite::Column value = statement.getColumn(column);
  const int count = value.getBytes() / static_cast<int>(sizeof(T));
  list->Resize(count, T{});
  if (count > 0) std::memcpy(list->mutable_data(), value.getBlob(), static_cast<std::size_t>(count) * sizeof(T));
}

}  // namespace

void BindTime(SQLite::Statement& statement, int index, absl::Time time) {
  if (time == absl::InfinitePast()) {
    statement.bind(index);
  } else {
    statement.bind(index, absl::ToUnixMicros(time));
  }
}

absl::Time ColumnTime(SQLite::Statement& statement, int column) {
  const SQLite::Column value = statement.getColumn(column);
  return value.isNull() ? absl::InfinitePast() : absl::FromUnixMicros(value.getInt64());
}

void BindBytes(SQLite::Statement& statement, int index, const std::string& bytes) {
  statement.bindNoCopy(index, static_cast<const void*>(bytes.data()), static_cast<int>(bytes.size()));
}

bool ColumnMessage(SQLite::Statement& statement, int column, google::protobuf::MessageLite* message) {
  const SQLite::Column value = statement.getColumn(column);
  return message->ParseFromArray(value.getBlob(), value.getBytes());
}

void BindObservation(SQLite::Statement& statement, int first, const v1::Observation& observation, absl::Time time) {
  statement.bindNoCopy(first, observation.metric());
  statement.bind(first + 1, static_cast<std::int64_t>(observation.step()));
  statement.bind(first + 2, static_cast<std::int64_t>(observation.sequences()));
  statement.bind(first + 3, static_cast<std::int64_t>(observation.tokens()));
  const ValueKind kind = KindOf(observation.value());
  statement.bind(first + 4, static_cast<int>(kind));
  if (kind == kFinite) {
    statement.bind(first + 5, observation.value());
  } else {
    statement.bind(first + 5);
  }
  BindTime(statement, first + 6, time);
  BindList(statement, first + 7, observation.sequence_losses());
  BindList(statement, first + 8, observation.sequence_tokens());
}

void ColumnObservation(SQLite::Statement& statement, int first, bool with_lists, v1::Observation* observation) {
  observation->set_metric(statement.getColumn(first).getString());
  observation->set_step(statement.getColumn(first + 1).getInt64());
  observation->set_sequences(statement.getColumn(first + 2).getInt64());
  observation->set_tokens(statement.getColumn(first + 3).getInt64());
  const int kind = statement.getColumn(first + 4).getInt();
  observation->set_value(kind == kFinite ? statement.getColumn(first + 5).getDouble() : NonFinite(kind));
  const absl::Time time = ColumnTime(statement, first + 6);
  if (time != absl::InfinitePast()) *observation->mutable_time() = ToProtoTime(time);
  if (with_lists) {
    ColumnList(statement, first + 7, observation->mutable_sequence_losses());
    ColumnList(statement, first + 8, observation->mutable_sequence_tokens());
  }
}

}  // namespace lorasweep::server
