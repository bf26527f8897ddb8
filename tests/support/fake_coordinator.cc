#include "tests/support/fake_coordinator.h"

#include <grpcpp/server_builder.h>

#include <algorithm>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "proto/blob_chunks.h"
#include "proto/protocol.h"

namespace lorasweep::testing {

using google::protobuf::util::TimeUtil;

std::vector<std::int64_t> FakeCoordinator::Record::Steps(std::int64_t token, const std::string& metric) const {
  std::vector<std::int64_t> steps;
  for (const auto& [key, value] : observations) {
    if (std::get<0>(key) == token && std::get<1>(key) == metric) steps.push_back(std::get<2>(key));
  }
  return steps;
}

FakeCoordinator::FakeCoordinator(std::chrono::milliseconds lease_duration)
    : lease_duration_(lease_duration), protocol_(proto::kProtocol) {}

FakeCoordinator::~FakeCoordinator() {
  Stop();
}

void FakeCoordinator::Start() {
  std::lock_guard lock(mutex_);
  stopping_ = false;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port_), grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

void FakeCoordinator::Stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  const std::unique_ptr<grpc::Server> server = std::move(server_);
  lock.unlock();
  if (server == nullptr) return;
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  server->Wait();
}

std::string FakeCoordinator::address() const {
  std::lock_guard lock(mutex_);
  return "127.0.0.1:" + std::to_string(port_);
}

void FakeCoordinator::Offer(v1::Lease lease) {
  std::lock_guard lock(mutex_);
  offered_.push_back(std::move(lease));
  changed_.notify_all();
}

void FakeCoordinator::SetJudge(Judge judge) {
  std::lock_guard lock(mutex_);
  judge_ = std::move(judge);
}

void FakeCoordinator::LoseAnswers(const std::string& method, int count) {
  std::lock_guard lock(mutex_);
  lost_answers_[method] = count;
}

void FakeCoordinator::Refuse(const std::string& method, grpc::Status status) {
  std::lock_guard lock(mutex_);
  refusals_[method] = std::move(status);
}

void FakeCoordinator::SetProtocol(int protocol) {
  std::lock_guard lock(mutex_);
  protocol_ = protocol;
}

void FakeCoordinator::BreakUploadAfter(int chunks) {
  std::lock_guard lock(mutex_);
  break_after_ = chunks;
}

void FakeCoordinator::AddBlob(const std::string& sha256, const std::string& content) {
  std::lock_guard lock(mutex_);
  record_.blobs[sha256] = content;
}

FakeCoordinator::Record FakeCoordinator::record() const {
  std::lock_guard lock(mutex_);
  return record_;
}

bool FakeCoordinator::Eventually(const std::function<bool(const Record&)>& condition, std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return condition(record_); });
}

grpc::Status FakeCoordinator::RegisterWorker(grpc::ServerContext* context, const v1::RegisterWorkerRequest* request,
                                             v1::RegisterWorkerResponse* response) {
  std::lock_guard lock(mutex_);
  if (protocol_ > 0) {
    context->AddInitialMetadata(proto::kProtocolKey, std::to_string(protocol_));
    context->AddInitialMetadata(proto::kVersionKey, "0.0.1");
  }
  record_.peers.push_back(proto::PeerFrom(context->client_metadata()));
  if (grpc::Status refusal = Refusal("RegisterWorker"); !refusal.ok()) return refusal;
  record_.registrations.push_back(*request);
  *response->mutable_worker() = request->worker();
  if (request->worker().name().empty()) response->mutable_worker()->set_name("workers/made-up");
  *response->mutable_lease_duration() = TimeUtil::MillisecondsToDuration(lease_duration_.count());
  return Answer("RegisterWorker");
}

