#pragma once

#include <SQLiteCpp/Exception.h>

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::server {

// Full disk: ResourceExhausted. Damaged file: FailedPrecondition. Read-only or not openable: InvalidArgument. Anything
// else: Unavailable.
absl::Status SqliteStatus(const SQLite::Exception& error, const std::string& file);

// Runs `work`, which returns a Status or StatusOr, and turns SQLite's exceptions into a Status. Only here and in the
// next are they caught.
template <typename Work>
auto SqliteGuard(const std::string& file, Work&& work) -> std::invoke_result_t<Work> {
  try {
    return std::forward<Work>(work)();
  } catch (const SQLite::Exception& error) {
    return SqliteStatus(error, file);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(file, ": ", error.what()));
  }
}

// As SqliteGuard, while calls are served: what ails the disk is no fault of whoever calls and may pass, so it is
// Unavailable, whatever it is. Workers then keep what they have and try again.
template <typename Work>
auto ServingGuard(const std::string& file, Work&& work) -> std::invoke_result_t<Work> {
  return SqliteGuard(file, [&]() -> std::invoke_result_t<Work> {
    try {
      return std::forward<Work>(work)();
    } catch (const SQLite::Exception& error) {
      return absl::UnavailableError(SqliteStatus(error, file).message());
    }
  });
}

// FailedPrecondition: what is in the file cannot be.
absl::Status Damaged(const std::string& file, const std::string& what);

}  // namespace lorasweep::server
