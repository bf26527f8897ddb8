#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/doctor_checks.h"
#include "cli/format.h"
#include "proto/access.h"

namespace lorasweep::cli {
namespace {

constexpr std::int64_t kTooLittle = 1'000'000'000;
constexpr std::int64_t kLittle = 5'000'000'000;
constexpr std::int64_t kFewFiles = 1000;

// Whether `host` is among what no_proxy leaves out: names, endings of names, or all.
bool LeftOut(std::string_view host, const std::string& no_proxy) {
  for (absl::string_view entry : absl::StrSplit(no_proxy, ',', absl::SkipWhitespace())) {
    std::string name(absl::StripAsciiWhitespace(entry));
    while (name.starts_with("*") || name.starts_with(".")) name.erase(0, 1);
    if (name.empty() || host == name || host.ends_with("." + name)) return true;
  }
  return false;
}

}  // namespace

Check CheckWorker(const absl::StatusOr<std::string>& version, std::string_view own_version) {
  if (!version.ok()) {
    return {"worker", CheckVerdict::kBad, std::string{version.status().message()},
            "install lorasweep-worker beside lorasweep; where it does not start, scripts/setup brings its libraries"};
  }
  const std::string own = absl::StrCat("lorasweep-worker ", std::string(own_version));
  if (*version == own) return {"worker", CheckVerdict::kGood, own};
  return {"worker", CheckVerdict::kBad,
          absl::StrCat("is of another version: it is ", *version, ", this is ", std::string(own_version)),
          "install both from one build"};
}

Check CheckStateFolder(const FolderFacts& folder) {
  const std::string name = "state folder";
  const std::string path = folder.path.string();
  if (!folder.can_be_made) {
    return {name, CheckVerdict::kBad, absl::StrCat(path, " cannot be written"),
            "name another with --state, or change who owns it (chown)"};
  }
  constexpr std::array<std::string_view, 9> kShared = {"nfs",  "smb",    "9p",  "lustre", "gpfs",
                                                       "ceph", "beegfs", "afs", "fuse"};
  if (std::find(kShared.begin(), kShared.end(), folder.filesystem) != kShared.end()) {
    const bool windows = folder.filesystem == "9p";
    return {name, CheckVerdict::kNote,
            absl::StrCat(path, " is on ", folder.filesystem, windows ? " (a drive of Windows, in WSL)" : "",
                         ", where the database's locks are slow or not sure"),
            absl::StrCat("take a folder of a local disk: --state ", windows ? "~/lorasweep" : "/var/tmp/lorasweep",
                         "; only one server may use it")};
  }
  if (folder.filesystem == "tmpfs") {
    return {name, CheckVerdict::kNote, absl::StrCat(path, " is in memory: the next boot forgets it"),
            "take a folder of a disk with --state"};
  }
  const std::string free = FormatBytes(static_cast<double>(folder.free_bytes));
  const std::string what = absl::StrCat(path, " can be written, ", free, " free");
  const char* fix = "make room, name another disk with --state, or keep less (--artifact-quota)";
  if (folder.free_bytes < kTooLittle) return {name, CheckVerdict::kBad, what, fix};
  if (folder.free_bytes < kLittle) return {name, CheckVerdict::kNote, what, fix};
  if (folder.free_files >= 0 && folder.free_files < kFewFiles) {
    return {name, CheckVerdict::kBad, absl::StrCat(what, ", but hardly a file can be made (no inodes)"), fix};
  }
  return {name, CheckVerdict::kGood, what};
}

Check CheckTemporaryFolder(const FolderFacts& folder) {
  const std::string name = "temporary folder";
  const std::string what =
      absl::StrCat(folder.path.string(), ", ", FormatBytes(static_cast<double>(folder.free_bytes)), " free");
  if (!folder.can_be_made) {
    return {name, CheckVerdict::kBad, absl::StrCat(folder.path.string(), " cannot be written"),
            "export TMPDIR=/var/tmp"};
  }
  if (folder.free_bytes < kTooLittle) {
    return {name, CheckVerdict::kNote, absl::StrCat(what, ": too little to merge a model there"),
            "export TMPDIR to a folder with more room"};
  }
  return {name, CheckVerdict::kGood, what};
}

Check CheckPort(int port, std::string_view whose, bool free) {
  const std::string name = absl::StrCat("port ", port);
  if (free) return {name, CheckVerdict::kGood, absl::StrCat("free for ", std::string(whose))};
  return {name, CheckVerdict::kNote,
          absl::StrCat("another program listens there; ", std::string(whose), " would have to go elsewhere"),
          absl::StrCat("ss -ltnp 'sport = ", port, "' names the program; or choose another port")};
}

Check CheckProxy(const std::string& server, const Environment& environment) {
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  // In the order in which gRPC looks.
  for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    if (value(name).empty()) continue;
    const std::string host = server.substr(0, server.rfind(':'));
    const std::string but = value("no_grpc_proxy").empty() ? value("no_proxy") : value("no_grpc_proxy");
    if (LeftOut(host, but)) continue;
    return {"proxy", CheckVerdict::kNote, absl::StrCat(name, " sends calls of ", server, " to ", value(name)),
            absl::StrCat("export no_proxy=", but, but.empty() ? "" : ",", host)};
  }
  return {"proxy", CheckVerdict::kGood, absl::StrCat("none on the way to ", server)};
}

Check CheckToken(const SecretFacts& secret) {
  const std::string name = "token";
  if (secret.on_command_line) {
    return {name, CheckVerdict::kNote, "--token: others on this machine can read command lines",
            "put it into a file of your own and give --token-file"};
  }
  if (secret.token_file.empty()) return {name, CheckVerdict::kGood, "none; servers on this machine need none"};
  if (!secret.readable) {
    return {name, CheckVerdict::kBad, absl::StrCat(secret.token_file, " cannot be read"),
            "name the file that `lorasweep-server token create` was written to"};
  }
  const absl::string_view text = absl::StripAsciiWhitespace(secret.token_text);
  if (text.empty() || text.find_first_of(" \t\r\n") != absl::string_view::npos) {
    return {name, CheckVerdict::kBad,
            absl::StrCat(secret.token_file, text.empty() ? " is empty" : " holds more than a token"),
            "write the token alone into it, as `lorasweep-server token create` printed it"};
  }
  if (secret.others_may_read) {
    return {name, CheckVerdict::kNote, absl::StrCat(secret.token_file, " can be read by others on this machine"),
            absl::StrCat("chmod 600 ", secret.token_file)};
  }
  return {name, CheckVerdict::kGood, secret.token_file};
}

Check CheckTlsCa(const std::string& file, const absl::StatusOr<std::string>& pem) {
  if (file.empty()) return {"tls", CheckVerdict::kGood, "not used"};
  if (!pem.ok()) {
    return {"tls", CheckVerdict::kBad, std::string{pem.status().message()},
            "--tls-ca names the PEM file of the authority that signed the server's certificate"};
  }
  if (absl::StrContains(*pem, "PRIVATE KEY-----")) {
    return {"tls", CheckVerdict::kBad, absl::StrCat(file, " holds a private key, which is for the server alone"),
            "give the authority's certificate instead (-----BEGIN CERTIFICATE-----)"};
  }
  if (!absl::StrContains(*pem, "-----BEGIN CERTIFICATE-----")) {
    return {"tls", CheckVerdict::kBad, absl::StrCat(file, " holds no certificate in PEM form"),
            "openssl x509 -inform der -in FILE -out FILE.pem makes PEM of DER"};
  }
  return {"tls", CheckVerdict::kGood, file};
}

}  // namespace lorasweep::cli
