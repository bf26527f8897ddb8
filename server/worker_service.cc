#include "server/worker_service.h"

#include <memory>
#include <optional>

#include "server/answer.h"
#include "server/blob_stream.h"
#include "server/call_deadline.h"
#include "server/lease_wait.h"
#include "server/resource_names.h"

namespace lorasweep::server {
namespace {

// Of an upload: for its header, and for each MiB that it announces (250 kB/s, as slow as our workers put up with).
constexpr absl::Duration kUploadStart = absl::Seconds(60);
constexpr absl::Duration kUploadMebibyte = absl::Milliseconds(4200);

}  // namespace

grpc::Status WorkerServiceImpl::RegisterWorker(grpc::ServerContext*, const v1::RegisterWorkerRequest* request,
                                               v1::RegisterWorkerResponse* answer) {
  return Answer(coordinator_.RegisterWorker(*request), answer);
}

grpc::Status WorkerServiceImpl::LeaseTrials(grpc::ServerContext* context, const v1::LeaseTrialsRequest* request,
                                            v1::LeaseTrialsResponse* answer) {
  return Answer(WaitForLeases(coordinator_, *request, [context] { return context->IsCancelled(); }), answer);
}

grpc::Status WorkerServiceImpl::Report(grpc::ServerContext*, const v1::ReportRequest* request,
                                       v1::ReportResponse* answer) {
  return Answer(coordinator_.Report(*request), answer);
}

grpc::Status WorkerServiceImpl::CompleteTrial(grpc::ServerContext*, const v1::CompleteTrialRequest* request,
                                              v1::Trial* answer) {
  return Answer(coordinator_.CompleteTrial(*request), answer);
}

grpc::Status WorkerServiceImpl::FailTrial(grpc::ServerContext*, const v1::FailTrialRequest* request,
                                          v1::Trial* answer) {
  return Answer(coordinator_.FailTrial(*request), answer);
}

grpc::Status WorkerServiceImpl::UploadBlob(grpc::ServerContext* context,
                                           grpc::ServerReader<v1::UploadBlobRequest>* reader,
                                           v1::UploadBlobResponse* answer) {
  return Answer(ReceiveBlob(*context, *reader), answer);
}

absl::StatusOr<v1::UploadBlobResponse> WorkerServiceImpl::ReceiveBlob(
    grpc::ServerContext& context, grpc::ServerReader<v1::UploadBlobRequest>& reader) {
  v1::UploadBlobRequest part;
  std::optional<CallDeadline> deadline;
  deadline.emplace(context, kUploadStart);
  if (!reader.Read(&part) || !part.has_header()) {
    return absl::InvalidArgumentError("the first message of an upload must be its header");
  }
  const v1::BlobHeader header = part.header();
  if (const auto worker = ParseWorkerName(header.worker()); !worker.ok()) return worker.status();
  if (!coordinator_.ClaimBlob(header.sha256())) {
    absl::StatusOr<std::unique_ptr<ArtifactStore::Upload>> upload =
        artifacts_.Create(header.sha256(), header.size_bytes());
    if (!upload.ok()) return upload.status();
    deadline.emplace(context, kUploadStart + kUploadMebibyte * static_cast<double>(header.size_bytes() >> 20));
    while (reader.Read(&part)) {
      if (part.has_header()) return absl::InvalidArgumentError("a second header in one upload");
      if (absl::Status status = (*upload)->Append(part.data()); !status.ok()) return status;
    }
    if (absl::Status status = (*upload)->Commit(); !status.ok()) return status;
    coordinator_.ClaimBlob(header.sha256());
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
