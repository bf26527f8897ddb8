#include "cli/data_view.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/length_statistics.h"

namespace lorasweep::cli {
namespace {

// Adds text that may have several lines.
void AddText(std::string_view text, bool learned, std::vector<StyledLine>& lines) {
  const Style style = learned ? Style::kGood : Style::kPlain;
  while (true) {
    const std::size_t end = text.find('\n');
    lines.back().Add(text.substr(0, end), style);
    if (end == std::string_view::npos) return;
    if (learned) lines.back().Add("⏎", style);
    lines.emplace_back();
    text.remove_prefix(end + 1);
  }
}

std::int64_t OverLength(const text::DataReport& report, std::int64_t max_length) {
  return std::count_if(report.lengths.begin(), report.lengths.end(),
                       [max_length](std::int32_t length) { return length > max_length; });
}

std::string SplitText(const LengthStatistics& split) {
  if (split.count == 0) return "none";
  const double share = static_cast<double>(split.learned_tokens) / static_cast<double>(split.tokens);
  return absl::StrCat(Plural(split.count, "sequence"), ", ", FormatCount(split.tokens), " tokens, ",
                      FormatPercent(share), " learned");
}

}  // namespace

std::vector<StyledLine> MarkedLines(const chat::Supervised& row, bool colour) {
  std::vector<StyledLine> lines(1);
  const std::string_view text = row.text;
  std::size_t at = 0;
  for (const chat::ByteSpan& span : row.learned) {
    AddText(text.substr(at, span.begin - at), false, lines);
    if (!colour) lines.back().Add("⟦");
    AddText(text.substr(span.begin, span.end - span.begin), true, lines);
    if (!colour) lines.back().Add("⟧");
    at = span.end;
  }
  AddText(text.substr(at), false, lines);
  if (lines.size() > 1 && lines.back().width() == 0) lines.pop_back();
  return lines;
}

nlohmann::ordered_json RowJson(const chat::PreviewRow& row) {
  nlohmann::ordered_json learned = nlohmann::ordered_json::array();
  for (const chat::ByteSpan& span : row.supervised.learned) learned.push_back({span.begin, span.end});
  const text::Sequence& sequence = row.supervised.sequence;
  return {{"where", row.where},
          {"text", row.supervised.text},
          {"learned", learned},
          {"tokens", sequence.ids.size()},
          {"learned_tokens", sequence.LearnedTokens()},
          {"ids", sequence.ids},
          {"mask", sequence.learned}};
}

std::vector<std::pair<std::string, std::string>> DataFacts(const text::TokenizedData& data, std::int64_t max_length) {
  const LengthStatistics lengths = StatisticsOfLengths(data.report.lengths);
  const auto rows = static_cast<std::int64_t>(data.train.size());
  return {{"rows read", ReportText(data.report)},
          {"lengths before max_length",
           absl::StrCat(lengths.shortest, " to ", FormatCount(lengths.longest), ", median ",
                        FormatCount(lengths.median), ", 90 % within ", FormatCount(lengths.p90), ", 95 % ",
                        FormatCount(lengths.p95), ", 99 % ", FormatCount(lengths.p99), "; ",
                        FormatCount(OverLength(data.report, max_length)), " over ", FormatCount(max_length))},
          {"training", absl::StrCat(Plural(rows, "row"), ", ", SplitText(StatisticsOf(data.train)))},
          {"validation", SplitText(StatisticsOf(data.validation))},
          {"test", SplitText(StatisticsOf(data.test))}};
}

nlohmann::ordered_json DataJson(const text::TokenizedData& data, std::int64_t max_length) {
  nlohmann::ordered_json lengths = LengthJson(StatisticsOfLengths(data.report.lengths));
  lengths.erase("learned_tokens");
  lengths["max_length"] = max_length;
  lengths["over_max_length"] = OverLength(data.report, max_length);
  nlohmann::ordered_json json = ReportJson(data.report);
  json["lengths"] = lengths;
  json["training_rows"] = data.train.size();
  json["train"] = LengthJson(StatisticsOf(data.train));
  json["validation"] = LengthJson(StatisticsOf(data.validation));
  json["test"] = LengthJson(StatisticsOf(data.test));
  json["key"] = data.key;
  return json;
}

}  // namespace lorasweep::cli
