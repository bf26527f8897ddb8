#include "proto/access.h"

#include <algorithm>
#include <fstream>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::proto {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

absl::StatusOr<std::string> ReadText(std::string_view flag, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (file.bad() || text.empty() || text.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(flag), ": ", path, " cannot be read, is empty or is longer than 1 MiB"));
  }
  return text;
}

// The token that was given, without the line's end behind it; empty: none was.
absl::StatusOr<std::string> ReadToken(const Access& access) {
  if (access.token_file.empty()) return access.token;
  if (!access.token.empty()) {
    return absl::InvalidArgumentError("a token and a token file are given; one of --token and --token-file is enough");
  }
  absl::StatusOr<std::string> text = ReadText("--token-file", access.token_file);
  if (!text.ok()) return text.status();
  absl::StripAsciiWhitespace(&*text);
  if (text->empty()) return absl::InvalidArgumentError(absl::StrCat("--token-file: ", access.token_file, " is empty"));
  return text;
}

// Would it pass as the value of an HTTP header?
bool IsPlain(std::string_view token) {
  for (const char c : token) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

}  // namespace

bool IsLoopback(std::string_view address) {
  // A name like 127.example.com may be anybody's.
  const bool numbers = address.substr(0, address.find(':')).find_first_not_of("0123456789.") == std::string_view::npos;
  return (address.starts_with("127.") && numbers) || address == "localhost" || address.starts_with("localhost:") ||
         address == "::1" || address == "[::1]" || address.starts_with("[::1]:");
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const Access& access,
                                                                          std::string_view server) {
  if (access.tls_ca.empty()) {
    const bool secrets = !access.token.empty() || !access.token_file.empty() || !access.tls_certificate.empty() ||
                         !access.tls_key.empty();
    if (!secrets || IsLoopback(server)) return grpc::InsecureChannelCredentials();
    return absl::InvalidArgumentError(
        absl::StrCat("tokens and certificates go to ", std::string(server),
                     " over TLS only: name the authority of its certificate with --tls-ca or LORASWEEP_TLS_CA"));
  }
  if (access.tls_certificate.empty() != access.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls-certificate and --tls-key belong together; one of them is missing");
  }
  grpc::SslCredentialsOptions options;
  for (const auto& [flag, path, text] :
       {std::tuple("--tls-ca", &access.tls_ca, &options.pem_root_certs),
        std::tuple("--tls-certificate", &access.tls_certificate, &options.pem_cert_chain),
        std::tuple("--tls-key", &access.tls_key, &options.pem_private_key)}) {
    if (path->empty()) continue;
    absl::StatusOr<std::string> read = ReadText(flag, *path);
    if (!read.ok()) return read.status();
    *text = *std::move(read);
  }
  const absl::StatusOr<std::string> token = ReadToken(access);
  if (!token.ok()) return token.status();
  if (!IsPlain(*token)) return absl::InvalidArgumentError("the token has characters that no token has");
  std::shared_ptr<grpc::ChannelCredentials> channel = grpc::SslCredentials(options);
  if (token->empty()) return channel;
  return grpc::CompositeChannelCredentials(channel, grpc::AccessTokenCredentials(*token));
}

}  // namespace lorasweep::proto
