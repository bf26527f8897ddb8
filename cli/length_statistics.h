#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "trainer_core/text/tokenized_data.h"

namespace lorasweep::cli {

// Lengths of sequences, in tokens. A percentile p is the smallest length that p % of the sequences do not exceed.
struct LengthStatistics {
  std::int64_t count = 0;
  std::int64_t tokens = 0;
  std::int64_t learned_tokens = 0;
  std::int64_t shortest = 0;
  std::int64_t median = 0;
  std::int64_t p90 = 0;
  std::int64_t p95 = 0;
  std::int64_t p99 = 0;
  std::int64_t longest = 0;
};

// learned_tokens stays 0.
LengthStatistics StatisticsOfLengths(std::vector<std::int32_t> lengths);
LengthStatistics StatisticsOf(const std::vector<text::Sequence>& sequences);
LengthStatistics StatisticsOf(const std::vector<text::Row>& rows);

// "90 sequences, 12,345 tokens (6,789 learned), length 12 to 512, median 130, 95 % within 402".
std::string LengthText(const LengthStatistics& statistics);
nlohmann::ordered_json LengthJson(const LengthStatistics& statistics);

// "1,000: 3 duplicate, 2 without anything to learn, 5 too long, 40 cut to max_length".
std::string ReportText(const text::DataReport& report);
nlohmann::ordered_json ReportJson(const text::DataReport& report);

}  // namespace lorasweep::cli
