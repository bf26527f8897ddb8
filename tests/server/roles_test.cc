#include "server/roles.h"

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lorasweep/v1/sweep_service.pb.h"
#include "lorasweep/v1/worker_service.pb.h"

namespace lorasweep::server {
namespace {

// Every method of our services, from their descriptors.
std::set<std::string> MethodsOfTheServices() {
  std::set<std::string> methods;
  for (const google::protobuf::FileDescriptor* file :
       {v1::CreateSweepRequest::descriptor()->file(), v1::RegisterWorkerRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const google::protobuf::ServiceDescriptor* service = file->service(i);
      for (int j = 0; j < service->method_count(); ++j) {
        methods.insert(absl::StrCat("/", service->full_name(), "/", service->method(j)->name()));
      }
    }
  }
  return methods;
}

TEST_CASE("Every RPC has a rule, and every rule an RPC") {
  const std::set<std::string> methods = MethodsOfTheServices();
  CHECK(methods.size() > 20);
  for (const std::string& method : methods) {
    INFO("server/roles.cc must say who may call " << method);
    CHECK(FindMethodRule(method) != nullptr);
  }
  std::set<std::string> seen;
  for (const MethodRule& rule : MethodRules()) {
    const std::string method(rule.method);
    INFO(method);
    CHECK(seen.insert(method).second);
    CHECK((methods.contains(method) || method.starts_with("/grpc.")));
    // Only what tells nothing is for anybody.
    CHECK((rule.role.has_value() || method.starts_with("/grpc.health.")));
  }
  CHECK(FindMethodRule("/lorasweep.v1.SweepService/Anything") == nullptr);
}

TEST_CASE("What changes something is never for the role view, and what trains is for the role work") {
  for (const MethodRule& rule : MethodRules()) {
    INFO(std::string(rule.method));
    if (rule.effect != Effect::kReads) CHECK(rule.role != Role::kView);
    if (rule.method.starts_with("/lorasweep.v1.WorkerService/")) CHECK(rule.role == Role::kWork);
  }
}

TEST_CASE("Admin includes every role, submit includes view, and work is apart") {
  const std::vector<Role> all = {Role::kView, Role::kSubmit, Role::kWork, Role::kAdmin};
  for (const Role role : all) {
    CHECK(Roles(Role::kAdmin).Allow(role));
    CHECK_FALSE(Roles().Allow(role));
    CHECK(Roles(Role::kView).Allow(role) == (role == Role::kView));
    CHECK(Roles(Role::kSubmit).Allow(role) == (role == Role::kView || role == Role::kSubmit));
    CHECK(Roles(Role::kWork).Allow(role) == (role == Role::kWork));
  }
}

TEST_CASE("Roles are written with commas, and a word that is none is named") {
  const absl::StatusOr<Roles> roles = Roles::Parse("work,submit");
  REQUIRE(roles.ok());
  CHECK(roles->ToString() == "submit,work");
  CHECK_FALSE(roles->Has(Role::kView));
  for (const char* wrong : {"", "root", "view,", "View", "view submit"}) {
    const absl::Status status = Roles::Parse(wrong).status();
    INFO(wrong);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(std::string{status.message()}.find("view, submit, work and admin") != std::string::npos);
  }
}

}  // namespace
}  // namespace lorasweep::server
