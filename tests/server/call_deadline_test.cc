#include "server/call_deadline.h"

#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include "lorasweep/v1/worker_service.grpc.pb.h"

namespace lorasweep::server {
namespace {

// Reads uploads to their end, with little patience.
class Impatient final : public v1::WorkerService::Service {
 public:
  explicit Impatient(absl::Duration limit) : limit_(limit) {}
  grpc::Status UploadBlob(grpc::ServerContext* context,
                          grpc::ServerReaderWriter<v1::UploadBlobResponse, v1::UploadBlobRequest>* reader) override {
    const CallDeadline deadline(*context, limit_);
    v1::UploadBlobRequest part;
    while (reader->Read(&part)) {
    }
    return grpc::Status::OK;
  }

 private:
  const absl::Duration limit_;
};

grpc::Status Upload(absl::Duration limit, bool finish) {
  Impatient service(limit);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto stub = v1::WorkerService::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  const auto writer = stub->UploadBlob(&context);
  writer->Write({});
  if (finish) writer->WritesDone();
  return writer->Finish();
}

TEST_CASE("A call whose client falls silent ends") {
  const auto begin = std::chrono::steady_clock::now();
  CHECK(Upload(absl::Milliseconds(100), /*finish=*/false).error_code() == grpc::StatusCode::CANCELLED);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("A call that ends in time is left alone") {
  CHECK(Upload(absl::Seconds(30), /*finish=*/true).ok());
}

}  // namespace
}  // namespace lorasweep::server
