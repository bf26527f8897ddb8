#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "cli/display_text.h"
#include "cli/terminal.h"

namespace lorasweep::cli {

enum class OutputFormat { kTable, kJson, kCsv, kYaml };

// "table", "json", "csv" or "yaml"; InvalidArgument lists them.
absl::StatusOr<OutputFormat> ParseOutputFormat(std::string_view text);

// kDecimal puts the points of numbers under each other ("0.8217 ± 0.0006" under "12.35").
enum class Align { kLeft, kRight, kDecimal };

// Which renderings show a column: one cell for people may be several fields of csv.
enum class Shown { kAlways, kTableOnly, kCsvOnly };

struct Column {
  std::string title;  // for people, with the unit
  std::string key;    // csv header, snake_case
  Align align = Align::kLeft;
  Shown shown = Shown::kAlways;
  bool flexible = false;  // may be shortened when the terminal is too narrow
};

struct Cell {
  Cell(std::string both) : text(both), exact(std::move(both)) {}  // NOLINT: rows read best without the type's name
  Cell(const char* both) : Cell(std::string(both)) {}             // NOLINT
  Cell(std::string shown, std::string exact_value, Style cell_style = Style::kPlain)
      : text(std::move(shown)), exact(std::move(exact_value)), style(cell_style) {}

  std::string text;   // for people
  std::string exact;  // for csv
  Style style = Style::kPlain;
};

// Rows of cells, as many a row as there are columns.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

// The table as lines for people: a header (none where all titles are empty), then rows; columns two spaces apart. Where
// it is wider than `terminal`, flexible columns are shortened, then titles, then lines are cut at the edge.
std::vector<std::string> RenderTable(const Table& table, const Terminal& terminal);

// RFC 4180: CRLF line ends, quotes where needed.
std::string RenderCsv(const Table& table);

// Block style, and readable back as the same values: texts that look like numbers or flags are quoted.
std::string RenderYaml(const nlohmann::ordered_json& value);

// One answer in the wanted format: `table` for people and csv, `json` for json and yaml.
void PrintAnswer(const Table& table, const nlohmann::ordered_json& json, OutputFormat format, const Terminal& terminal,
                 std::ostream& out);

}  // namespace lorasweep::cli
