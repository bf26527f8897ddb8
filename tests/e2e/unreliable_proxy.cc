#include "tests/e2e/unreliable_proxy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/protocol.h"
#include "tests/e2e/quick_channel.h"

namespace lorasweep::testing {
namespace {

grpc::Status Lost() {
  return {grpc::StatusCode::UNAVAILABLE, "lost by a bad network"};
}

}  // namespace

UnreliableProxy::UnreliableProxy(const std::string& server, Faults faults, std::uint64_t seed)
    : faults_(faults), server_(v1::WorkerService::NewStub(QuickChannel(server))), random_(seed) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  proxy_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

UnreliableProxy::~UnreliableProxy() {
  closing_ = true;
  proxy_->Shutdown(absl::ToChronoTime(absl::Now() + absl::Seconds(1)));
  proxy_->Wait();
  absl::MutexLock lock(&mutex_);
  for (std::thread& call : late_) call.join();
}

UnreliableProxy::Fault UnreliableProxy::NextFault() {
  const std::array shares = {
      std::pair{faults_.lost_requests, Fault::kLostRequest}, std::pair{faults_.lost_answers, Fault::kLostAnswer},
      std::pair{faults_.doubled, Fault::kDoubled}, std::pair{faults_.repeated_late, Fault::kRepeatedLate},
      std::pair{faults_.delayed, Fault::kDelayed}};
  if (parted()) {
    ++count_;
    return Fault::kLostRequest;
  }
  absl::MutexLock lock(&mutex_);
  double place = std::uniform_real_distribution<double>()(random_);
  for (const auto& [share, fault] : shares) {
    if (place < share) {
      ++count_;
      return fault;
    }
    place -= share;
  }
  return Fault::kNone;
}

absl::Duration UnreliableProxy::RandomTime(absl::Duration longest) {
  absl::MutexLock lock(&mutex_);
  return longest * std::uniform_real_distribution<double>()(random_);
}

template <typename Request, typename Answer>
grpc::Status UnreliableProxy::Forward(grpc::Status (v1::WorkerService::Stub::*call)(grpc::ClientContext*,
                                                                                    const Request&, Answer*),
                                      grpc::ServerContext& context, const Request& request, Answer* answer) {
  const proto::Peer worker = proto::PeerFrom(context.client_metadata());
  const auto pass = [this, call, worker](const Request& passed, std::chrono::system_clock::time_point deadline,
                                         Answer* into) {
    grpc::ClientContext outgoing;
    outgoing.set_deadline(deadline);
    outgoing.AddMetadata(proto::kProtocolKey, std::to_string(worker.protocol));
    outgoing.AddMetadata(proto::kVersionKey, worker.version);
    return (server_.get()->*call)(&outgoing, passed, into);
  };
  // The server is of the same build as the proxy.
  context.AddInitialMetadata(proto::kProtocolKey, std::to_string(proto::kProtocol));
  const Fault fault = NextFault();
  if (fault == Fault::kLostRequest) return Lost();
  if (fault == Fault::kDelayed) absl::SleepFor(RandomTime(absl::Milliseconds(300)));
  if (fault == Fault::kDoubled) {
    Answer first;
    pass(request, context.deadline(), &first);
  }
  if (fault == Fault::kRepeatedLate) {
    absl::MutexLock lock(&mutex_);
    late_.emplace_back([this, pass, request] {
      const absl::Time at = absl::Now() + RandomTime(absl::Seconds(3));
      while (absl::Now() < at && !closing_) absl::SleepFor(absl::Milliseconds(20));
      Answer unheard;
      pass(request, absl::ToChronoTime(absl::Now() + absl::Seconds(2)), &unheard);
    });
  }
  const grpc::Status status = pass(request, context.deadline(), answer);
  return fault == Fault::kLostAnswer || parted() ? Lost() : status;
}

grpc::Status UnreliableProxy::RegisterWorker(grpc::ServerContext* context, const v1::RegisterWorkerRequest* request,
                                             v1::RegisterWorkerResponse* answer) {
  return Forward(&v1::WorkerService::Stub::RegisterWorker, *context, *request, answer);
}

grpc::Status UnreliableProxy::LeaseTrials(grpc::ServerContext* context, const v1::LeaseTrialsRequest* request,
                                          v1::LeaseTrialsResponse* answer) {
  return Forward(&v1::WorkerService::Stub::LeaseTrials, *context, *request, answer);
}

grpc::Status UnreliableProxy::Report(grpc::ServerContext* context, const v1::ReportRequest* request,
                                     v1::ReportResponse* answer) {
  return Forward(&v1::WorkerService::Stub::Report, *context, *request, answer);
}

grpc::Status UnreliableProxy::CompleteTrial(grpc::ServerContext* context, const v1::CompleteTrialRequest* request,
                                            v1::Trial* answer) {
  return Forward(&v1::WorkerService::Stub::CompleteTrial, *context, *request, answer);
}

grpc::Status UnreliableProxy::FailTrial(grpc::ServerContext* context, const v1::FailTrialRequest* request,
                                        v1::Trial* answer) {
  return Forward(&v1::WorkerService::Stub::FailTrial, *context, *request, answer);
}

grpc::Status UnreliableProxy::UploadBlob(
    grpc::ServerContext* context, grpc::ServerReaderWriter<v1::UploadBlobResponse, v1::UploadBlobRequest>* stream) {
  const Fault fault = NextFault();
  grpc::ClientContext outgoing;
  outgoing.set_deadline(context->deadline());
  const auto server = server_->UploadBlob(&outgoing);
  bool stored = false;
  std::thread answers([&] {
    v1::UploadBlobResponse answer;
    while (server->Read(&answer)) {
      stored = !answer.sha256().empty();
      if (stored && fault == Fault::kLostAnswer) break;
      stream->Write(answer);
    }
    // Refused, or to be lost: whoever waits for more is not left waiting.
    if (!stored || fault == Fault::kLostAnswer) context->TryCancel();
  });
  v1::UploadBlobRequest part;
  bool header = true;
  while (stream->Read(&part)) {
    // Lost on its way: the header arrives, and nothing behind it.
    if (fault == Fault::kLostRequest && !header) {
      outgoing.TryCancel();
      break;
    }
    header = false;
    if (!server->Write(part)) break;
  }
  server->WritesDone();
  answers.join();
  const grpc::Status status = server->Finish();
  return fault == Fault::kLostAnswer || fault == Fault::kLostRequest ? Lost() : status;
}

grpc::Status UnreliableProxy::DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                                           grpc::ServerWriter<v1::BlobChunk>* writer) {
  const Fault fault = NextFault();
  grpc::ClientContext outgoing;
  outgoing.set_deadline(context->deadline());
  const auto reader = server_->DownloadBlob(&outgoing, *request);
  v1::BlobChunk chunk;
  while (reader->Read(&chunk)) {
    if (fault == Fault::kLostAnswer) {
      outgoing.TryCancel();
      reader->Finish();
      return Lost();
    }
    writer->Write(chunk);
  }
  return reader->Finish();
}

}  // namespace lorasweep::testing
