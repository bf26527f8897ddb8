#include "trainer_core/text/tokenized_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer_core/text/file.h"
#include "trainer_core/text/mapped_file.h"

namespace lorasweep::text {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are copied as they are");

constexpr std::string_view kMagic = "LSDATA01";
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kKeyBytes = 64;

// Not cryptographic: finds what a disk or an interrupted copy does to a file. Finaliser of SplitMix64 over the words.
std::uint64_t Checksum(std::string_view bytes) {
  std::uint64_t sum = bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
    sum = (sum ^ word) * 0x9E3779B97F4A7C15;
    sum ^= sum >> 29;
  }
  return sum;
}

template <typename Value>
void Append(const Value& value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename Value>
void AppendAll(const std::vector<Value>& values, std::string& out) {
  if (!values.empty()) out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value));
}

// Takes values off the front of some bytes; fails for good at the first that is not there.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename Value>
  bool Take(Value& value) {
    if (rest_.size() < sizeof value) return false;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return true;
  }
  // A count of things that take at least `least_bytes` each.
  bool TakeCount(std::uint64_t& count, std::size_t least_bytes) {
    return Take(count) && count <= rest_.size() / least_bytes;
  }
  template <typename Value>
  bool TakeAll(std::uint64_t count, std::vector<Value>& values) {
    if (count > rest_.size() / sizeof(Value)) return false;
    values.resize(count);
    if (count > 0) std::memcpy(values.data(), rest_.data(), count * sizeof(Value));
    rest_.remove_prefix(count * sizeof(Value));
    return true;
  }
  bool TakeText(std::size_t size, std::string& text) {
    if (rest_.size() < size) return false;
    text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// Every sequence of `data`, in the file's order.
template <typename Data, typename Visit>
bool ForEachSequence(Data& data, const Visit& visit) {
  for (auto& row : data.train) {
    for (auto& sequence : row.sequences) {
      if (!visit(sequence)) return false;
    }
  }
  for (auto* split : {&data.validation, &data.test}) {
    for (auto& sequence : *split) {
      if (!visit(sequence)) return false;
    }
  }
  return true;
}

template <typename Report>
auto Counts(Report& report) {
  return std::array{&report.rows_read,  &report.rows_without_target,
                    &report.duplicates, &report.not_chosen,
                    &report.too_long,   &report.truncated};
}

bool Parse(Reader reader, TokenizedData& data) {
  if (!reader.TakeText(kKeyBytes, data.key)) return false;
  for (std::int64_t* count : Counts(data.report)) {
    if (!reader.Take(*count)) return false;
  }
  std::uint64_t count = 0;
  if (!reader.TakeCount(count, 4) || !reader.TakeAll(count, data.report.lengths)) return false;
  if (!reader.TakeCount(count, 8)) return false;
  data.train.resize(count);
  for (Row& row : data.train) {
    // A sequence's length comes later, and takes 8 bytes.
    if (!reader.TakeCount(count, 8)) return false;
    row.sequences.resize(count);
  }
  for (std::vector<Sequence>* split : {&data.validation, &data.test}) {
    if (!reader.TakeCount(count, 8)) return false;
    split->resize(count);
  }
  std::vector<std::uint64_t> lengths;
  if (!ForEachSequence(data, [&](Sequence&) { return reader.Take(lengths.emplace_back()); })) return false;
  auto length = lengths.begin();
  if (!ForEachSequence(data, [&](Sequence& sequence) { return reader.TakeAll(*length++, sequence.ids); })) return false;
  length = lengths.begin();
  return ForEachSequence(data, [&](Sequence& sequence) { return reader.TakeAll(*length++, sequence.learned); }) &&
         reader.done();
}

}  // namespace

absl::Status WriteTokenizedData(const TokenizedData& data, const std::filesystem::path& file) {
  std::string body = data.key;
  body.resize(kKeyBytes, ' ');
  for (const std::int64_t* count : Counts(data.report)) Append(*count, body);
  Append(std::uint64_t{data.report.lengths.size()}, body);
  AppendAll(data.report.lengths, body);
  Append(std::uint64_t{data.train.size()}, body);
  for (const Row& row : data.train) Append(std::uint64_t{row.sequences.size()}, body);
  Append(std::uint64_t{data.validation.size()}, body);
  Append(std::uint64_t{data.test.size()}, body);
  const auto all = [&](const auto& append) {
    ForEachSequence(data, [&](const Sequence& sequence) {
      append(sequence);
      return true;
    });
  };
  all([&](const Sequence& sequence) { Append(std::uint64_t{sequence.ids.size()}, body); });
  all([&](const Sequence& sequence) { AppendAll(sequence.ids, body); });
  all([&](const Sequence& sequence) { AppendAll(sequence.learned, body); });

  std::string header(kMagic);
  Append(Checksum(body), header);
  Append(std::uint64_t{body.size()}, header);
  absl::StatusOr<AtomicFile> out = AtomicFile::Create(file);
  if (!out.ok()) return out.status();
  if (absl::Status status = out->Write(header.data(), header.size()); !status.ok()) return status;
  if (absl::Status status = out->Write(body.data(), body.size()); !status.ok()) return status;
  return out->Commit();
}

absl::StatusOr<TokenizedData> ReadTokenizedData(const std::filesystem::path& file) {
  absl::StatusOr<std::shared_ptr<const MappedFile>> mapped = MappedFile::Open(file);
  if (!mapped.ok()) return mapped.status();
  const std::string_view bytes = (*mapped)->text();
  const absl::Status damaged = absl::DataLossError(absl::StrCat(file.string(), ": not tokenised data, or damaged"));
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) return damaged;
  std::uint64_t checksum = 0;
  std::uint64_t size = 0;
  Reader header(bytes.substr(kMagic.size(), 16));
  if (!header.Take(checksum) || !header.Take(size)) return damaged;
  const std::string_view body = bytes.substr(kHeaderBytes);
  TokenizedData data;
  if (body.size() != size || Checksum(body) != checksum || !Parse(Reader(body), data)) return damaged;
  return data;
}

}  // namespace lorasweep::text
