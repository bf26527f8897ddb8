#include "cli/length_statistics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/format.h"

namespace lorasweep::cli {
namespace {

void Add(const text::Sequence& sequence, std::vector<std::int32_t>* lengths, std::int64_t* learned) {
  lengths->push_back(static_cast<std::int32_t>(sequence.ids.size()));
  *learned += sequence.LearnedTokens();
}

}  // namespace

LengthStatistics StatisticsOfLengths(std::vector<std::int32_t> lengths) {
  LengthStatistics statistics;
  if (lengths.empty()) return statistics;
  std::sort(lengths.begin(), lengths.end());
  const auto percentile = [&](std::size_t percent) {
    return std::int64_t{lengths[(lengths.size() * percent + 99) / 100 - 1]};
  };
  statistics.count = static_cast<std::int64_t>(lengths.size());
  for (const std::int32_t length : lengths) statistics.tokens += length;
  statistics.shortest = lengths.front();
  statistics.median = percentile(50);
  statistics.p90 = percentile(90);
  statistics.p95 = percentile(95);
  statistics.p99 = percentile(99);
  statistics.longest = lengths.back();
  return statistics;
}

LengthStatistics StatisticsOf(const std::vector<text::Sequence>& sequences) {
  std::vector<std::int32_t> lengths;
  std::int64_t learned = 0;
  for (const text::Sequence& sequence : sequences) Add(sequence, &lengths, &learned);
  LengthStatistics statistics = StatisticsOfLengths(std::move(lengths));
  statistics.learned_tokens = learned;
  return statistics;
}

LengthStatistics StatisticsOf(const std::vector<text::Row>& rows) {
  std::vector<std::int32_t> lengths;
  std::int64_t learned = 0;
  for (const text::Row& row : rows) {
    for (const text::Sequence& sequence : row.sequences) Add(sequence, &lengths, &learned);
  }
  LengthStatistics statistics = StatisticsOfLengths(std::move(lengths));
  statistics.learned_tokens = learned;
  return statistics;
}

std::string LengthText(const LengthStatistics& statistics) {
  return absl::StrCat(Plural(statistics.count, "sequence"), ", ", FormatCount(statistics.tokens), " tokens (",
                      FormatCount(statistics.learned_tokens), " learned), length ", statistics.shortest, " to ",
                      FormatCount(statistics.longest), ", median ", FormatCount(statistics.median), ", 95 % within ",
                      FormatCount(statistics.p95));
}

nlohmann::ordered_json LengthJson(const LengthStatistics& statistics) {
  return {
      {"sequences", statistics.count},   {"tokens", statistics.tokens}, {"learned_tokens", statistics.learned_tokens},
      {"shortest", statistics.shortest}, {"median", statistics.median}, {"p90", statistics.p90},
      {"p95", statistics.p95},           {"p99", statistics.p99},       {"longest", statistics.longest}};
}

std::string ReportText(const text::DataReport& report) {
  std::string text = absl::StrCat(FormatCount(report.rows_read), ": ", FormatCount(report.duplicates), " duplicate, ",
                                  FormatCount(report.rows_without_target), " without anything to learn, ");
  // Only where the recipe asks for it.
  if (report.not_chosen > 0) absl::StrAppend(&text, FormatCount(report.not_chosen), " not chosen, ");
  if (report.too_long > 0) absl::StrAppend(&text, FormatCount(report.too_long), " too long, ");
  absl::StrAppend(&text, FormatCount(report.truncated), " cut to max_length");
  return text;
}

nlohmann::ordered_json ReportJson(const text::DataReport& report) {
  return {{"rows_read", report.rows_read},
          {"duplicates", report.duplicates},
          {"rows_without_target", report.rows_without_target},
          {"not_chosen", report.not_chosen},
          {"too_long", report.too_long},
          {"truncated", report.truncated}};
}

}  // namespace lorasweep::cli
