#pragma once

#include <filesystem>

#include "cli/doctor_checks.h"
#include "cli/memory_need.h"
#include "trainer_core/chat/supervision.h"
#include "trainer_core/text/tokenized_data.h"

// What `lorasweep doctor` looks at in models, and in a sweep file's data.
namespace lorasweep::cli {

// The folder's files: pointers of Git LFS in place of files, weights or a tokenizer that are missing or broken, no chat
// template. Reads headers and the tokenizer.
Check CheckModelFolder(const std::filesystem::path& folder);

// A template whose generation prompt ends inside what the tokenizer makes one token with the answer's first word: the
// model is then asked with tokens that it has not seen in training.
Check CheckGenerationPrompt(const std::string& model, const chat::Supervisor& supervisor);

// Rows that lost their end, or all of themselves, to max_length.
Check CheckCutRows(const text::DataReport& report, std::int64_t max_length);

// `need` is the smallest of those that the sweep allows.
Check CheckNeed(const MemoryNeed& need, std::int64_t free_bytes);

}  // namespace lorasweep::cli
