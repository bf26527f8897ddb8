#pragma once

#include <exception>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include <c10/util/Exception.h>

#include "absl/status/status.h"

namespace lorasweep::trainer {

// The one door for torch's exceptions: runs `work` and turns what it throws into a status. Not enough memory, on
// whichever device, is ResourceExhausted; everything else Internal. `work` returns absl::Status or absl::StatusOr.
template <typename Work>
auto TorchGuard(Work&& work) -> std::invoke_result_t<Work> {
  try {
    return std::forward<Work>(work)();
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(error.what_without_backtrace());
  } catch (const c10::Error& error) {
    // The CPU's allocator has no type of its own for this.
    const std::string_view what = error.what_without_backtrace();
    if (what.find("not enough memory") != std::string_view::npos ||
        what.find("can't allocate memory") != std::string_view::npos ||
        what.find("out of memory") != std::string_view::npos) {
      return absl::ResourceExhaustedError(error.what_without_backtrace());
    }
    return absl::InternalError(error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("not enough memory");
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

}  // namespace lorasweep::trainer
