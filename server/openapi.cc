#include "server/openapi.h"

#include <deque>
#include <set>

#include <google/protobuf/descriptor.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "lorasweep/v1/setting.pb.h"
#include "server/http_routes.h"

namespace lorasweep::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Json = nlohmann::ordered_json;

// Schemas that were referred to and must be in the document.
class Schemas {
 public:
  Json Reference(const Descriptor& message) {
    if (message.full_name() == "google.protobuf.Timestamp") return {{"type", "string"}, {"format", "date-time"}};
    if (message.full_name() == "google.protobuf.Duration") return {{"type", "string"}, {"example", "3.5s"}};
    if (message.full_name() == "google.protobuf.Empty") return {{"type", "object"}};
    const std::string name = NameOf(message);
    if (known_.insert(name).second) waiting_.push_back(&message);
    return {{"$ref", absl::StrCat("#/components/schemas/", name)}};
  }

  Json Field(const FieldDescriptor& field) {
    if (field.is_map()) {
      return {{"type", "object"}, {"additionalProperties", Element(*field.message_type()->map_value())}};
    }
    Json schema = field.is_repeated() ? Json{{"type", "array"}, {"items", Element(field)}} : Element(field);
    const v1::Setting& setting = field.options().GetExtension(v1::setting);
    if (setting.help().empty()) return schema;
    // A reference takes no words beside it in OpenAPI 3.0.
    if (schema.contains("$ref")) schema = {{"allOf", Json::array({schema})}};
    std::string help = setting.help();
    if (!setting.default_value().empty()) absl::StrAppend(&help, " Default: ", setting.default_value(), ".");
    if (!setting.range().empty()) absl::StrAppend(&help, " Allowed: ", setting.range(), ".");
    schema["description"] = help;
    if (!field.is_repeated()) {
      for (const std::string& word : setting.words()) schema["enum"].push_back(word);
    }
    return schema;
  }

  // Every schema referred to so far, and those that they refer to.
  Json All() {
    Json all = Json::object();
    while (!waiting_.empty()) {
      const Descriptor& message = *waiting_.front();
      waiting_.pop_front();
      Json properties = Json::object();
      for (int i = 0; i < message.field_count(); ++i) {
        properties[message.field(i)->name()] = Field(*message.field(i));
      }
      all[NameOf(message)] = {{"type", "object"}, {"properties", properties}};
    }
    return all;
  }

 private:
  static std::string NameOf(const Descriptor& message) {
    const Descriptor* outer = message.containing_type();
    return outer == nullptr ? message.name() : absl::StrCat(NameOf(*outer), ".", message.name());
  }

  Json Element(const FieldDescriptor& field) {
    switch (field.type()) {
      case FieldDescriptor::TYPE_MESSAGE:
        return Reference(*field.message_type());
      case FieldDescriptor::TYPE_ENUM: {
        Json words = Json::array();
        for (int i = 0; i < field.enum_type()->value_count(); ++i) words.push_back(field.enum_type()->value(i)->name());
        return {{"type", "string"}, {"enum", words}};
      }
      case FieldDescriptor::TYPE_BOOL:
        return {{"type", "boolean"}};
      case FieldDescriptor::TYPE_INT32:
        return {{"type", "integer"}, {"format", "int32"}};
      case FieldDescriptor::TYPE_INT64:
      case FieldDescriptor::TYPE_UINT64:
        return {{"type", "string"}, {"format", field.type() == FieldDescriptor::TYPE_INT64 ? "int64" : "uint64"}};
      case FieldDescriptor::TYPE_FLOAT:
      case FieldDescriptor::TYPE_DOUBLE:
        return {{"type", "number"}, {"format", "double"}, {"description", "\"NaN\" and \"Infinity\" are texts."}};
      case FieldDescriptor::TYPE_BYTES:
        return {{"type", "string"}, {"format", "byte"}};
      default:
        return {{"type", "string"}};
    }
  }

  std::set<std::string> known_;
  std::deque<const Descriptor*> waiting_;
};

bool InQuery(const FieldDescriptor& field, const HttpRoute& route) {
  const bool in_path = route.path.find(absl::StrCat("{", field.name(), "=")) != std::string_view::npos;
  const bool fits = field.is_repeated() ? field.type() == FieldDescriptor::TYPE_STRING
                                        : field.type() != FieldDescriptor::TYPE_MESSAGE;
  return !in_path && fits;
}

Json Answer(const HttpRoute& route, Schemas& schemas) {
  const Json message = schemas.Reference(*route.descriptor().output_type());
  switch (route.kind) {
    case HttpRoute::Kind::kCall:
      return {{"description", "Done."}, {"content", {{"application/json", {{"schema", message}}}}}};
    case HttpRoute::Kind::kWatch:
      return {
          {"description",
           "Server-sent events: `change` with a message in `data` and its revision in `id`; `end` when the sweep has "
           "ended; `problem` with an error. A Last-Event-ID header counts as after_revision."},
          {"content", {{"text/event-stream", {{"schema", message}}}}}};
    case HttpRoute::Kind::kDownload:
      return {{"description", "The file."},
              {"content", {{"application/octet-stream", {{"schema", {{"type", "string"}, {"format", "binary"}}}}}}}};
  }
  return nullptr;
}

Json Operation(const HttpRoute& route, Schemas& schemas) {
  const Descriptor& request = *route.descriptor().input_type();
  Json operation = {{"operationId", route.descriptor().name()},
                    {"tags", {route.descriptor().service()->name()}},
                    {"parameters", Json::array()}};
  for (const std::string& variable : TemplateOf(route).variables) {
    operation["parameters"].push_back(
        {{"name", variable}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  if (route.verb == "POST") {
    operation["requestBody"]["content"]["application/json"]["schema"] = schemas.Reference(request);
  } else {
    for (int i = 0; i < request.field_count(); ++i) {
      const FieldDescriptor& field = *request.field(i);
      if (!InQuery(field, route)) continue;
      operation["parameters"].push_back({{"name", field.name()}, {"in", "query"}, {"schema", schemas.Field(field)}});
    }
  }
  operation["responses"]["200"] = Answer(route, schemas);
  operation["responses"]["default"] = {{"$ref", "#/components/responses/Error"}};
  return operation;
}

}  // namespace

std::string OpenApiDocument() {
  Schemas schemas;
  Json document = {{"openapi", "3.0.3"},
                   {"info",
                    {{"title", "lorasweep"},
                     {"version", LORASWEEP_VERSION},
                     {"description",
                      "The gRPC services of lorasweep.v1 as JSON over HTTP; what each method and field "
                      "means stands in proto/lorasweep/v1."}}},
                   {"paths", Json::object()}};
  for (const HttpRoute& route : HttpRoutes()) {
    const std::string verb = route.verb == "GET" ? "get" : route.verb == "POST" ? "post" : "delete";
    document["paths"][TemplateOf(route).text][verb] = Operation(route, schemas);
  }
  Json error = {{"type", "object"}, {"properties", Json::object()}};
  error["properties"]["code"] = {{"type", "integer"}};
  error["properties"]["status"] = {{"type", "string"}, {"description", "gRPC's status code, say NOT_FOUND."}};
  error["properties"]["message"] = {{"type", "string"}};
  document["components"]["schemas"] = schemas.All();
  document["components"]["schemas"]["Error"] = {{"type", "object"}, {"properties", {{"error", error}}}};
  document["components"]["responses"]["Error"] = {
      {"description", "What is wrong."},
      {"content", {{"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}}}};
  return document.dump(1);
}

}  // namespace lorasweep::server
