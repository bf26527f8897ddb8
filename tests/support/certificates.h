#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace lorasweep::testing {

// PEM texts of a certificate and its key.
struct PemPair {
  std::string certificate;
  std::string key;
};

struct CertificateOptions {
  std::string common_name;
  std::string hosts = "IP:127.0.0.1,DNS:localhost";  // subject alternative names; empty: none
  int days_from = -1;                                // valid from so many days after now
  int days_to = 1;
};

// A certificate authority made for a test; its keys are on P-256, so that making one takes no time.
class Authority {
 public:
  explicit Authority(const std::string& name = "test authority");
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  const std::string& certificate() const { return certificate_; }
  PemPair Issue(const CertificateOptions& options) const;

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::string certificate_;
};

// Writes NAME.crt and NAME.key into the folder.
void WritePair(const std::filesystem::path& folder, const std::string& name, const PemPair& pair);

}  // namespace lorasweep::testing
