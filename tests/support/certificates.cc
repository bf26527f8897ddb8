#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>

#include "tests/support/process.h"

namespace lorasweep::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

constexpr long kDay = 24 * 60 * 60;

Key NewKey() {
  return Key(EVP_EC_gen("P-256"), EVP_PKEY_free);
}

template <typename Write>
std::string Pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> sink(BIO_new(BIO_s_mem()), BIO_free);
  write(sink.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(sink.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

std::string Pem(X509& certificate) {
  return Pem([&](BIO* sink) { PEM_write_bio_X509(sink, &certificate); });
}

void AddExtension(X509& certificate, X509& issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  X509_add_ext(&certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate Draft(const CertificateOptions& options, EVP_PKEY& key) {
  static std::atomic<long> serial{1};
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), options.days_from * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.days_to * kDay);
  X509_set_pubkey(certificate.get(), &key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.common_name.c_str()), -1, -1, 0);
  return certificate;
}

}  // namespace

struct Authority::Keys {
  Key key = NewKey();
  Certificate certificate{nullptr, X509_free};
};

Authority::Authority(const std::string& name) : keys_(std::make_unique<Keys>()) {
  keys_->certificate = Draft({.common_name = name}, *keys_->key);
  X509& own = *keys_->certificate;
  X509_set_issuer_name(&own, X509_get_subject_name(&own));
  AddExtension(own, own, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(&own, keys_->key.get(), EVP_sha256());
  certificate_ = Pem(own);
}

Authority::~Authority() = default;

PemPair Authority::Issue(const CertificateOptions& options) const {
  const Key key = NewKey();
  const Certificate certificate = Draft(options, *key);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(keys_->certificate.get()));
  if (!options.hosts.empty()) {
    AddExtension(*certificate, *keys_->certificate, NID_subject_alt_name, options.hosts.c_str());
  }
  X509_sign(certificate.get(), keys_->key.get(), EVP_sha256());
  return {
      .certificate = Pem(*certificate),
      .key = Pem([&](BIO* sink) { PEM_write_bio_PrivateKey(sink, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

void WritePair(const std::filesystem::path& folder, const std::string& name, const PemPair& pair) {
  WriteFile(folder / (name + ".crt"), pair.certificate);
  WriteFile(folder / (name + ".key"), pair.key);
}

}  // namespace lorasweep::testing
