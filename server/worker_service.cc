#include "server/worker_service.h"

#include <memory>
#include <optional>
#include <string>

#include "proto/protocol.h"
#include "server/answer.h"
#include "server/blob_stream.h"
#include "server/call_deadline.h"
#include "server/checks.h"
#include "server/lease_wait.h"
#include "server/placement.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

// Of an upload: for its header, and for each MiB that it announces (250 kB/s, as slow as our workers put up with).
constexpr absl::Duration kUploadStart = absl::Seconds(60);
constexpr absl::Duration kUploadMebibyte = absl::Milliseconds(4200);
constexpr std::size_t kLongestVersion = 64;

bool IsExternal(const v1::Worker& worker) {
  const auto label = worker.labels().find(kTrainerLabel);
  return label != worker.labels().end() && label->second == kExternal;
}

}  // namespace

grpc::Status WorkerServiceImpl::RegisterWorker(grpc::ServerContext* context, const v1::RegisterWorkerRequest* request,
                                               v1::RegisterWorkerResponse* answer) {
  const proto::Peer self = proto::ThisProgram();
  context->AddInitialMetadata(proto::kProtocolKey, std::to_string(self.protocol));
  context->AddInitialMetadata(proto::kVersionKey, self.version);
  proto::Peer worker = proto::PeerFrom(context->client_metadata());
  // Other people's trainers know the messages and no more, and need not say. Our own from before protocols were
  // numbered say their version, in the message.
  if (worker.protocol > 0 || !IsExternal(request->worker())) {
    if (worker.version.empty()) worker.version = Shorten(request->worker().version(), kLongestVersion);
    if (absl::Status same = proto::SameProtocol(worker, self); !same.ok()) return proto::ToGrpc(same);
  }
  return Answer(coordinator_.RegisterWorker(*request), answer);
}

grpc::Status WorkerServiceImpl::LeaseTrials(grpc::ServerContext* context, const v1::LeaseTrialsRequest* request,
                                            v1::LeaseTrialsResponse* answer) {
  // A worker that was there before the server was replaced does not register again by itself: it does when refused.
  const proto::Peer worker = proto::PeerFrom(context->client_metadata());
  if (worker.protocol > 0) {
    if (absl::Status same = proto::SameProtocol(worker, proto::ThisProgram()); !same.ok()) return proto::ToGrpc(same);
  }
  return Answer(WaitForLeases(coordinator_, *request, [context] { return context->IsCancelled(); }), answer);
}

grpc::ServerUnaryReactor* WorkerServiceImpl::Report(grpc::CallbackServerContext* context,
                                                    const v1::ReportRequest* request, v1::ReportResponse* answer) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  coordinator_.ReportThen(*request, [=](absl::StatusOr<v1::ReportResponse> result) {
    reactor->Finish(server::Answer(std::move(result), answer));
  });
  return reactor;
}

grpc::Status WorkerServiceImpl::CompleteTrial(grpc::ServerContext*, const v1::CompleteTrialRequest* request,
                                              v1::Trial* answer) {
  return Answer(coordinator_.CompleteTrial(*request), answer);
}

grpc::Status WorkerServiceImpl::FailTrial(grpc::ServerContext*, const v1::FailTrialRequest* request,
                                          v1::Trial* answer) {
  return Answer(coordinator_.FailTrial(*request), answer);
}

grpc::Status WorkerServiceImpl::UploadBlob(
    grpc::ServerContext* context, grpc::ServerReaderWriter<v1::UploadBlobResponse, v1::UploadBlobRequest>* stream) {
  const absl::StatusOr<v1::UploadBlobResponse> stored = ReceiveBlob(*context, *stream);
  if (stored.ok()) stream->Write(*stored);
  return proto::ToGrpc(stored.status());
}

absl::StatusOr<v1::UploadBlobResponse> WorkerServiceImpl::ReceiveBlob(
    grpc::ServerContext& context, grpc::ServerReaderWriter<v1::UploadBlobResponse, v1::UploadBlobRequest>& stream) {
  v1::UploadBlobRequest part;
  std::optional<CallDeadline> deadline;
  deadline.emplace(context, kUploadStart);
  if (!stream.Read(&part) || !part.has_header()) {
    return absl::InvalidArgumentError("the first message of an upload must be its header");
  }
  const v1::BlobHeader header = part.header();
  if (const auto worker = ParseWorkerName(header.worker()); !worker.ok()) return worker.status();
  if (!artifacts_.Claim(header.sha256())) {
    const absl::StatusOr<std::unique_ptr<ArtifactStore::Upload>> upload = artifacts_.Create(header);
    if (!upload.ok()) return upload.status();
    deadline.emplace(context, kUploadStart + kUploadMebibyte * static_cast<double>(header.size_bytes() >> 20));
    if (!header.chunks().empty()) {
      v1::UploadBlobResponse missing;
      *missing.mutable_missing() = {(*upload)->missing().begin(), (*upload)->missing().end()};
      stream.Write(missing);
    }
    while (stream.Read(&part)) {
      if (part.has_header()) return absl::InvalidArgumentError("a second header in one upload");
      if (absl::Status status = (*upload)->Append(part.data()); !status.ok()) return status;
    }
    if (absl::Status status = (*upload)->Commit(); !status.ok()) return status;
  }
  v1::UploadBlobResponse answer;
  answer.set_sha256(header.sha256());
  const absl::StatusOr<std::int64_t> size = artifacts_.Size(header.sha256());
  if (!size.ok()) return size.status();
  answer.set_size_bytes(*size);
  return answer;
}

grpc::Status WorkerServiceImpl::DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                                             grpc::ServerWriter<v1::BlobChunk>* writer) {
  return proto::ToGrpc(SendBlob(artifacts_, *request, *context, *writer));
}

}  // namespace lorasweep::server
