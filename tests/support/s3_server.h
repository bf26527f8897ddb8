#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::testing {

// moto's S3 as a real process, with the bucket `lorasweep-test` and, in this process' environment, credentials for it.
class S3Server {
 public:
  static constexpr char kBucket[] = "lorasweep-test";

  S3Server();

  // False: moto is not among the peers (scripts/setup --tests).
  bool there() const { return !endpoint_.empty(); }
  const std::string& endpoint() const { return endpoint_; }
  // A place that nothing is at yet.
  std::string NewPlace();
  // From here on nobody answers.
  void Kill() { process_->Kill(); }

 private:
  TempDir folder_;
  std::optional<Process> process_;
  std::string endpoint_;
  int places_ = 0;
};

}  // namespace lorasweep::testing
