#pragma once

#include "lorasweep/v1/worker_service.grpc.pb.h"
#include "server/artifact_store.h"
#include "server/coordinator.h"

namespace lorasweep::server {

// WorkerService on the coordinator: converts statuses, waits, streams, and nothing else. Borrows both. Of all calls
// reports come most often; they hold no thread while they wait for the disk.
class WorkerServiceImpl final : public v1::WorkerService::WithCallbackMethod_Report<v1::WorkerService::Service> {
 public:
  WorkerServiceImpl(Coordinator& coordinator, ArtifactStore& artifacts)
      : coordinator_(coordinator), artifacts_(artifacts) {}

  // FailedPrecondition: the worker is of another protocol (proto/protocol.h).
  grpc::Status RegisterWorker(grpc::ServerContext* context, const v1::RegisterWorkerRequest* request,
                              v1::RegisterWorkerResponse* answer) override;
  grpc::Status LeaseTrials(grpc::ServerContext* context, const v1::LeaseTrialsRequest* request,
                           v1::LeaseTrialsResponse* answer) override;
  grpc::ServerUnaryReactor* Report(grpc::CallbackServerContext* context, const v1::ReportRequest* request,
                                   v1::ReportResponse* answer) override;
  grpc::Status CompleteTrial(grpc::ServerContext*, const v1::CompleteTrialRequest* request, v1::Trial* answer) override;
  grpc::Status FailTrial(grpc::ServerContext*, const v1::FailTrialRequest* request, v1::Trial* answer) override;
  grpc::Status UploadBlob(grpc::ServerContext* context,
                          grpc::ServerReaderWriter<v1::UploadBlobResponse, v1::UploadBlobRequest>* stream) override;
  grpc::Status DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                            grpc::ServerWriter<v1::BlobChunk>* writer) override;

 private:
  absl::StatusOr<v1::UploadBlobResponse> ReceiveBlob(
      grpc::ServerContext& context, grpc::ServerReaderWriter<v1::UploadBlobResponse, v1::UploadBlobRequest>& stream);

  Coordinator& coordinator_;
  ArtifactStore& artifacts_;
};

}  // namespace lorasweep::server
