#include "tests/support/s3_server.h"

#include <stdlib.h>

namespace lorasweep::testing {

S3Server::S3Server() {
  setenv("AWS_ACCESS_KEY_ID", "key-of-tests", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "secret-of-tests", 1);
  setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
  if (!std::filesystem::exists(PeerPython())) return;
  process_.emplace(std::vector<std::string>{PeerPython(), SourceDir() / "tests" / "support" / "s3_server.py", kBucket},
                   folder_.path() / "log");
  if (!process_->WaitForOutput(" now")) return;
  const std::string output = process_->Output();
  const std::size_t begin = output.find("http://");
  endpoint_ = output.substr(begin, output.find(" now") - begin);
}

std::string S3Server::NewPlace() {
  return "s3://" + std::string(kBucket) + "/place-" + std::to_string(++places_);
}

}  // namespace lorasweep::testing
