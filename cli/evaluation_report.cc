#include "cli/evaluation_report.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/format.h"

namespace lorasweep::cli {
namespace {

std::string IntervalText(const std::optional<search::Interval>& interval) {
  if (!interval) return "";
  return absl::StrCat(" [", FormatNumber(interval->low), ", ", FormatNumber(interval->high), "]");
}

std::string ChangeText(const Quality& quality) {
  if (!quality.change) return "";
  const std::string value = FormatMeasured(*quality.change);
  return quality.is_ratio ? absl::StrCat("× ", value) : quality.change->value > 0 ? absl::StrCat("+", value) : value;
}

// A number, and its interval as two fields more of csv.
void AddColumns(Table& table, const std::string& title, const std::string& key) {
  table.columns.push_back({title, key, Align::kDecimal});
  table.columns.push_back({"", key + "_low", Align::kLeft, Shown::kCsvOnly});
  table.columns.push_back({"", key + "_high", Align::kLeft, Shown::kCsvOnly});
}

void AddCells(std::vector<Cell>& row, const std::string& text, const std::optional<Measured>& measured) {
  row.emplace_back(text, measured ? ExactNumber(measured->value) : "");
  const bool interval = measured && measured->interval;
  row.emplace_back(interval ? ExactNumber(measured->interval->low) : "");
  row.emplace_back(interval ? ExactNumber(measured->interval->high) : "");
}

nlohmann::ordered_json Json(const std::optional<Measured>& measured) {
  if (!measured) return {};
  nlohmann::ordered_json json = {{"value", measured->value}};
  json["low"] = measured->interval ? nlohmann::ordered_json(measured->interval->low) : nlohmann::ordered_json();
  json["high"] = measured->interval ? nlohmann::ordered_json(measured->interval->high) : nlohmann::ordered_json();
  return json;
}

}  // namespace

std::string FormatMeasured(const Measured& measured) {
  return FormatNumber(measured.value) + IntervalText(measured.interval);
}

Table QualityTable(std::span<const Quality> qualities) {
  bool base = false;
  bool tuned = false;
  for (const Quality& quality : qualities) {
    base = base || quality.base;
    tuned = tuned || quality.tuned;
  }
  Table table;
  table.columns = {{"metric", "metric"}};
  if (base) AddColumns(table, "base [95 %]", "base");
  if (tuned) AddColumns(table, "tuned [95 %]", "tuned");
  if (base && tuned) {
    AddColumns(table, "change [95 %]", "change");
    table.columns.push_back({"p", "p_value", Align::kDecimal});
  }
  table.columns.push_back({"cases", "cases", Align::kRight});
  for (const Quality& quality : qualities) {
    std::vector<Cell> row = {quality.metric};
    const auto text = [](const std::optional<Measured>& one) { return one ? FormatMeasured(*one) : ""; };
    if (base) AddCells(row, text(quality.base), quality.base);
    if (tuned) AddCells(row, text(quality.tuned), quality.tuned);
    if (base && tuned) {
      AddCells(row, ChangeText(quality), quality.change);
      row.push_back(quality.p_value ? Cell(FormatNumber(*quality.p_value, 2), ExactNumber(*quality.p_value))
                                    : Cell(""));
    }
    row.emplace_back(FormatCount(quality.cases), std::to_string(quality.cases));
    table.rows.push_back(std::move(row));
  }
  return table;
}

nlohmann::ordered_json QualityJson(std::span<const Quality> qualities) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Quality& quality : qualities) {
    nlohmann::ordered_json one = {{"metric", quality.metric}, {"cases", quality.cases}};
    one["base"] = Json(quality.base);
    one["tuned"] = Json(quality.tuned);
    one["change"] = Json(quality.change);
    one["change_is_ratio"] = quality.is_ratio;
    one["p_value"] = quality.p_value ? nlohmann::ordered_json(*quality.p_value) : nlohmann::ordered_json();
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<v1::Measurement> ToMeasurements(std::span<const Quality> qualities, const std::string& name,
                                            const std::string& source) {
  std::vector<v1::Measurement> measurements;
  for (const Quality& quality : qualities) {
    if (!quality.tuned) continue;
    v1::Measurement& measurement = measurements.emplace_back();
    measurement.set_metric(absl::StrCat(name, "/", quality.metric));
    measurement.set_value(quality.tuned->value);
    if (quality.tuned->interval) {
      measurement.set_low(quality.tuned->interval->low);
      measurement.set_high(quality.tuned->interval->high);
    }
    measurement.set_count(quality.cases);
    if (quality.base) measurement.set_base_value(quality.base->value);
    measurement.set_source(source);
  }
  return measurements;
}

}  // namespace lorasweep::cli
