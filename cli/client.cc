#include "cli/client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <random>

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>

#include "absl/strings/str_cat.h"
#include "cli/client_call.h"
#include "cli/names.h"
#include "proto/spelling.h"

namespace lorasweep::cli {
namespace {

constexpr std::chrono::hours kPatience{24};
constexpr int kLargestMessage = 64 << 20;

std::shared_ptr<grpc::Channel> Connect(const std::string& address,
                                       const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kLargestMessage);
  // A watch may be silent for long; servers tolerate pings every five minutes.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 310'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  // Each client its own connection: a process-wide pool would share another client's backoff.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (proto::IsLoopback(address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

// gRPC tells by its words only why there is no connection.
bool SpeaksOfTls(const std::string& message) {
  for (const char* word : {"andshake", "ertificate", "SSL", "Ssl"}) {
    if (message.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string SweepName(std::string_view id) {
  return absl::StrCat("sweeps/", std::string(id));
}

bool NewerFirst(const v1::Sweep& a, const v1::Sweep& b) {
  const auto key = [](const v1::Sweep& sweep) {
    return std::pair(sweep.create_time().seconds(), sweep.create_time().nanos());
  };
  return key(a) > key(b);
}

}  // namespace

struct Client::LastError {
  std::mutex mutex;
  std::string text;  // guarded by mutex
};

std::string NewRequestId() {
  static constexpr std::array<char, 17> kDigits = {"0123456789abcdef"};
  std::random_device entropy;
  std::string id;
  for (int i = 0; i < 4; ++i) {
    std::uint32_t bits = entropy();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4) id += kDigits[bits & 15];
  }
  return id;
}

Client::Client(std::string address, const proto::Access& access, std::chrono::seconds patience)
    : address_(std::move(address)), access_(access), patience_(patience), last_error_(std::make_unique<LastError>()) {
  const absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      proto::MakeCredentials(access, address_);
  wrong_access_ = credentials.status();
  if (!credentials.ok()) return;
  channel_ = Connect(address_, *credentials);
  stub_ = v1::SweepService::NewStub(channel_);
}

Client::~Client() = default;

std::string Client::technical() const {
  const std::lock_guard lock(last_error_->mutex);
  return last_error_->text;
}

absl::Status Client::ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  {
    const std::lock_guard lock(last_error_->mutex);
    last_error_->text =
        absl::StrCat("gRPC code ", status.error_code(), " from ", address_, ": ", status.error_message());
  }
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  switch (code) {
    case absl::StatusCode::kUnavailable:
      if (SpeaksOfTls(status.error_message())) {
        return absl::UnavailableError(
            absl::StrCat("no TLS connection with ", address_,
                         ": is --tls-ca the authority of its certificate, does that name this host, and has it not "
                         "expired?"));
      }
      if (channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY) {  // it did answer
        return absl::UnavailableError(
            absl::StrCat("the server at ", address_, " cannot do this now: ", status.error_message()));
      }
      return absl::UnavailableError(absl::StrCat("no lorasweep server answers at ", address_,
                                                 "; start one with `lorasweep-server`, or name another with --server "
                                                 "HOST:PORT"));
    case absl::StatusCode::kDeadlineExceeded:
      return absl::UnavailableError(
          absl::StrCat("the server at ", address_, " did not answer within ", patience_.count(), " seconds"));
    case absl::StatusCode::kUnimplemented:
      return absl::FailedPreconditionError(absl::StrCat(
          "the server at ", address_, " does not know this command; its version may be another than ours"));
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return absl::InternalError(absl::StrCat("the server at ", address_, " failed: ", status.error_message()));
    default:
      return {code, status.error_message()};
  }
}

absl::StatusOr<v1::Sweep> Client::CreateSweep(const v1::SweepSpec& spec) {
  v1::CreateSweepRequest request;
  *request.mutable_spec() = spec;
  request.set_request_id(NewRequestId());
  return Call(&v1::SweepService::Stub::CreateSweep, request);
}

absl::StatusOr<v1::Sweep> Client::ValidateSweep(const v1::SweepSpec& spec) {
  v1::CreateSweepRequest request;
  *request.mutable_spec() = spec;
  request.set_request_id(NewRequestId());
  request.set_validate_only(true);
  return Call(&v1::SweepService::Stub::CreateSweep, request);
}

absl::StatusOr<v1::Sweep> Client::GetSweep(const std::string& name) {
  v1::GetSweepRequest request;
  request.set_name(name);
  return Call(&v1::SweepService::Stub::GetSweep, request);
}

absl::StatusOr<std::vector<v1::Sweep>> Client::ListSweeps(const std::vector<std::string>& tags) {
  std::vector<v1::Sweep> sweeps;
  v1::ListSweepsRequest request;
  request.mutable_tags()->Assign(tags.begin(), tags.end());
  request.set_page_size(kPageSize);
  do {
    auto page = Call(&v1::SweepService::Stub::ListSweeps, request);
    if (!page.ok()) return page.status();
    std::move(page->mutable_sweeps()->begin(), page->mutable_sweeps()->end(), std::back_inserter(sweeps));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  std::stable_sort(sweeps.begin(), sweeps.end(), NewerFirst);
  return sweeps;
}

absl::Status Client::DeleteSweep(const std::string& name) {
  v1::DeleteSweepRequest request;
  request.set_name(name);
  request.set_request_id(NewRequestId());
  return Call(&v1::SweepService::Stub::DeleteSweep, request).status();
}

absl::StatusOr<v1::Sweep> Client::Change(Method<v1::ChangeSweepRequest, v1::Sweep> method, const std::string& name) {
  v1::ChangeSweepRequest request;
  request.set_name(name);
  request.set_request_id(NewRequestId());
  return Call(method, request);
}

absl::StatusOr<v1::Sweep> Client::UpdateSweep(v1::UpdateSweepRequest request) {
  request.set_request_id(NewRequestId());
  return Call(&v1::SweepService::Stub::UpdateSweep, request);
}

absl::StatusOr<v1::Sweep> Client::PauseSweep(const std::string& name) {
  return Change(&v1::SweepService::Stub::PauseSweep, name);
}
absl::StatusOr<v1::Sweep> Client::ResumeSweep(const std::string& name) {
  return Change(&v1::SweepService::Stub::ResumeSweep, name);
}
absl::StatusOr<v1::Sweep> Client::StopSweep(const std::string& name) {
  return Change(&v1::SweepService::Stub::StopSweep, name);
}
absl::StatusOr<v1::Sweep> Client::CancelSweep(const std::string& name) {
  return Change(&v1::SweepService::Stub::CancelSweep, name);
}

absl::StatusOr<v1::Sweep> Client::FindSweep(std::string_view text) {
  const std::string wanted = IdOf(text);
  auto exact = GetSweep(SweepName(wanted));
  // A text that cannot be an id may still be a name.
  if (exact.ok() || (!absl::IsNotFound(exact.status()) && !absl::IsInvalidArgument(exact.status()))) return exact;
  auto sweeps = ListSweeps();
  if (!sweeps.ok()) return sweeps.status();
  std::vector<const v1::Sweep*> beginning;
  std::vector<std::string> known;
  for (const v1::Sweep& sweep : *sweeps) {
    if (sweep.spec().name() == wanted) return sweep;
    known.push_back(IdOf(sweep.name()));
    if (known.back().rfind(wanted, 0) == 0) beginning.push_back(&sweep);
  }
  if (beginning.size() == 1) return *beginning.front();
  if (beginning.size() > 1) {
    std::string ids;
    for (std::size_t i = 0; i < std::min<std::size_t>(5, beginning.size()); ++i) {
      absl::StrAppend(&ids, i == 0 ? "" : ", ", IdOf(beginning[i]->name()));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("several sweeps begin with '", wanted, "': ", ids, beginning.size() > 5 ? ", …" : ""));
  }
  return absl::NotFoundError(absl::StrCat("there is no sweep '", wanted, "' on ", address_,
                                          known.empty() ? "; it has none yet" : proto::DidYouMean(wanted, known)));
}

absl::StatusOr<v1::GetLeaderboardResponse> Client::GetLeaderboard(const std::string& sweep, std::int32_t top) {
  v1::GetLeaderboardRequest request;
  request.set_name(sweep);
  request.set_top(top);
  return Call(&v1::SweepService::Stub::GetLeaderboard, request);
}

absl::StatusOr<v1::GetImportanceResponse> Client::GetImportance(const std::string& sweep) {
  v1::GetImportanceRequest request;
  request.set_name(sweep);
  return Call(&v1::SweepService::Stub::GetImportance, request);
}

absl::StatusOr<v1::CompareSweepsResponse> Client::CompareSweeps(const std::vector<std::string>& sweeps) {
  v1::CompareSweepsRequest request;
  request.mutable_names()->Assign(sweeps.begin(), sweeps.end());
  return Call(&v1::SweepService::Stub::CompareSweeps, request);
}

absl::StatusOr<v1::ReplaySweepResponse> Client::ReplaySweep(const std::string& sweep) {
  v1::ReplaySweepRequest request;
  request.set_name(sweep);
  return Call(&v1::SweepService::Stub::ReplaySweep, request, kPatience);
}

absl::StatusOr<std::vector<v1::Worker>> Client::ListWorkers() {
  std::vector<v1::Worker> workers;
  v1::ListWorkersRequest request;
  request.set_page_size(kPageSize);
  do {
    auto page = Call(&v1::SweepService::Stub::ListWorkers, request);
    if (!page.ok()) return page.status();
    std::move(page->mutable_workers()->begin(), page->mutable_workers()->end(), std::back_inserter(workers));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return workers;
}

absl::Status Client::WatchOnce(const std::string& sweep, std::int64_t after_revision,
                               const std::function<bool(const v1::WatchSweepResponse&)>& on_change,
                               std::stop_token stop) {
  if (!wrong_access_.ok()) return wrong_access_;
  v1::WatchSweepRequest request;
  request.set_name(sweep);
  request.set_after_revision(after_revision);
  grpc::ClientContext context;
  const auto reader = stub_->WatchSweep(&context, request);
  bool left = false;
  {
    const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
    v1::WatchSweepResponse change;
    while (!left && reader->Read(&change)) left = !on_change(change);
    if (left) context.TryCancel();
  }
  const grpc::Status status = reader->Finish();
  if (left || stop.stop_requested()) return absl::CancelledError("the watch was left");
  return ToStatus(status);
}

absl::Status Client::DownloadBlob(const std::string& sha256, std::int64_t offset,
                                  const std::function<absl::Status(std::string_view)>& on_data) {
  if (!wrong_access_.ok()) return wrong_access_;
  v1::DownloadBlobRequest request;
  request.set_sha256(sha256);
  request.set_offset(offset);
  grpc::ClientContext context;
  const auto reader = stub_->DownloadBlob(&context, request);
  absl::Status refused;
  v1::BlobChunk chunk;
  while (refused.ok() && reader->Read(&chunk)) refused = on_data(chunk.data());
  if (!refused.ok()) context.TryCancel();
  const grpc::Status status = reader->Finish();
  return refused.ok() ? ToStatus(status) : refused;
}

}  // namespace lorasweep::cli
