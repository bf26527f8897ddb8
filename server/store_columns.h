#pragma once

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "lorasweep/v1/sweep.pb.h"

// How values become columns and back; see server/schema.cc. All throw what SQLite throws.
namespace lorasweep::server {

void BindTime(SQLite::Statement& statement, int index, absl::Time time);
absl::Time ColumnTime(SQLite::Statement& statement, int column);

// `bytes` must outlive the statement's execution.
void BindBytes(SQLite::Statement& statement, int index, const std::string& bytes);

// False when the column is no such message.
bool ColumnMessage(SQLite::Statement& statement, int column, google::protobuf::MessageLite* message);

// The columns are metric, step, sequences, tokens, value_kind, value, time and, with lists, sequence_losses and
// sequence_tokens, from `first` on. The observation must outlive the execution.
void BindObservation(SQLite::Statement& statement, int first, const v1::Observation& observation, absl::Time time);
void ColumnObservation(SQLite::Statement& statement, int first, bool with_lists, v1::Observation* observation);

}  // namespace lorasweep::server
