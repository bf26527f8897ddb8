#include "worker/coordinator_client.h"

#include <algorithm>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/time_util.h"
#include "proto/blob_chunks.h"
#include "proto/grpc_status.h"
#include "proto/protocol.h"
#include "spdlog/spdlog.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::worker {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kPartBytes = std::int64_t{1} << 20;  // of data in one message
constexpr int kTriesAtServerFaults = 5;
constexpr int kTriesAtDamagedFiles = 3;

// The coordinator or the way to it is not there: it pays to wait.
bool IsOutage(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsAborted(status) ||
         absl::IsCancelled(status);
}

// May be a connection that broke in an unlucky place, or a fault that stays: worth a few tries.
bool IsServerFault(const absl::Status& status) {
  return absl::IsUnknown(status) || absl::IsInternal(status);
}

}  // namespace

CoordinatorClient::CoordinatorClient(std::shared_ptr<grpc::ChannelInterface> channel, const ClientOptions& options,
                                     Clock& clock)
    : options_(options), clock_(clock), stub_(v1::WorkerService::NewStub(std::move(channel))), random_(options.seed) {}

absl::StatusOr<v1::RegisterWorkerResponse> CoordinatorClient::Register(const v1::Worker& worker,
                                                                       const std::string& incarnation,
                                                                       const Patience& patience) {
  v1::RegisterWorkerRequest request;
  *request.mutable_worker() = worker;
  request.set_incarnation(incarnation);
  v1::RegisterWorkerResponse response;
  proto::Peer server;
  const absl::Status status =
      Retry("RegisterWorker", options_.call_deadline, patience, [&](grpc::ClientContext& context) {
        const grpc::Status answered = stub_->RegisterWorker(&context, request, &response);
        if (answered.ok()) server = proto::PeerFrom(context.GetServerInitialMetadata());
        return answered;
      });
  if (!status.ok()) return status;
  // An older server does not look at what a worker says.
  if (absl::Status same = proto::SameProtocol(proto::ThisProgram(), server); !same.ok()) return same;
  std::lock_guard lock(mutex_);
  worker_name_ = response.worker().name();
  return response;
}

