#include "cli/client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <random>
#include <thread>

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>

#include "absl/strings/str_cat.h"
#include "cli/names.h"
#include "proto/spelling.h"

namespace lorasweep::cli {
namespace {

constexpr std::chrono::hours kPatience{24};
constexpr std::chrono::milliseconds kPauseBeforeRepeating{200};
constexpr int kLargestMessage = 64 << 20;
constexpr std::int32_t kPageSize = 1000;

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

std::string TrialName(const std::string& sweep, std::int64_t number) {
  return absl::StrCat(sweep, "/trials/", number);
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

template <typename Request, typename Response>
absl::StatusOr<Response> Client::Call(Method<Request, Response> method, const Request& request,
                                      std::optional<std::chrono::seconds> deadline) {
  if (!wrong_access_.ok()) return wrong_access_;
  // Reading calls change nothing and the others carry a request_id, so that asking twice does no harm.
  for (int attempt = 0;; ++attempt) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + deadline.value_or(patience_));
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (status.ok()) return response;
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE || attempt == 1) return ToStatus(status);
    std::this_thread::sleep_for(kPauseBeforeRepeating);
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

absl::StatusOr<v1::Trial> Client::GetTrial(const std::string& sweep, std::int64_t number) {
  if (number == kBestTrial) {
    const auto found = GetSweep(sweep);
    if (!found.ok()) return found.status();
    if (found->best_trial() < 0)
      return absl::FailedPreconditionError(absl::StrCat(IdOf(sweep), " has no best trial yet"));
    number = found->best_trial();
  }
  v1::GetTrialRequest request;
  request.set_name(TrialName(sweep, number));
  return Call(&v1::SweepService::Stub::GetTrial, request);
}

absl::StatusOr<std::vector<v1::Trial>> Client::ListTrials(const std::string& sweep, const std::string& order_by,
                                                          const std::string& filter, std::int64_t limit) {
  std::vector<v1::Trial> trials;
  v1::ListTrialsRequest request;
  request.set_parent(sweep);
  request.set_order_by(order_by);
  request.set_filter(filter);
  request.set_page_size(limit > 0 ? static_cast<std::int32_t>(std::min<std::int64_t>(limit, kPageSize)) : kPageSize);
  do {
    auto page = Call(&v1::SweepService::Stub::ListTrials, request);
    if (!page.ok()) return page.status();
    std::move(page->mutable_trials()->begin(), page->mutable_trials()->end(), std::back_inserter(trials));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && (limit == 0 || static_cast<std::int64_t>(trials.size()) < limit));
  if (limit > 0 && static_cast<std::int64_t>(trials.size()) > limit) trials.resize(limit);
  return trials;
}

absl::StatusOr<std::vector<v1::Observation>> Client::ListObservations(const std::string& sweep, std::int64_t trial) {
  std::vector<v1::Observation> observations;
  v1::ListObservationsRequest request;
  request.set_parent(TrialName(sweep, trial));
  request.set_page_size(10'000);
  request.set_summary_only(true);
  do {
    auto page = Call(&v1::SweepService::Stub::ListObservations, request);
    if (!page.ok()) return page.status();
    std::move(page->mutable_observations()->begin(), page->mutable_observations()->end(),
              std::back_inserter(observations));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  std::stable_sort(observations.begin(), observations.end(),
                   [](const v1::Observation& a, const v1::Observation& b) { return a.step() < b.step(); });
  return observations;
}

absl::StatusOr<std::vector<v1::Sample>> Client::ListSamples(const std::string& trial,
                                                            std::optional<std::int64_t> step) {
  std::vector<v1::Sample> samples;
  v1::ListSamplesRequest request;
  request.set_parent(trial);
  request.set_page_size(1000);
  if (step) request.set_step(*step);
  do {
    auto page = Call(&v1::SweepService::Stub::ListSamples, request);
    if (!page.ok()) return page.status();
    std::move(page->mutable_samples()->begin(), page->mutable_samples()->end(), std::back_inserter(samples));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return samples;
}

absl::StatusOr<v1::Trial> Client::RecordMeasurements(const std::string& trial,
                                                     const std::vector<v1::Measurement>& measurements) {
  v1::RecordMeasurementsRequest request;
  request.set_name(trial);
  request.mutable_measurements()->Assign(measurements.begin(), measurements.end());
  request.set_request_id(NewRequestId());
  return Call(&v1::SweepService::Stub::RecordMeasurements, request);
}

absl::StatusOr<v1::Trial> Client::ChangeTrial(Method<v1::ChangeTrialRequest, v1::Trial> method,
                                              const std::string& name) {
  v1::ChangeTrialRequest request;
  request.set_name(name);
  request.set_request_id(NewRequestId());
  return Call(method, request);
}

absl::StatusOr<v1::Trial> Client::StopTrial(const std::string& trial) {
  return ChangeTrial(&v1::SweepService::Stub::StopTrial, trial);
}

absl::StatusOr<v1::Trial> Client::RetryTrial(const std::string& trial) {
  return ChangeTrial(&v1::SweepService::Stub::RetryTrial, trial);
}

absl::StatusOr<v1::Trial> Client::SetTrialNote(const std::string& trial, const std::string& note) {
  v1::UpdateTrialRequest request;
  request.set_name(trial);
  request.set_note(note);
  request.set_request_id(NewRequestId());
  return Call(&v1::SweepService::Stub::UpdateTrial, request);
}

absl::StatusOr<v1::Trial> Client::EnqueueTrial(const std::string& sweep,
                                               const google::protobuf::Map<std::string, v1::Value>& values,
                                               std::optional<std::int64_t> like, WarmStart warm_start) {
  v1::EnqueueTrialRequest request;
  request.set_parent(sweep);
  *request.mutable_parameters() = values;
  if (like) request.set_like(*like);
  request.set_warm_start(warm_start == WarmStart::kYes);
  request.set_request_id(NewRequestId());
  return Call(&v1::SweepService::Stub::EnqueueTrial, request);
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