grpc::Status FakeCoordinator::LeaseTrials(grpc::ServerContext* context, const v1::LeaseTrialsRequest* request,
                                          v1::LeaseTrialsResponse* response) {
  std::unique_lock lock(mutex_);
  if (grpc::Status refusal = Refusal("LeaseTrials"); !refusal.ok()) return refusal;
  record_.lease_request_ids.push_back(request->request_id());
  changed_.notify_all();
  if (const auto known = leased_.find(request->request_id()); known != leased_.end()) {
    *response = known->second;
    return Answer("LeaseTrials");
  }
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(TimeUtil::DurationToMilliseconds(request->wait()));
  while (offered_.empty() && !stopping_ && !context->IsCancelled() && std::chrono::steady_clock::now() < end) {
    changed_.wait_for(lock, std::chrono::milliseconds(10));
  }
  if (stopping_) return {grpc::StatusCode::UNAVAILABLE, "shutting down"};
  for (int i = 0; i < request->max_trials() && !offered_.empty(); ++i) {
    record_.before_lease[offered_.front().token()] = {record_.observations.size(), record_.completed.size()};
    *response->add_leases() = std::move(offered_.front());
    offered_.pop_front();
  }
  if (!response->leases().empty()) leased_[request->request_id()] = *response;
  return Answer("LeaseTrials");
}

grpc::Status FakeCoordinator::Report(grpc::ServerContext*, const v1::ReportRequest* request,
                                     v1::ReportResponse* response) {
  std::lock_guard lock(mutex_);
  if (grpc::Status refusal = Refusal("Report"); !refusal.ok()) return refusal;
  ++record_.reports;
  for (const v1::LeaseReport& report : request->reports()) {
    Keep(report.token(), report.observations());
    if (report.has_checkpoint()) record_.checkpoints[report.token()].push_back(report.checkpoint());
    v1::Verdict& verdict = *response->add_verdicts();
    verdict.set_action(v1::Verdict::CONTINUE);
    if (judge_) verdict = judge_(report.token(), report);
    verdict.set_token(report.token());
  }
  return Answer("Report");
}

grpc::Status FakeCoordinator::CompleteTrial(grpc::ServerContext*, const v1::CompleteTrialRequest* request, v1::Trial*) {
  std::lock_guard lock(mutex_);
  if (grpc::Status refusal = Refusal("CompleteTrial"); !refusal.ok()) return refusal;
  Keep(request->token(), request->observations());
  record_.completed.push_back(*request);
  return Answer("CompleteTrial");
}

grpc::Status FakeCoordinator::FailTrial(grpc::ServerContext*, const v1::FailTrialRequest* request, v1::Trial*) {
  std::lock_guard lock(mutex_);
  if (grpc::Status refusal = Refusal("FailTrial"); !refusal.ok()) return refusal;
  Keep(request->token(), request->observations());
  record_.failed.push_back(*request);
  return Answer("FailTrial");
}

grpc::Status FakeCoordinator::UploadBlob(
    grpc::ServerContext*, grpc::ServerReaderWriter<v1::UploadBlobResponse, v1::UploadBlobRequest>* stream) {
  v1::UploadBlobRequest part;
  if (!stream->Read(&part) || !part.has_header()) return {grpc::StatusCode::INVALID_ARGUMENT, "no header"};
  const v1::BlobHeader header = part.header();
  v1::UploadBlobResponse stored;
  stored.set_sha256(header.sha256());
  stored.set_size_bytes(header.size_bytes());
  {
    std::lock_guard lock(mutex_);
    if (grpc::Status refusal = Refusal("UploadBlob"); !refusal.ok()) return refusal;
    if (record_.blobs.contains(header.sha256())) {
      stream->Write(stored);
      return grpc::Status::OK;
    }
  }
  std::string content;
  if (header.chunks_size() > 0) {
    v1::UploadBlobResponse missing;
    {
      std::lock_guard lock(mutex_);
      for (int i = 0; i < header.chunks_size(); ++i) {
        if (!record_.chunks.contains(header.chunks(i))) missing.add_missing(i);
      }
    }
    stream->Write(missing);
    for (const std::int32_t place : missing.missing()) {
      const auto size = static_cast<std::size_t>(proto::BlobChunkBytes(header.size_bytes(), place));
      std::string chunk;
      while (chunk.size() < size && stream->Read(&part)) chunk += part.data();
      std::lock_guard lock(mutex_);
      record_.upload_bytes += static_cast<std::int64_t>(chunk.size());
      if (chunk.size() != size) return {grpc::StatusCode::UNAVAILABLE, "broken off"};
      record_.chunks[header.chunks(place)] = std::move(chunk);
      if (break_after_ > 0 && --break_after_ == 0) return {grpc::StatusCode::UNAVAILABLE, "broken off"};
    }
    std::lock_guard lock(mutex_);
    for (const std::string& chunk : header.chunks()) content += record_.chunks[chunk];
  } else {
    while (stream->Read(&part)) content += part.data();
    std::lock_guard lock(mutex_);
    record_.upload_bytes += static_cast<std::int64_t>(content.size());
  }
  std::lock_guard lock(mutex_);
  if (static_cast<std::int64_t>(content.size()) != header.size_bytes()) {
    return {grpc::StatusCode::UNAVAILABLE, "broken off"};
  }
  record_.blobs[header.sha256()] = std::move(content);
  grpc::Status answered = Answer("UploadBlob");
  if (answered.ok()) stream->Write(stored);
  return answered;
}

