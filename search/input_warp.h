#pragma once

namespace lorasweep::search {

// A coordinate bent by Kumaraswamy's distribution function w(x) = 1 - (1 - xᵃ)ᵇ, so that what varies fast in one part
// of a range and slowly in another is even (input warping; Snoek et al. 2014). It ascends from 0 to 1; a = b = 1 leaves
// x alone. x is in [0, 1], a and b are positive; slopes are finite at the ends too.
struct InputWarp {
  InputWarp(double x, double a, double b);

  double value;
  double by_x;
  double by_log_a;  // derivatives by the logarithms of a and b
  double by_log_b;
};

}  // namespace lorasweep::search
