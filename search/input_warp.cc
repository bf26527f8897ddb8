#include "search/input_warp.h"

#include <cmath>

namespace lorasweep::search {
namespace {

// How far from the ends x is kept, where slopes may be infinite.
constexpr double kEnd = 1e-6;

}  // namespace

InputWarp::InputWarp(double x, double a, double b) {
  const double inner = kEnd + (1 - 2 * kEnd) * x;
  const double log_inner = std::log(inner);
  const double power = std::exp(a * log_inner);           // xᵃ
  const double log_rest = std::log1p(-power);             // log(1 - xᵃ)
  const double rest_power = std::exp(b * log_rest);       // (1 - xᵃ)ᵇ
  const double outer = b * std::exp((b - 1) * log_rest);  // of w by xᵃ
  value = 1 - rest_power;
  by_x = (1 - 2 * kEnd) * outer * a * power / inner;
  by_log_a = outer * a * power * log_inner;
  by_log_b = -b * rest_power * log_rest;
}

}  // namespace lorasweep::search
