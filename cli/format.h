#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/display_text.h"
#include "lorasweep/v1/sweep.pb.h"

// The one place that turns numbers, times and states into text for people. Files and json get exact values instead.
namespace lorasweep::cli {

// "0.0003" → "3e-4", 0.05 → "0.05", 16 → "16": `significant` digits without trailing zeros, powers of ten where they
// are shorter. NaN and infinity as "NaN", "∞", "-∞".
std::string FormatNumber(double value, int significant = 3);

// The shortest text that reads back as the same double: for csv.
std::string ExactNumber(double value);

// How many digits after the point a standard error justifies: one digit of the error, two where the first is a 1.
int DecimalsFor(double standard_error);

// "0.8217 ± 0.0006". Without a standard error (0 or not finite) four digits after the point and no "±".
std::string FormatEstimate(double value, double standard_error);

// As FormatEstimate with a sign: "+0.0081 ± 0.0005".
std::string FormatDifference(double difference, double standard_error);

// A metric without a known error: "0.8217", "12.35", "3.1e-5".
std::string FormatMetric(double value);

std::string FormatCount(std::int64_t count);                 // "1,234,567"
std::string FormatBytes(double bytes);                       // "98.1 MB", powers of 1000
std::string FormatPercent(double share);                     // 0.4375 → "44 %"
std::string FormatDuration(double seconds);                  // "8 s", "6 min", "1 h 20 min", "3 d 4 h"
std::string FormatAge(std::int64_t then, std::int64_t now);  // seconds since 1970; "just now", "6 min ago"; "" for 0

std::string FormatValue(const v1::Value& value);  // a parameter for people: "3.1e-4", "16", "linear", "true"
std::string ExactValue(const v1::Value& value);   // the same for csv

// "running", "done", "pruned", …
std::string_view StateWord(v1::Trial::State state);
std::string_view StateWord(v1::Sweep::State state);
// ● running  ✓ done  ✕ pruned  ! failed or infeasible  ‖ paused  · queued  ○ cancelled
std::string_view StateMark(v1::Trial::State state);
std::string_view StateMark(v1::Sweep::State state);
Style StateStyle(v1::Trial::State state);
Style StateStyle(v1::Sweep::State state);

// "1 trial", "2 trials".
std::string Plural(std::int64_t count, std::string_view noun);

}  // namespace lorasweep::cli
