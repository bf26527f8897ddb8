#include "cli/output.h"

#include <algorithm>
#include <numeric>

#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

namespace lorasweep::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;  // no flexible column is made narrower than this
constexpr std::size_t kShortestTitle = 4;

std::vector<std::size_t> ColumnsFor(const Table& table, Shown rendering) {
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].shown == Shown::kAlways || table.columns[i].shown == rendering) columns.push_back(i);
  }
  return columns;
}

// Columns before the point, or before what else ends the whole part (3e-4): what Align::kDecimal lines up.
std::size_t WidthBeforePoint(const std::string& text) {
  return std::min(text.find_first_not_of("+-0123456789,"), text.size());
}

// The cells of one column, padded among each other so that left alignment is enough afterwards.
std::vector<std::string> AlignColumn(const Table& table, std::size_t column) {
  std::vector<std::string> texts;
  texts.reserve(table.rows.size());
  for (const auto& row : table.rows) texts.push_back(Printable(row[column].text));
  if (table.columns[column].align == Align::kDecimal) {
    std::size_t before = 0;
    for (const std::string& text : texts) before = std::max(before, WidthBeforePoint(text));
    for (std::string& text : texts) {
      if (!text.empty()) text.insert(0, before - WidthBeforePoint(text), ' ');
    }
  }
  return texts;
}

// Takes what is too much away from the widest flexible column, again and again; then from the titles that are wider
// than what stands under them, because a name can be guessed and a number cannot. `cells`: the widths without titles.
void FitWidths(std::vector<std::size_t>& widths, const std::vector<std::size_t>& cells, const Table& table,
               const std::vector<std::size_t>& columns, std::size_t terminal_width) {
  if (terminal_width == 0 || widths.empty()) return;
  const auto total = [&] { return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1)); };
  // `spare` of a column: 0 when nothing may be taken from it; of the others, the greatest comes first.
  const auto shrink = [&](const auto& spare) {
    while (total() > terminal_width) {
      std::size_t most = 0;
      for (std::size_t i = 1; i < widths.size(); ++i) {
        if (spare(i) > spare(most)) most = i;
      }
      if (spare(most) == 0) return;
      --widths[most];
    }
  };
  shrink([&](std::size_t i) {
    return table.columns[columns[i]].flexible && widths[i] > kNarrowest ? widths[i] : std::size_t{0};
  });
  shrink([&](std::size_t i) { return widths[i] - std::min(widths[i], std::max(cells[i], kShortestTitle)); });
}

std::string CsvField(const std::string& text) {
  if (text.find_first_of("\",\r\n") == std::string::npos) return text;
  std::string quoted(1, '"');
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

// YAML readers take these plain words for something else than text.
bool NeedsQuotes(const std::string& text) {
  static const std::vector<std::string> kWords = {"true", "false", "yes", "no", "on", "off", "null", "~", "y", "n"};
  if (text.empty() || text == "<<" || text == "=") return true;
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (std::find(kWords.begin(), kWords.end(), lower) != kWords.end()) return true;
  return text.find_first_of("0123456789") != std::string::npos &&
         text.find_first_not_of("0123456789+-.eExXoOaAbBcCdDfFTZ:_ ") == std::string::npos;
}

void Emit(YAML::Emitter& emitter, const nlohmann::ordered_json& value) {
  if (value.is_object()) {
    emitter << YAML::BeginMap;
    for (const auto& [key, item] : value.items()) {
      if (NeedsQuotes(key)) emitter << YAML::DoubleQuoted;
      emitter << YAML::Key << key << YAML::Value;
      Emit(emitter, item);
    }
    emitter << YAML::EndMap;
  } else if (value.is_array()) {
    emitter << YAML::BeginSeq;
    for (const auto& item : value) Emit(emitter, item);
    emitter << YAML::EndSeq;
  } else if (value.is_string()) {
    const std::string text = value.get<std::string>();
    if (NeedsQuotes(text)) emitter << YAML::DoubleQuoted;
    emitter << text;
  } else if (value.is_null()) {
    emitter << YAML::Null;
  } else {
    emitter << value.dump();
  }
}

}  // namespace

absl::StatusOr<OutputFormat> ParseOutputFormat(std::string_view text) {
  if (text == "table") return OutputFormat::kTable;
  if (text == "json") return OutputFormat::kJson;
  if (text == "csv") return OutputFormat::kCsv;
  if (text == "yaml") return OutputFormat::kYaml;
  return absl::InvalidArgumentError("--output is '" + std::string(text) + "'; it can be table, json, csv or yaml");
}

std::vector<std::string> RenderTable(const Table& table, const Terminal& terminal) {
  const std::vector<std::size_t> columns = ColumnsFor(table, Shown::kTableOnly);
  std::vector<std::vector<std::string>> texts;
  std::vector<std::size_t> cells;
  std::vector<std::size_t> widths;
  for (const std::size_t column : columns) {
    texts.push_back(AlignColumn(table, column));
    std::size_t width = 0;
    for (const std::string& text : texts.back()) width = std::max(width, DisplayWidth(text));
    cells.push_back(width);
    widths.push_back(std::max(width, DisplayWidth(table.columns[column].title)));
  }
  FitWidths(widths, cells, table, columns, terminal.width);

  const auto place = [&](StyledLine& line, std::size_t i, const std::string& text, Style style) {
    if (i > 0) line.Add(std::string(kGap, ' '));
    const std::string fitted = Shorten(text, widths[i]);
    const bool right = table.columns[columns[i]].align == Align::kRight;
    line.Add(right ? PadLeft(fitted, widths[i]) : PadRight(fitted, widths[i]), style);
  };
  std::vector<std::string> lines;
  StyledLine header;
  bool titled = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    titled = titled || !table.columns[columns[i]].title.empty();
    place(header, i, table.columns[columns[i]].title, Style::kBold);
  }
  if (titled) lines.push_back(header.Render(terminal.width, terminal.colour));
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    StyledLine line;
    for (std::size_t i = 0; i < columns.size(); ++i) place(line, i, texts[i][r], table.rows[r][columns[i]].style);
    lines.push_back(line.Render(terminal.width, terminal.colour));
  }
  return lines;
}

std::string RenderCsv(const Table& table) {
  const std::vector<std::size_t> columns = ColumnsFor(table, Shown::kCsvOnly);
  std::string csv;
  const auto add = [&csv](std::size_t i, const std::string& text) {
    if (i > 0) csv += ',';
    csv += CsvField(text);
  };
  for (std::size_t i = 0; i < columns.size(); ++i) add(i, table.columns[columns[i]].key);
  csv += "\r\n";
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < columns.size(); ++i) add(i, row[columns[i]].exact);
    csv += "\r\n";
  }
  return csv;
}

std::string RenderYaml(const nlohmann::ordered_json& value) {
  YAML::Emitter emitter;
  Emit(emitter, value);
  return std::string(emitter.c_str(), emitter.size()) + "\n";
}

void PrintAnswer(const Table& table, const nlohmann::ordered_json& json, OutputFormat format, const Terminal& terminal,
                 std::ostream& out) {
  switch (format) {
    case OutputFormat::kTable:
      for (const std::string& line : RenderTable(table, terminal)) out << line << '\n';
      return;
    case OutputFormat::kJson:
      out << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
      return;
    case OutputFormat::kCsv:
      out << RenderCsv(table);
      return;
    case OutputFormat::kYaml:
      out << RenderYaml(json);
      return;
  }
}

}  // namespace lorasweep::cli
