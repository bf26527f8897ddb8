#include "server/tls_files.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lorasweep::server {
namespace {

constexpr std::streamsize kMaxBytes = 1 << 20;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

absl::Status Wrong(const std::filesystem::path& file, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(file.string(), " ", what));
}

absl::StatusOr<std::string> Read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(static_cast<std::size_t>(kMaxBytes + 1), '\0');
  stream.read(text.data(), kMaxBytes + 1);
  const std::streamsize size = stream.gcount();
  if (size <= 0) return Wrong(file, "cannot be read or is empty");
  if (size > kMaxBytes) return Wrong(file, "is longer than 1 MiB");
  text.resize(static_cast<std::size_t>(size));
  return text;
}

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
}

// No question is asked at the terminal: a key with a passphrase is not read.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

Certificate FirstCertificate(const std::string& text) {
  const Bio reader = Reader(text);
  return Certificate(PEM_read_bio_X509(reader.get(), nullptr, NoPassphrase, nullptr), X509_free);
}

absl::Status CheckDates(const std::filesystem::path& file, const X509& certificate, absl::Time now) {
  std::time_t seconds = absl::ToTimeT(now);
  if (X509_cmp_time(X509_get0_notAfter(&certificate), &seconds) < 0) return Wrong(file, "has expired");
  if (X509_cmp_time(X509_get0_notBefore(&certificate), &seconds) > 0) return Wrong(file, "is not valid yet");
  return absl::OkStatus();
}

absl::Status CheckPair(const TlsFiles& files, const TlsMaterial& material, absl::Time now) {
  const Certificate certificate = FirstCertificate(material.certificate);
  if (certificate == nullptr) return Wrong(files.certificate, "has no certificate in PEM");
  if (absl::Status dates = CheckDates(files.certificate, *certificate, now); !dates.ok()) return dates;
  const Bio reader = Reader(material.key);
  const Key key(PEM_read_bio_PrivateKey(reader.get(), nullptr, NoPassphrase, nullptr), EVP_PKEY_free);
  if (key == nullptr) return Wrong(files.key, "has no private key in PEM that can be read without a passphrase");
  if (X509_check_private_key(certificate.get(), key.get()) == 1) return absl::OkStatus();
  return Wrong(files.key, absl::StrCat("is not the key of ", files.certificate.string()));
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsFiles& files, absl::Time now) {
  if (files.certificate.empty() || files.key.empty()) {
    return absl::InvalidArgumentError("TLS needs both --tls-certificate and --tls-key");
  }
  TlsMaterial material;
  for (const auto& [file, text] :
       {std::pair(&files.certificate, &material.certificate), std::pair(&files.key, &material.key),
        std::pair(&files.client_ca, &material.client_ca)}) {
    if (file->empty()) continue;
    absl::StatusOr<std::string> read = Read(*file);
    if (!read.ok()) return read.status();
    *text = *std::move(read);
  }
  if (absl::Status checked = CheckPair(files, material, now); !checked.ok()) return checked;
  if (!files.client_ca.empty()) {
    const Certificate authority = FirstCertificate(material.client_ca);
    if (authority == nullptr) return Wrong(files.client_ca, "has no certificate in PEM");
    if (absl::Status dates = CheckDates(files.client_ca, *authority, now); !dates.ok()) return dates;
  }
  return material;
}

}  // namespace lorasweep::server
