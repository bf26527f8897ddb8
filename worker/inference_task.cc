#include "worker/inference_task.h"

#include <algorithm>
#include <string>

#include "worker/flags.h"
#include "worker/lines.h"

namespace lorasweep::worker {

trainer::Precision PrecisionOf(std::string_view word) {
  if (word == "bf16") return trainer::Precision::kBf16;
  if (word == "fp32") return trainer::Precision::kFp32;
  return trainer::Precision::kAuto;
}

trainer::GenerationRequest ToRequest(const v1::InferenceTask::Generate& task) {
  return {.prompt = {task.prompt().begin(), task.prompt().end()},
          .slot = static_cast<std::size_t>(std::max(task.model(), 0)),
          .options = {.max_new_tokens = task.max_tokens(),
                      .sampling = {.temperature = task.temperature(), .top_p = task.top_p() == 0 ? 1 : task.top_p()},
                      .seed = task.seed(),
                      .extra_stop_ids = {task.stop_ids().begin(), task.stop_ids().end()}}};
}

int TellEnd(const absl::Status& status) {
  v1::InferenceAnswer answer;
  if (status.ok()) {
    answer.mutable_end();
  } else {
    answer.mutable_error()->set_code(static_cast<int>(status.code()));
    answer.mutable_error()->set_message(std::string{status.message()});
  }
  Tell(answer);
  if (status.ok()) return kDone;
  return absl::IsInvalidArgument(status) ? kWrongUsage : kFailed;
}

}  // namespace lorasweep::worker
