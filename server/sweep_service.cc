#include "server/sweep_service.h"

#include "server/answer.h"
#include "server/blob_stream.h"
#include "server/sweep_watch.h"

namespace lorasweep::server {
namespace {

constexpr absl::Duration kLookUp = absl::Seconds(1);  // how often a waiting call looks whether its client has left

}  // namespace

grpc::Status SweepServiceImpl::CreateSweep(grpc::ServerContext*, const v1::CreateSweepRequest* request,
                                           v1::Sweep* answer) {
  return Answer(coordinator_.CreateSweep(*request), answer);
}

grpc::Status SweepServiceImpl::GetSweep(grpc::ServerContext*, const v1::GetSweepRequest* request, v1::Sweep* answer) {
  return Answer(coordinator_.GetSweep(*request), answer);
}

grpc::Status SweepServiceImpl::ListSweeps(grpc::ServerContext*, const v1::ListSweepsRequest* request,
                                          v1::ListSweepsResponse* answer) {
  return Answer(coordinator_.ListSweeps(*request), answer);
}

grpc::Status SweepServiceImpl::UpdateSweep(grpc::ServerContext*, const v1::UpdateSweepRequest* request,
                                           v1::Sweep* answer) {
  return Answer(coordinator_.UpdateSweep(*request), answer);
}

grpc::Status SweepServiceImpl::PauseSweep(grpc::ServerContext*, const v1::ChangeSweepRequest* request,
                                          v1::Sweep* answer) {
  return Answer(coordinator_.PauseSweep(*request), answer);
}

grpc::Status SweepServiceImpl::ResumeSweep(grpc::ServerContext*, const v1::ChangeSweepRequest* request,
                                           v1::Sweep* answer) {
  return Answer(coordinator_.ResumeSweep(*request), answer);
}

grpc::Status SweepServiceImpl::StopSweep(grpc::ServerContext*, const v1::ChangeSweepRequest* request,
                                         v1::Sweep* answer) {
  return Answer(coordinator_.StopSweep(*request), answer);
}

grpc::Status SweepServiceImpl::CancelSweep(grpc::ServerContext*, const v1::ChangeSweepRequest* request,
                                           v1::Sweep* answer) {
  return Answer(coordinator_.CancelSweep(*request), answer);
}

grpc::Status SweepServiceImpl::GetTrial(grpc::ServerContext*, const v1::GetTrialRequest* request, v1::Trial* answer) {
  return Answer(coordinator_.GetTrial(*request), answer);
}

grpc::Status SweepServiceImpl::ListTrials(grpc::ServerContext*, const v1::ListTrialsRequest* request,
                                          v1::ListTrialsResponse* answer) {
  return Answer(coordinator_.ListTrials(*request), answer);
}

grpc::Status SweepServiceImpl::UpdateTrial(grpc::ServerContext*, const v1::UpdateTrialRequest* request,
                                           v1::Trial* answer) {
  return Answer(coordinator_.UpdateTrial(*request), answer);
}

grpc::Status SweepServiceImpl::ListObservations(grpc::ServerContext*, const v1::ListObservationsRequest* request,
                                                v1::ListObservationsResponse* answer) {
  return Answer(coordinator_.ListObservations(*request), answer);
}

grpc::Status SweepServiceImpl::ListSamples(grpc::ServerContext*, const v1::ListSamplesRequest* request,
                                           v1::ListSamplesResponse* answer) {
  return Answer(coordinator_.ListSamples(*request), answer);
}

grpc::Status SweepServiceImpl::RecordMeasurements(grpc::ServerContext*, const v1::RecordMeasurementsRequest* request,
                                                  v1::Trial* answer) {
  return Answer(coordinator_.RecordMeasurements(*request), answer);
}

grpc::Status SweepServiceImpl::StopTrial(grpc::ServerContext*, const v1::ChangeTrialRequest* request,
                                         v1::Trial* answer) {
  return Answer(coordinator_.StopTrial(*request), answer);
}

grpc::Status SweepServiceImpl::RetryTrial(grpc::ServerContext*, const v1::ChangeTrialRequest* request,
                                          v1::Trial* answer) {
  return Answer(coordinator_.RetryTrial(*request), answer);
}

grpc::Status SweepServiceImpl::EnqueueTrial(grpc::ServerContext*, const v1::EnqueueTrialRequest* request,
                                            v1::Trial* answer) {
  return Answer(coordinator_.EnqueueTrial(*request), answer);
}

grpc::Status SweepServiceImpl::GetLeaderboard(grpc::ServerContext*, const v1::GetLeaderboardRequest* request,
                                              v1::GetLeaderboardResponse* answer) {
  return Answer(coordinator_.GetLeaderboard(*request), answer);
}

grpc::Status SweepServiceImpl::GetImportance(grpc::ServerContext*, const v1::GetImportanceRequest* request,
                                             v1::GetImportanceResponse* answer) {
  return Answer(coordinator_.GetImportance(*request), answer);
}

grpc::Status SweepServiceImpl::ReplaySweep(grpc::ServerContext*, const v1::ReplaySweepRequest* request,
                                           v1::ReplaySweepResponse* answer) {
  return Answer(coordinator_.ReplaySweep(*request), answer);
}

grpc::Status SweepServiceImpl::CompareSweeps(grpc::ServerContext*, const v1::CompareSweepsRequest* request,
                                             v1::CompareSweepsResponse* answer) {
  return Answer(coordinator_.CompareSweeps(*request), answer);
}

grpc::Status SweepServiceImpl::ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest* request,
                                           v1::ListWorkersResponse* answer) {
  return Answer(coordinator_.ListWorkers(*request), answer);
}

grpc::Status SweepServiceImpl::ListMachineUse(grpc::ServerContext*, const v1::ListMachineUseRequest* request,
                                              v1::ListMachineUseResponse* answer) {
  return Answer(coordinator_.ListMachineUse(*request), answer);
}

grpc::Status SweepServiceImpl::DeleteSweep(grpc::ServerContext*, const v1::DeleteSweepRequest* request,
                                           google::protobuf::Empty*) {
  return proto::ToGrpc(coordinator_.DeleteSweep(*request));
}

grpc::Status SweepServiceImpl::WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest* request,
                                          grpc::ServerWriter<v1::WatchSweepResponse>* writer) {
  return proto::ToGrpc(Watch(*context, *request, *writer));
}

absl::Status SweepServiceImpl::Watch(const grpc::ServerContext& context, const v1::WatchSweepRequest& request,
                                     grpc::ServerWriter<v1::WatchSweepResponse>& writer) {
  const absl::StatusOr<std::unique_ptr<SweepWatch>> watch = SweepWatch::Open(coordinator_, request);
  if (!watch.ok()) return watch.status();
  while (!context.IsCancelled()) {
    const absl::StatusOr<std::optional<v1::WatchSweepResponse>> news = (*watch)->Next(kLookUp);
    if (!news.ok()) return news.status();
    if (news->has_value() && !writer.Write(**news)) break;
    if ((*watch)->ended()) return absl::OkStatus();
  }
  return absl::CancelledError("the client left");
}

grpc::Status SweepServiceImpl::DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                                            grpc::ServerWriter<v1::BlobChunk>* writer) {
  return proto::ToGrpc(SendBlob(artifacts_, *request, *context, *writer));
}

}  // namespace lorasweep::server