absl::StatusOr<v1::LeaseTrialsResponse> CoordinatorClient::Lease(int max_trials, const std::string& request_id,
                                                                 milliseconds wait, const Patience& patience) {
  v1::LeaseTrialsRequest request;
  request.set_worker(worker_name());
  request.set_max_trials(max_trials);
  request.set_request_id(request_id);
  *request.mutable_wait() = google::protobuf::util::TimeUtil::MillisecondsToDuration(wait.count());
  v1::LeaseTrialsResponse response;
  const absl::Status status =
      Retry("LeaseTrials", options_.call_deadline + wait, patience,
            [&](grpc::ClientContext& context) { return stub_->LeaseTrials(&context, request, &response); });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::ReportResponse> CoordinatorClient::ReportOnce(v1::ReportRequest request,
                                                                 const std::stop_token& stop) {
  request.set_worker(worker_name());
  v1::ReportResponse response;
  const grpc::Status status = CallOnce(options_.call_deadline, stop, [&](grpc::ClientContext& context) {
    return stub_->Report(&context, request, &response);
  });
  if (!status.ok()) return proto::FromGrpc(status);
  return response;
}

absl::Status CoordinatorClient::Complete(v1::CompleteTrialRequest request, const Patience& patience) {
  request.set_worker(worker_name());
  return Retry("CompleteTrial", options_.call_deadline, patience, [&](grpc::ClientContext& context) {
    v1::Trial trial;
    return stub_->CompleteTrial(&context, request, &trial);
  });
}

absl::Status CoordinatorClient::Fail(v1::FailTrialRequest request, const Patience& patience) {
  request.set_worker(worker_name());
  return Retry("FailTrial", options_.call_deadline, patience, [&](grpc::ClientContext& context) {
    v1::Trial trial;
    return stub_->FailTrial(&context, request, &trial);
  });
}

absl::StatusOr<v1::ArtifactFile> CoordinatorClient::Upload(const std::filesystem::path& file,
                                                           std::string_view path_in_artifact,
                                                           const Patience& patience) {
  const absl::StatusOr<BlobDigest> digest = DigestOf(file);
  if (!digest.ok()) return digest.status();
  const absl::Status status = Retry("UploadBlob", TransferDeadline(digest->size), patience,
                                    [&](grpc::ClientContext& context) { return SendBlob(context, file, *digest); });
  if (!status.ok()) return status;
  v1::ArtifactFile entry;
  entry.set_path(std::string{path_in_artifact});
  entry.set_sha256(digest->sha256);
  entry.set_size_bytes(digest->size);
  *entry.mutable_chunks() = {digest->chunks.begin(), digest->chunks.end()};
  return entry;
}

grpc::Status CoordinatorClient::SendBlob(grpc::ClientContext& context, const std::filesystem::path& file,
                                         const BlobDigest& digest) {
  const auto stream = stub_->UploadBlob(&context);
  v1::UploadBlobRequest request;
  request.mutable_header()->set_worker(worker_name());
  request.mutable_header()->set_sha256(digest.sha256);
  request.mutable_header()->set_size_bytes(digest.size);
  *request.mutable_header()->mutable_chunks() = {digest.chunks.begin(), digest.chunks.end()};
  // A failed Write means that the coordinator has answered already, as it does for a blob it knows: Finish tells.
  bool open = stream->Write(request);
  v1::UploadBlobResponse answer;
  std::ifstream in(file, std::ios::binary);
  const auto send = [&](std::int64_t offset, std::int64_t size) {
    in.clear();
    in.seekg(offset);
    std::string data;
    for (std::int64_t sent = 0; open && sent < size; sent += static_cast<std::int64_t>(data.size())) {
      data.resize(static_cast<std::size_t>(std::min(kPartBytes, size - sent)));
      // A file that cannot be read any more is not the one that was announced: the coordinator says so.
      if (!in.read(data.data(), static_cast<std::streamsize>(data.size()))) break;
      request.set_data(data);
      open = stream->Write(request);
    }
  };
  if (digest.chunks.empty()) {
    send(0, digest.size);
  } else if (open && stream->Read(&answer) && answer.sha256().empty()) {
    for (const std::int32_t place : answer.missing()) {
      if (place < 0 || place >= static_cast<std::int32_t>(digest.chunks.size())) break;
      send(place * proto::kBlobChunkBytes, proto::BlobChunkBytes(digest.size, place));
    }
  }
  stream->WritesDone();
  while (stream->Read(&answer)) {
  }
  const grpc::Status status = stream->Finish();
  if (status.ok() && answer.sha256() != digest.sha256) {
    return {grpc::StatusCode::UNAVAILABLE, "the upload ended without an answer"};
  }
  return status;
}

absl::Status CoordinatorClient::Download(const v1::ArtifactFile& file, const std::filesystem::path& destination,
                                         const Patience& patience) {
  std::filesystem::path partial = destination;
  partial += ".partial";
  absl::Status status;
  for (int tries = 0; tries < kTriesAtDamagedFiles; ++tries) {
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    if (!out) return absl::InternalError(absl::StrCat("cannot write ", partial.string()));
    std::int64_t received = 0;
    text::Sha256 sha256;
    const auto receive = [&](grpc::ClientContext& context) {
      v1::DownloadBlobRequest request;
      request.set_sha256(file.sha256());
      request.set_offset(received);
      const auto reader = stub_->DownloadBlob(&context, request);
      v1::BlobChunk chunk;
      while (reader->Read(&chunk)) {
        received += static_cast<std::int64_t>(chunk.data().size());
        if (received > file.size_bytes()) {
          context.TryCancel();  // it is not the file that was asked for: the hash below says so
          break;
        }
        sha256.Update(chunk.data());
        out.write(chunk.data().data(), static_cast<std::streamsize>(chunk.data().size()));
      }
      const grpc::Status finished = reader->Finish();
      return received >= file.size_bytes() ? grpc::Status::OK : finished;
    };
    status = Retry("DownloadBlob", TransferDeadline(file.size_bytes()), patience, receive);
    if (!status.ok()) break;
    out.close();
    if (!out) {
      status = absl::InternalError(absl::StrCat("cannot write ", partial.string(), ": is the disk full?"));
      break;
    }
    if (received == file.size_bytes() && sha256.HexDigest() == file.sha256()) {
      std::error_code error;
      std::filesystem::rename(partial, destination, error);
      if (error) return absl::InternalError(absl::StrCat("cannot write ", destination.string(), ": ", error.message()));
      return absl::OkStatus();
    }
    status = absl::DataLossError(absl::StrFormat("%s (%d bytes) arrived damaged: its SHA-256 is not %s", file.path(),
                                                 file.size_bytes(), file.sha256()));
  }
  std::error_code ignored;
  std::filesystem::remove(partial, ignored);
  return status;
}

std::string CoordinatorClient::NewRequestId() {
  return absl::StrFormat("%016x%016x", NextRandom(), NextRandom());
}

absl::Status CoordinatorClient::Retry(std::string_view what, milliseconds deadline, const Patience& patience,
                                      const Call& call) {
  Backoff backoff(options_.backoff, NextRandom());
  std::optional<std::chrono::steady_clock::time_point> end;
  if (patience.limit) end = clock_.Now() + *patience.limit;
  const bool has_grace = patience.grace > milliseconds{0};
  bool in_grace = false;
  int server_faults = 0;
  bool was_away = false;
  while (true) {
    const absl::Status status =
        proto::FromGrpc(CallOnce(deadline, has_grace ? std::stop_token{} : patience.stop, call));
    if (status.ok() && was_away) spdlog::info("the coordinator is back");
    if (status.ok()) return status;
    if (patience.stop.stop_requested() && !has_grace) return absl::CancelledError("stopping");
    if (patience.stop.stop_requested() && !in_grace) {
      in_grace = true;
      end = std::min(end.value_or(std::chrono::steady_clock::time_point::max()), clock_.Now() + patience.grace);
    }
    const bool again = IsOutage(status) || (IsServerFault(status) && ++server_faults < kTriesAtServerFaults);
    if (!again || (end && clock_.Now() >= *end)) return status;
    if (!was_away) {
      spdlog::warn("{}: {}; trying again", std::string{what}, std::string{status.message()});
      was_away = true;
    }
    clock_.Pause(backoff.Next(), in_grace ? std::stop_token{} : patience.stop);
  }
}

grpc::Status CoordinatorClient::CallOnce(milliseconds deadline, const std::stop_token& stop, const Call& call) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  const proto::Peer self = proto::ThisProgram();
  context.AddMetadata(proto::kProtocolKey, std::to_string(self.protocol));
  context.AddMetadata(proto::kVersionKey, self.version);
  const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
  grpc::Status status = call(context);
  if (status.ok() && options_.on_answer) options_.on_answer();
  return status;
}

milliseconds CoordinatorClient::TransferDeadline(std::int64_t bytes) const {
  return options_.call_deadline + milliseconds{bytes * 1000 / options_.slowest_bytes_per_second};
}

std::string CoordinatorClient::worker_name() const {
  std::lock_guard lock(mutex_);
  return worker_name_;
}

std::uint64_t CoordinatorClient::NextRandom() {
  std::lock_guard lock(mutex_);
  return random_();
}

}  // namespace lorasweep::worker
