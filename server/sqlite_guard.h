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

// Runs `work`, which returns a Status or StatusOr, and turns SQLite's exceptions into a Status. The only place where
// they are caught.
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

}  // namespace lorasweep::server
