#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include <nlohmann/json.hpp>

#include "lorasweep/v1/worker_service.pb.h"
#include "server/http_access.h"
#include "server/http_json.h"
#include "server/http_routes.h"
#include "server/openapi.h"

namespace lorasweep::server {
namespace {

std::set<std::string> RoutedMethods() {
  std::set<std::string> methods;
  for (const HttpRoute& route : HttpRoutes()) methods.insert(std::string(route.method));
  return methods;
}

TEST_CASE("Every method of the services has a route, but for files that come and go by gRPC") {
  const std::set<std::string> routed = RoutedMethods();
  CHECK(routed.size() == HttpRoutes().size());
  const google::protobuf::DescriptorPool& pool = *google::protobuf::DescriptorPool::generated_pool();
  for (const char* service : {"SweepService", "WorkerService"}) {
    const google::protobuf::ServiceDescriptor* descriptor =
        pool.FindServiceByName(std::string("lorasweep.v1.") + service);
    REQUIRE(descriptor != nullptr);
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const std::string name = std::string(service) + "." + descriptor->method(i)->name();
      const bool by_grpc = name == "WorkerService.UploadBlob" || name == "WorkerService.DownloadBlob";
      INFO(name);
      CHECK(routed.contains(name) != by_grpc);
    }
  }
}

TEST_CASE("Each route is found by its own path, with the fields of its request") {
  for (const HttpRoute& route : HttpRoutes()) {
    PathTemplate path = TemplateOf(route);
    for (const std::string& variable : path.variables) {
      path.text.replace(path.text.find("{" + variable + "}"), variable.size() + 2, "7");
    }
    INFO(route.verb << " " << path.text);
    const HttpMatch match = MatchRoute(route.verb, path.text);
    REQUIRE(match.route != nullptr);
    CHECK(match.route->method == route.method);
    for (const auto& [field, value] : match.fields) {
      const auto* found = route.descriptor().input_type()->FindFieldByName(field);
      CHECK(found != nullptr);
      CHECK(path.text.find(value) != std::string::npos);
    }
  }
}

TEST_CASE("Paths that are none of the API's are not found") {
  CHECK(MatchRoute("GET", "/v1/sweeps/a/trials/3").fields ==
        std::vector<std::pair<std::string, std::string>>{{"name", "sweeps/a/trials/3"}});
  CHECK(MatchRoute("POST", "/v1/sweeps/a:pause").fields ==
        std::vector<std::pair<std::string, std::string>>{{"name", "sweeps/a"}});
  for (const char* path :
       {"/v1", "/v1/", "/v1/sweeps/", "/v1/sweeps/a:burn", "/v1/sweeps/a/b", "/v1/sweeps//trials",
        "/v1/sweeps/a/trials/3/observations/4", "/v1/sweepsa", "/v2/sweeps", "/v1/blobs/", ":pause"}) {
    INFO(path);
    CHECK(MatchRoute("GET", path).route == nullptr);
    CHECK(MatchRoute("POST", path).route == nullptr);
  }
  const HttpMatch match = MatchRoute("GET", "/v1/sweeps/a:pause");
  CHECK(match.route == nullptr);
  CHECK(match.verbs == std::vector<std::string_view>{"POST"});
}

TEST_CASE("The OpenAPI document lists exactly the routes, and its references lead somewhere") {
  const nlohmann::json document = nlohmann::json::parse(OpenApiDocument());
  CHECK(document["openapi"] == "3.0.3");
  std::set<std::string> listed;
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [verb, operation] : operations.items()) {
      const std::string tag = operation["tags"][0];
      const std::string id = operation["operationId"];
      listed.insert(verb + " " + path + " " + tag + "." + id);
      for (const auto& parameter : operation["parameters"]) {
        const std::string name = parameter["name"];
        CHECK((parameter["in"] == "path") == (path.find("{" + name + "}") != std::string::npos));
      }
    }
  }
  std::set<std::string> routes;
  for (const HttpRoute& route : HttpRoutes()) {
    std::string verb(route.verb);
    std::transform(verb.begin(), verb.end(), verb.begin(), [](unsigned char c) { return std::tolower(c); });
    routes.insert(verb + " " + TemplateOf(route).text + " " + std::string(route.method));
  }
  CHECK(listed == routes);

  const std::string text = document.dump();
  const std::string marker = "\"$ref\":\"#";
  int references = 0;
  for (std::size_t at = text.find(marker); at != std::string::npos; at = text.find(marker, at + 1)) {
    const std::size_t begin = at + marker.size();
    const std::string pointer = text.substr(begin, text.find('"', begin) - begin);
    INFO(pointer);
    CHECK(document.contains(nlohmann::json::json_pointer(pointer)));
    ++references;
  }
  CHECK(references > 50);
  const auto& rate = document["components"]["schemas"]["TrainingSpec"]["properties"]["learning_rate"];
  CHECK(rate["description"] == "Peak learning rate. Default: 2e-4. Allowed: (0,10].");
  CHECK(document["components"]["schemas"]["SweepSpec"]["properties"]["method"]["enum"].size() == 8);
}

