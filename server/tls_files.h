#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lorasweep::server {

// Where the server's TLS material lies, all in PEM. No certificate: no TLS.
struct TlsFiles {
  std::filesystem::path certificate;  // the server's, then those that lead to its authority
  std::filesystem::path key;          // its private key, without a passphrase
  std::filesystem::path client_ca;    // authorities of workers' certificates; empty: workers show tokens
};

// Their contents.
struct TlsMaterial {
  std::string certificate;
  std::string key;
  std::string client_ca;
};

// Reads the files and says what is wrong with them, which the TLS library does not.
// InvalidArgument, with the file: not readable, over 1 MiB, no PEM of its kind, a key that is not the certificate's, a
// certificate that is not valid at `now`, or some files without the others.
absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsFiles& files, absl::Time now);

}  // namespace lorasweep::server
