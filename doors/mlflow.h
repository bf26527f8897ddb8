#pragma once

#include <string>

#include "absl/status/status.h"
#include "doors/results.h"

namespace lorasweep::doors {

struct MlflowOptions {
  std::string url;         // of the tracking server: http://127.0.0.1:5000
  std::string experiment;  // its name; made when it is not there
  std::string token;       // sent as a bearer token, over TLS or to this machine only; empty: none
};

// Writes a sweep to an MLflow tracking server over its REST API (2.0): one run a trial, named trial-N and tagged with
// the trial's resource name, parameters as params, every observation as a metric at its step, measurements at the last
// one. Trials that were written before get what is new, and no run of their own again; what waits is left out.
// Errors: InvalidArgument (the address; the server refused a call, in its words), Unavailable.
absl::Status ExportToMlflow(const SweepResults& results, const MlflowOptions& options);

}  // namespace lorasweep::doors