grpc::Status FakeCoordinator::DownloadBlob(grpc::ServerContext*, const v1::DownloadBlobRequest* request,
                                           grpc::ServerWriter<v1::BlobChunk>* writer) {
  std::unique_lock lock(mutex_);
  if (grpc::Status refusal = Refusal("DownloadBlob"); !refusal.ok()) return refusal;
  const auto found = record_.blobs.find(request->sha256());
  if (found == record_.blobs.end()) return {grpc::StatusCode::NOT_FOUND, "no such blob"};
  // A lost answer is a transfer that breaks off half-way.
  const bool breaks = lost_answers_["DownloadBlob"] > 0;
  if (breaks) --lost_answers_["DownloadBlob"];
  const std::string rest = found->second.substr(static_cast<std::size_t>(request->offset()));
  lock.unlock();
  const std::size_t end = breaks ? rest.size() / 2 : rest.size();
  for (std::size_t at = 0; at < end; at += 1000) {
    v1::BlobChunk chunk;
    chunk.set_data(rest.substr(at, std::min<std::size_t>(1000, end - at)));
    writer->Write(chunk);
  }
  return breaks ? grpc::Status{grpc::StatusCode::UNAVAILABLE, "broken off"} : grpc::Status::OK;
}

grpc::Status FakeCoordinator::Answer(const std::string& method) {
  changed_.notify_all();
  const auto lost = lost_answers_.find(method);
  if (lost == lost_answers_.end() || lost->second <= 0) return grpc::Status::OK;
  --lost->second;
  return {grpc::StatusCode::UNAVAILABLE, "the answer was lost"};
}

grpc::Status FakeCoordinator::Refusal(const std::string& method) {
  const auto refusal = refusals_.find(method);
  return refusal == refusals_.end() ? grpc::Status::OK : refusal->second;
}

void FakeCoordinator::Keep(std::int64_t token,
                           const google::protobuf::RepeatedPtrField<v1::Observation>& observations) {
  for (const v1::Observation& observation : observations) {
    auto& [first, times] = record_.observations[{token, observation.metric(), observation.step()}];
    if (times++ == 0) first = observation;
  }
}

v1::Lease MakeLease(std::int64_t token, std::int64_t max_steps) {
  v1::Lease lease;
  lease.set_token(token);
  lease.set_trial("sweeps/toy/trials/" + std::to_string(token));
  lease.set_trial_number(token);
  lease.set_attempt_number(1);
  lease.set_seed(static_cast<std::uint64_t>(token) * 17);
  lease.set_max_steps(max_steps);
  v1::SweepSpec& spec = *lease.mutable_spec();
  spec.set_model("toy-model");
  spec.set_seed(3407);
  spec.mutable_data()->add_train("/data/train.jsonl");
  spec.mutable_data()->mutable_validation()->set_rows(16);
  spec.mutable_data()->set_max_length(64);
  v1::TrainingSpec& training = *spec.mutable_training();
  training.set_max_steps(max_steps);
  training.set_batch_size(4);
  training.set_learning_rate(1e-3);
  training.set_lora_rank(16);
  training.set_lora_alpha(32);
  training.set_eval_every(5);
  training.set_save_every(5);
  return lease;
}

}  // namespace lorasweep::testing
