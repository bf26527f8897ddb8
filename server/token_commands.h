#pragma once

#include <filesystem>
#include <ostream>
#include <string>

#include "absl/status/status.h"

// `lorasweep-server token …`: the bearer tokens of a state folder, while a server runs on it or not. What is changed is
// written to its audit.log.
namespace lorasweep::server {

struct NewTokenOptions {
  std::string name;   // 1 to 63 letters, digits, '.', '_' and '-'
  std::string roles;  // "submit,work"
  int days = 0;       // it expires after so many; 0: never
};

// Writes the token, which is shown this once, to `out`, alone on its line. Makes the folder when it is missing.
// InvalidArgument: an option. AlreadyExists: the name is taken.
absl::Status CreateToken(const std::filesystem::path& state, const NewTokenOptions& options, std::ostream& out);

// Name, roles, when it was made and when it expires, one token a line.
absl::Status ListTokens(const std::filesystem::path& state, std::ostream& out);

// Running servers refuse it within a second. NotFound.
absl::Status RevokeToken(const std::filesystem::path& state, const std::string& name);

}  // namespace lorasweep::server
