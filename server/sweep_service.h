#pragma once

#include "lorasweep/v1/sweep_service.grpc.pb.h"
#include "server/artifact_store.h"
#include "server/coordinator.h"

namespace lorasweep::server {

// SweepService on the coordinator: converts statuses, streams, and nothing else. Borrows both.
class SweepServiceImpl final : public v1::SweepService::Service {
 public:
  SweepServiceImpl(Coordinator& coordinator, const ArtifactStore& artifacts)
      : coordinator_(coordinator), artifacts_(artifacts) {}

  grpc::Status CreateSweep(grpc::ServerContext*, const v1::CreateSweepRequest* request, v1::Sweep* answer) override;
  grpc::Status GetSweep(grpc::ServerContext*, const v1::GetSweepRequest* request, v1::Sweep* answer) override;
  grpc::Status ListSweeps(grpc::ServerContext*, const v1::ListSweepsRequest* request,
                          v1::ListSweepsResponse* answer) override;
  grpc::Status DeleteSweep(grpc::ServerContext*, const v1::DeleteSweepRequest* request,
                           google::protobuf::Empty* answer) override;
  grpc::Status UpdateSweep(grpc::ServerContext*, const v1::UpdateSweepRequest* request, v1::Sweep* answer) override;
  grpc::Status PauseSweep(grpc::ServerContext*, const v1::ChangeSweepRequest* request, v1::Sweep* answer) override;
  grpc::Status ResumeSweep(grpc::ServerContext*, const v1::ChangeSweepRequest* request, v1::Sweep* answer) override;
  grpc::Status StopSweep(grpc::ServerContext*, const v1::ChangeSweepRequest* request, v1::Sweep* answer) override;
  grpc::Status CancelSweep(grpc::ServerContext*, const v1::ChangeSweepRequest* request, v1::Sweep* answer) override;
  grpc::Status GetTrial(grpc::ServerContext*, const v1::GetTrialRequest* request, v1::Trial* answer) override;
  grpc::Status ListTrials(grpc::ServerContext*, const v1::ListTrialsRequest* request,
                          v1::ListTrialsResponse* answer) override;
  grpc::Status ListObservations(grpc::ServerContext*, const v1::ListObservationsRequest* request,
                                v1::ListObservationsResponse* answer) override;
  grpc::Status UpdateTrial(grpc::ServerContext*, const v1::UpdateTrialRequest* request, v1::Trial* answer) override;
  grpc::Status ListSamples(grpc::ServerContext*, const v1::ListSamplesRequest* request,
                           v1::ListSamplesResponse* answer) override;
  grpc::Status RecordMeasurements(grpc::ServerContext*, const v1::RecordMeasurementsRequest* request,
                                  v1::Trial* answer) override;
  grpc::Status StopTrial(grpc::ServerContext*, const v1::ChangeTrialRequest* request, v1::Trial* answer) override;
  grpc::Status RetryTrial(grpc::ServerContext*, const v1::ChangeTrialRequest* request, v1::Trial* answer) override;
  grpc::Status EnqueueTrial(grpc::ServerContext*, const v1::EnqueueTrialRequest* request, v1::Trial* answer) override;
  grpc::Status GetLeaderboard(grpc::ServerContext*, const v1::GetLeaderboardRequest* request,
                              v1::GetLeaderboardResponse* answer) override;
  grpc::Status WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest* request,
                          grpc::ServerWriter<v1::WatchSweepResponse>* writer) override;
  grpc::Status GetImportance(grpc::ServerContext* context, const v1::GetImportanceRequest* request,
                             v1::GetImportanceResponse* answer) override;
  grpc::Status ReplaySweep(grpc::ServerContext*, const v1::ReplaySweepRequest* request,
                           v1::ReplaySweepResponse* answer) override;
  grpc::Status CompareSweeps(grpc::ServerContext*, const v1::CompareSweepsRequest* request,
                             v1::CompareSweepsResponse* answer) override;
  grpc::Status ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest* request,
                           v1::ListWorkersResponse* answer) override;
  grpc::Status ListMachineUse(grpc::ServerContext*, const v1::ListMachineUseRequest* request,
                              v1::ListMachineUseResponse* answer) override;
  grpc::Status DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                            grpc::ServerWriter<v1::BlobChunk>* writer) override;

 private:
  absl::Status Watch(const grpc::ServerContext& context, const v1::WatchSweepRequest& request,
                     grpc::ServerWriter<v1::WatchSweepResponse>& writer);

  Coordinator& coordinator_;
  const ArtifactStore& artifacts_;
};

}  // namespace lorasweep::server
