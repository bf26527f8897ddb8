#include "proto/other_base.h"

#include "absl/strings/str_cat.h"

namespace lorasweep::proto {
namespace {

constexpr std::size_t kShown = 12;

}  // namespace

std::string ShortHash(std::string_view sha256) {
  return std::string(sha256.substr(0, kShown));
}

std::string OtherBase(std::string_view model, std::string_view own, std::string_view sweeps) {
  return absl::StrCat("the worker's files of ", std::string(model), " (SHA-256 ", ShortHash(own),
                      ") are not those that the sweep is trained on (", ShortHash(sweeps),
                      "): copy those to its machine, or submit the sweep anew");
}

std::string NoBase(std::string_view model, std::string_view sweeps, std::string_view why) {
  return absl::StrCat("the worker has not the files of ", std::string(model), " that the sweep is trained on (SHA-256 ",
                      ShortHash(sweeps), "): ", std::string(why));
}

}  // namespace lorasweep::proto
