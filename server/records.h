#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lorasweep/v1/sweep.pb.h"
#include "search/trial.h"

// What the store keeps: plain data, one struct a table. absl::InfinitePast() is "not yet" in every time.
namespace lorasweep::server {

struct SweepRecord {
  std::int64_t id = 0;  // never used twice
  std::string slug;     // sweeps/{slug}
  v1::SweepSpec spec;   // with its defaults filled; its limits as they are now
  // limits.trials as it was at first: what the sampler was made with, and what its log begins with.
  std::int64_t first_trials = 0;
  std::string note;
  std::set<std::string> tags;
  v1::Sweep::State state = v1::Sweep::RUNNING;
  std::string error;
  absl::Time create_time = absl::InfinitePast();
  absl::Time update_time = absl::InfinitePast();
  std::int64_t revision = 0;
  std::map<std::string, std::string> bases;  // v1::Sweep's base_sha256
};

// How an attempt ended. Stored as its number: append only.
enum class AttemptEnd {
  kOpen = 0,  // it runs
  kCompleted = 1,
  kPruned = 2,
  kPaused = 3,
  kCancelled = 4,
  kInfeasible = 5,
  kError = 6,  // spends a retry, as do the next two
  kLeaseExpired = 7,
  kWorkerRestarted = 8,
  kHandedBack = 9,
  kInvalid = 10,
  kOtherBase = 11,
};

// Did it end by a crash, so that it counts against limits.retries?
inline bool SpendsRetry(AttemptEnd end) {
  return end == AttemptEnd::kError || end == AttemptEnd::kLeaseExpired || end == AttemptEnd::kWorkerRestarted;
}

struct AttemptRecord {
  std::int64_t token = 0;   // the lease's fencing token; a later attempt's is greater
  std::int64_t number = 0;  // 1 for a trial's first
  std::string worker;       // the id in workers/{id}
  std::string request_id;   // of the LeaseTrials call that it answers
  absl::Time start_time = absl::InfinitePast();
  absl::Time end_time = absl::InfinitePast();
  AttemptEnd end = AttemptEnd::kOpen;
  std::string end_reason;
  std::int64_t start_step = 0;
  bool reported = false;  // the worker has spoken of it: it knows that it holds this lease
};

// What was decided on a running trial, by the pruner or (kCancel) by a person. Stored as its number.
enum class StoredVerdict { kNone = 0, kPause = 1, kStop = 2, kCancel = 3 };

// The state that a trial comes to by it; nullopt: it goes on.
inline std::optional<search::TrialState> StateBy(StoredVerdict verdict) {
  switch (verdict) {
    case StoredVerdict::kPause:
      return search::TrialState::kPaused;
    case StoredVerdict::kStop:
      return search::TrialState::kPruned;
    case StoredVerdict::kCancel:
      return search::TrialState::kCancelled;
    case StoredVerdict::kNone:
      break;
  }
  return std::nullopt;
}

// The trial ends with it.
inline bool EndsTrial(StoredVerdict verdict) {
  return verdict == StoredVerdict::kStop || verdict == StoredVerdict::kCancel;
}

// A trial but for its number, state, parameters and curve, which are in a search::Trial.
struct TrialRecord {
  std::int64_t id = 0;  // the store's; 0 until it is stored
  std::string suggestion_reason;
  std::string outcome_reason;
  StoredVerdict verdict = StoredVerdict::kNone;
  std::string verdict_reason;
  bool invalid = false;  // failed because its settings are wrong for any worker
  std::int64_t step = 0;
  std::int64_t sequences = 0;
  std::int64_t tokens = 0;
  std::int64_t max_steps = 0;
  absl::Time create_time = absl::InfinitePast();
  absl::Time update_time = absl::InfinitePast();
  absl::Time start_time = absl::InfinitePast();
  absl::Time end_time = absl::InfinitePast();
  std::int64_t revision = 0;  // the sweep's when the trial last changed
  std::vector<AttemptRecord> attempts;
  std::optional<v1::Artifact> adapter;
  std::optional<v1::Artifact> checkpoint;
  std::optional<v1::Artifact> start;  // the adapter that it begins with, another trial's; see search::Trial
  std::string note;
  std::map<std::string, v1::Measurement> measurements;  // by metric
};

// TrialRecord::start as an artifact; the others are v1::Artifact's own kinds.
inline constexpr char kStartKind[] = "start";

struct WorkerRecord {
  v1::Worker worker;        // without the fields that are computed
  std::string incarnation;  // empty: it never registered
  absl::Time create_time = absl::InfinitePast();
  absl::Time last_seen_time = absl::InfinitePast();
};

// The answer of a mutating call, kept so that a repeated call gets it again.
struct RequestRecord {
  std::string request_id;
  std::string method;
  std::string fingerprint;  // SHA-256 of the request: the same id must not come with another one
  std::string answer;       // serialized response
  absl::Time time = absl::InfinitePast();
};

// Everything about one sweep.
struct LoadedSweep {
  SweepRecord sweep;
  std::vector<search::Trial> trials;  // with their curves of the sweep's metric
  std::vector<TrialRecord> records;   // records[i] belongs to trials[i]
  bool exhausted = false;             // the sampler had nothing more to propose
  std::string exhausted_reason = {};  // and why; may be empty
  std::int64_t enqueued = 0;          // trials that people wanted
};

}  // namespace lorasweep::server
