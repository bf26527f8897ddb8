#pragma once

#include "lorasweep/v1/worker_service.grpc.pb.h"
#include "server/artifact_store.h"
#include "server/coordinator.h"

namespace lorasweep::server {

// WorkerService on the coordinator: converts statuses, waits, streams, and nothing else. Borrows both.
class WorkerServiceImpl final : public v1::WorkerService::Service {
 public:
  WorkerServiceImpl(Coordinator& coordinator, ArtifactStore& artifacts)
      : coordinator_(coordinator), artifacts_(artifacts) {}

  grpc::Status RegisterWorker(grpc::ServerContext*, const v1::RegisterWorkerRequest* request,
                              v1::RegisterWorkerResponse* answer) override;
  grpc::Status LeaseTrials(grpc::ServerContext* context, const v1::LeaseTrialsRequest* request,
                           v1::LeaseTrialsResponse* answer) override;
  grpc::Status Report(grpc::ServerContext*, const v1::ReportRequest* request, v1::ReportResponse* answer) override;
  grpc::Status CompleteTrial(grpc::ServerContext*, const v1::CompleteTrialRequest* request, v1::Trial* answer) override;
  grpc::Status FailTrial(grpc::ServerContext*, const v1::FailTrialRequest* request, v1::Trial* answer) override;
  grpc::Status UploadBlob(grpc::ServerContext* context, grpc::ServerReader<v1::UploadBlobRequest>* reader,
                          v1::UploadBlobResponse* answer) override;
  grpc::Status DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                            grpc::ServerWriter<v1::BlobChunk>* writer) override;

 private:
  absl::StatusOr<v1::UploadBlobResponse> ReceiveBlob(grpc::ServerContext& context,
                                                     grpc::ServerReader<v1::UploadBlobRequest>& reader);

  Coordinator& coordinator_;
  ArtifactStore& artifacts_;
};

}  // namespace lorasweep::server
