#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "server/coordinator.h"

namespace lorasweep::server {

// One method of the services as a path of the web gateway. The table below is the only list of them: calls are found in
// it, and the OpenAPI document is made from it.
struct HttpRoute {
  enum class Kind {
    kCall,      // one message in, one out
    kWatch,     // WatchSweep, as server-sent events
    kDownload,  // DownloadBlob, as the file's bytes
  };
  // Answers a request. `left` says whether the client is gone.
  using Call = std::function<absl::Status(Coordinator&, const google::protobuf::Message& request,
                                          const std::function<bool()>& left, google::protobuf::Message* answer)>;

  std::string_view verb;    // GET, POST or DELETE
  std::string_view path;    // "/v1/{name=sweeps/*}:pause": a field of the request, and the form of its value
  std::string_view method;  // "SweepService.PauseSweep"
  Kind kind = Kind::kCall;
  Call call;  // of kCall

  const google::protobuf::MethodDescriptor& descriptor() const;
};

const std::vector<HttpRoute>& HttpRoutes();

// What a path says: the route and the fields of its request that stand in it, by name.
struct HttpMatch {
  const HttpRoute* route = nullptr;  // null: no path of the API
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::string_view> verbs;  // that the path knows, when it does not know the one asked for
};
HttpMatch MatchRoute(std::string_view verb, std::string_view path);

// A route's path in OpenAPI's form, "/v1/sweeps/{sweep}/trials/{trial}:stop", with the names of its variables.
struct PathTemplate {
  std::string text;
  std::vector<std::string> variables;
};
PathTemplate TemplateOf(const HttpRoute& route);

}  // namespace lorasweep::server
