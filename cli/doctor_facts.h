#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/context.h"
#include "cli/doctor_checks.h"

// What doctor_checks.h judges, as this machine has it.
namespace lorasweep::cli {

Environment ReadEnvironment();
std::string ReadWholeFile(const std::filesystem::path& file);  // empty: it cannot be read

CpuLimits ReadCpuLimits();
MemoryLimits ReadMemoryLimits();
GpuFacts ReadGpuFacts();
FolderFacts ReadFolderFacts(const std::filesystem::path& folder);
SecretFacts ReadSecretFacts(const proto::Access& access);

// Files named as the worker's libraries in the folders of a LD_LIBRARY_PATH.
std::vector<std::string> LibrariesInFront(const std::string& library_path);
// Of a process of ours; -1: without end.
std::int64_t OpenFileLimit();
// Whether one can listen on 127.0.0.1 there; 0: any port.
bool PortIsFree(int port);
// When a file was written; the beginning of time where there is none.
absl::Time WrittenAt(const std::filesystem::path& file);
// What a program prints first on --version. Errors: why it does not start.
absl::StatusOr<std::string> VersionOf(const std::filesystem::path& program);

// "100000 200000" of cpu.max, "max" where there is no limit: processors. "123" of memory.max: bytes. 0: no limit.
double ParseCpuMax(std::string_view text);
std::int64_t ParseMemoryMax(std::string_view text);
// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue …" → "550.54.15".
std::string ParseDriverVersion(std::string_view text);

}  // namespace lorasweep::cli
