#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "proto/access.h"

namespace lorasweep::cli {

class Client;

// What every command gets: the global options and where to write.
struct Context {
  std::string server = "127.0.0.1:50151";
  proto::Access access = {};
  OutputFormat output = OutputFormat::kTable;
  bool verbose = false;
  std::ostream& out;  // answers
  std::ostream& err;  // errors, questions and progress
  Terminal out_terminal;
  Terminal err_terminal;
  std::string program = "lorasweep";  // argv[0]: lorasweep-worker lies beside it

  // The command that was chosen, set while the arguments are read and run afterwards.
  std::function<absl::Status()> action = nullptr;

  void Print(const Table& table, const nlohmann::ordered_json& json) const {
    PrintAnswer(table, json, output, out_terminal, out);
  }
  // For tables of whole sentences: better wrapped by the terminal than cut at its edge.
  void PrintWhole(const Table& table, const nlohmann::ordered_json& json) const {
    Terminal unlimited = out_terminal;
    unlimited.width = 0;
    PrintAnswer(table, json, output, unlimited, out);
  }
  // `status` as it is. With -v, gRPC's own words about the client's last failure are told first.
  absl::Status Explain(const absl::Status& status, const Client& client) const;
};

// 0 done, 1 the work failed, 2 wrong usage (InvalidArgument), 3 server not reached (Unavailable).
int ExitCode(const absl::Status& status);

}  // namespace lorasweep::cli
