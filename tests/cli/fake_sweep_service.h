#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "lorasweep/v1/sweep_service.grpc.pb.h"
#include "tests/cli/example_sweep.h"

namespace lorasweep::cli {

// A server with one sweep whose changes a test writes down: WatchSweep sends those after the revision asked for and
// then breaks off (UNAVAILABLE), or closes after the change that ends the sweep.
class FakeSweepService final : public v1::SweepService::Service {
 public:
  std::vector<v1::WatchSweepResponse> changes;
  v1::Sweep stored = ExampleSweep();         // as GetSweep answers
  std::map<std::string, std::string> blobs;  // by SHA-256; sent in pieces of 4 bytes
  bool break_downloads = false;              // break off after each piece
  std::vector<std::int64_t> asked;           // after_revision of each watch

  grpc::Status WatchSweep(grpc::ServerContext*, const v1::WatchSweepRequest* request,
                          grpc::ServerWriter<v1::WatchSweepResponse>* writer) override {
    asked.push_back(request->after_revision());
    for (const v1::WatchSweepResponse& change : changes) {
      if (change.revision() > request->after_revision()) writer->Write(change);
    }
    const bool ended = !changes.empty() && changes.back().sweep().state() == v1::Sweep::COMPLETED;
    return ended ? grpc::Status::OK : grpc::Status(grpc::StatusCode::UNAVAILABLE, "closing");
  }
  grpc::Status GetSweep(grpc::ServerContext*, const v1::GetSweepRequest* request, v1::Sweep* sweep) override {
    if (request->name() != ExampleSweep().name()) return {grpc::StatusCode::NOT_FOUND, "no such sweep"};
    *sweep = stored;
    return grpc::Status::OK;
  }
  grpc::Status ListSweeps(grpc::ServerContext*, const v1::ListSweepsRequest* request,
                          v1::ListSweepsResponse* response) override {
    // Two pages, the older sweep first.
    v1::Sweep& sweep = *response->add_sweeps();
    sweep = ExampleSweep();
    const bool first = request->page_token().empty();
    sweep.set_name(first ? "sweeps/math-tutor" : "sweeps/math-tutor-2");
    sweep.mutable_spec()->set_name("tutor");
    sweep.mutable_create_time()->set_seconds(first ? 1 : 2);
    if (first) response->set_next_page_token("more");
    return grpc::Status::OK;
  }
  grpc::Status ListTrials(grpc::ServerContext*, const v1::ListTrialsRequest*,
                          v1::ListTrialsResponse* response) override {
    for (const std::int64_t number : {7, 8})
      *response->add_trials() = ExampleTrial(number, v1::Trial::COMPLETED, 24, 0.9, 3e-4, 8);
    return grpc::Status::OK;
  }
  grpc::Status GetLeaderboard(grpc::ServerContext*, const v1::GetLeaderboardRequest*,
                              v1::GetLeaderboardResponse* response) override {
    *response = ExampleLeaderboard();
    return grpc::Status::OK;
  }
  grpc::Status DownloadBlob(grpc::ServerContext*, const v1::DownloadBlobRequest* request,
                            grpc::ServerWriter<v1::BlobChunk>* writer) override {
    const auto at = blobs.find(request->sha256());
    if (at == blobs.end()) return {grpc::StatusCode::NOT_FOUND, "no such blob"};
    for (std::size_t begin = request->offset(); begin < at->second.size(); begin += 4) {
      v1::BlobChunk chunk;
      chunk.set_data(at->second.substr(begin, 4));
      writer->Write(chunk);
      if (break_downloads) return {grpc::StatusCode::UNAVAILABLE, "closing"};
    }
    return grpc::Status::OK;
  }
};

// The service on a port of 127.0.0.1; 0: any free one.
class FakeServer {
 public:
  explicit FakeServer(FakeSweepService& service, int port = 0) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    REQUIRE(server_ != nullptr);
  }
  ~FakeServer() { server_->Shutdown(); }
  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace lorasweep::cli
