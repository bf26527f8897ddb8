#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/playground.h"

namespace lorasweep::cli {

// The playground's page and what it asks, on a port of this machine: GET /api/playground, POST /api/answers
// (server-sent events) and POST /api/votes; see Playground. Only pages of its own may use it (server/http_access.h).
class PlaygroundHttp {
 public:
  // Listens on 127.0.0.1 before it returns; port 0: any free one. `page`: the page's files. Borrows the playground.
  // Unavailable: the port is taken.
  static absl::StatusOr<std::unique_ptr<PlaygroundHttp>> Start(Playground& playground, int port,
                                                               const std::filesystem::path& page);
  // Lets go of those who are being answered.
  ~PlaygroundHttp();
  PlaygroundHttp(const PlaygroundHttp&) = delete;
  PlaygroundHttp& operator=(const PlaygroundHttp&) = delete;

  // "http://127.0.0.1:50153/"
  const std::string& url() const;

 private:
  struct Parts;
  explicit PlaygroundHttp(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lorasweep::cli