TEST_CASE("Queries and bodies that do not fit say what is allowed") {
  v1::ListTrialsRequest trials;
  CHECK(SetField("page_size", "20", &trials).ok());
  CHECK(SetField("orderBy", "value desc", &trials).ok());
  CHECK(trials.page_size() == 20);
  CHECK(trials.order_by() == "value desc");
  const auto message = [](const absl::Status& status) { return std::string{status.message()}; };
  CHECK(message(SetField("page_size", "many", &trials)) == "page_size is \"many\"; allowed is a whole number");
  CHECK(message(SetField("pages", "3", &trials)) ==
        "unknown query parameter pages; there are parent, page_size, page_token, order_by, filter");
  v1::ListObservationsRequest observations;
  CHECK(SetField("summary_only", "true", &observations).ok());
  CHECK(observations.summary_only());
  CHECK(absl::IsInvalidArgument(SetField("summary_only", "perhaps", &observations)));

  v1::CreateSweepRequest create;
  CHECK(FromJson("", &create).ok());
  CHECK(
      FromJson(R"({"spec": {"name": "a", "training": {"learning_rate": 1e-4}}, "validateOnly": true})", &create).ok());
  CHECK(create.spec().training().learning_rate() == 1e-4);
  CHECK(message(FromJson(R"({"spec": {"nmae": "a"}})", &create)).find("nmae") != std::string::npos);
  CHECK(message(FromJson("{", &create)).find("the body is no CreateSweepRequest in JSON") == 0);
  CHECK(absl::IsInvalidArgument(FromJson(std::string(100'000, '['), &create)));
  CHECK(absl::IsInvalidArgument(FromJson("\xff\xfe", &create)));
}

TEST_CASE("Errors are one form, whatever they quote") {
  const nlohmann::json error = nlohmann::json::parse(ErrorJson(absl::NotFoundError("there is no \"\xff\"")));
  CHECK(error["error"]["code"] == 404);
  CHECK(error["error"]["status"] == "NOT_FOUND");
}

TEST_CASE("Programs of this machine and the dashboard itself may call; pages of elsewhere may not") {
  CHECK(CheckAccess({.verb = "GET", .host = "127.0.0.1:50152"}).ok());
  CHECK(CheckAccess({.verb = "GET", .host = "localhost"}).ok());
  CHECK(CheckAccess({.verb = "POST",
                     .host = "[::1]:8080",
                     .origin = "http://[::1]:8080",
                     .content_type = "application/json; charset=utf-8",
                     .has_body = true})
            .ok());
  CHECK(absl::IsPermissionDenied(CheckAccess({.verb = "GET", .host = "evil.example:50152"})));
  CHECK(absl::IsPermissionDenied(CheckAccess({.verb = "GET", .host = "127.0.0.1.evil.example"})));
  CHECK(absl::IsPermissionDenied(CheckAccess({.verb = "GET", .host = ""})));
  CHECK(
      absl::IsPermissionDenied(CheckAccess({.verb = "POST", .host = "localhost:1", .origin = "http://evil.example"})));
  CHECK(absl::IsPermissionDenied(CheckAccess({.verb = "POST", .host = "localhost:1", .origin = "null"})));
  CHECK(absl::IsPermissionDenied(
      CheckAccess({.verb = "POST", .host = "localhost:1", .content_type = "text/plain", .has_body = true})));
}

}  // namespace
}  // namespace lorasweep::server
