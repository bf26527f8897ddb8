#pragma once

#include <memory>
#include <vector>

#include "search/sampler.h"

namespace lorasweep::search {

// A point that a sweep begins with.
struct StartPoint {
  Params params;       // of some or all free parameters
  std::string source;  // where it comes from, for people; may be empty
};

// Begins with given points, in their order, then leaves the word to another sampler. What a point does not name is
// drawn at random. A point is past once any trial has all that it names. Errors: those of WantedPoint, where the space
// does not have a point.
class StartPointsSampler : public Sampler {
 public:
  StartPointsSampler(std::unique_ptr<Sampler> inner, std::vector<StartPoint> points);

  absl::StatusOr<Proposal> Suggest(const SweepView& view, std::uint64_t seed) const override;

 private:
  const std::unique_ptr<Sampler> inner_;
  const std::vector<StartPoint> points_;
};

}  // namespace lorasweep::search
