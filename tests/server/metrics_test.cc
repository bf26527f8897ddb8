#include "server/metrics.h"

#include <catch2/catch.hpp>

#include <set>
#include <sstream>
#include <string>

#include "tests/server/world.h"

namespace lorasweep::server {
namespace {

// Every line is a comment or NAME{labels} NUMBER, and no family is told twice.
void CheckForm(const std::string& text) {
  std::istringstream lines(text);
  std::set<std::string> families;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    if (line.starts_with("# HELP ")) {
      CHECK(families.insert(line.substr(7, line.find(' ', 7) - 7)).second);
    } else if (!line.starts_with("# TYPE ")) {
      const std::size_t space = line.rfind(' ');
      REQUIRE(space != std::string::npos);
      CHECK(line.starts_with("lorasweep_"));
      CHECK_NOTHROW(std::stod(line.substr(space + 1)));
    }
  }
  CHECK(text.ends_with("\n"));
}

bool Says(const std::string& text, const std::string& line) {
  INFO(text << "\nlacks " << line);
  const bool says = text.find("\n" + line + "\n") != std::string::npos;
  CHECK(says);
  return says;
}

TEST_CASE("A histogram counts each duration once, in the bucket that it fits") {
  DurationHistogram histogram;
  for (const double seconds : {0.0, 0.0001, 0.00011, 0.3, 10.0, 11.0}) histogram.Add(absl::Seconds(seconds));
  std::string text = "\n";
  histogram.Append("lorasweep_x_seconds", "Time.", &text);
  Says(text, "# TYPE lorasweep_x_seconds histogram");
  Says(text, "lorasweep_x_seconds_bucket{le=\"0.0001\"} 2");
  Says(text, "lorasweep_x_seconds_bucket{le=\"0.00025\"} 3");
  Says(text, "lorasweep_x_seconds_bucket{le=\"0.25\"} 3");
  Says(text, "lorasweep_x_seconds_bucket{le=\"0.5\"} 4");
  Says(text, "lorasweep_x_seconds_bucket{le=\"10\"} 5");
  Says(text, "lorasweep_x_seconds_bucket{le=\"+Inf\"} 6");
  Says(text, "lorasweep_x_seconds_count 6");
  CHECK(histogram.count() == 6);
}

TEST_CASE("A coordinator tells what it did and how things are") {
  World world;
  CheckForm(world.coordinator->Metrics());
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(4));
  const v1::Lease first = world.LeaseOne("workers/a");
  const v1::Lease second = world.LeaseOne("workers/a");
  world.Report("workers/a", first.token(), {Loss(20, 2.0), Loss(40, 1.5)});
  world.Report("workers/a", first.token(), {Loss(40, 1.5)});  // repeated: counts as a report only
  world.Complete("workers/a", first.token(), 1.0);
  const std::string text = world.coordinator->Metrics();
  CheckForm(text);
  Says(text, "lorasweep_reports_total 2");
  Says(text, "lorasweep_observations_total 3");
  Says(text, "lorasweep_leases_total 2");
  Says(text, "lorasweep_leases 1");
  Says(text, "lorasweep_workers 1");
  Says(text, "lorasweep_sweeps{state=\"running\"} 1");
  Says(text, "lorasweep_trials{state=\"running\"} 1");
  Says(text, "lorasweep_trials{state=\"completed\"} 1");
  Says(text, "lorasweep_trials{state=\"queued\"} 0");
  Says(text, "lorasweep_ask_seconds_count 2");
  world.Expire();
  const std::string later = world.coordinator->Metrics();
  Says(later, "lorasweep_leases_expired_total 1");
  Says(later, "lorasweep_leases 0");
  Says(later, "lorasweep_workers 0");
  Says(later, "lorasweep_trials{state=\"queued\"} 1");
}

}  // namespace
}  // namespace lorasweep::server
