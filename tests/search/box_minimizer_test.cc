#include "search/box_minimizer.h"

#include <cmath>

#include <catch2/catch.hpp>

namespace lorasweep::search {
namespace {

using Eigen::VectorXd;

double Rosenbrock(const VectorXd& x, VectorXd* gradient) {
  gradient->setZero(x.size());
  double sum = 0;
  for (Eigen::Index i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i];
    const double b = 1 - x[i];
    sum += 100 * a * a + b * b;
    (*gradient)[i] += -400 * a * x[i] - 2 * b;
    (*gradient)[i + 1] += 200 * a;
  }
  return sum;
}

TEST_CASE("A minimum inside the box is found", "[search][gp]") {
  const VectorXd low = VectorXd::Constant(6, -2);
  const VectorXd high = VectorXd::Constant(6, 2);
  const BoxMinimum found = MinimizeInBox(Rosenbrock, VectorXd::Constant(6, -1.2), low, high, {500, 1e-8, 0});
  INFO(found.x.transpose() << " after " << found.evaluations);
  // The function has a second, higher minimum near (-1, 1, 1, …).
  CHECK((found.value < 1e-10 || std::abs(found.value - 3.98) < 0.01));
  CHECK(found.evaluations < 300);
}

TEST_CASE("A minimum on the bounds is found", "[search][gp]") {
  const VectorXd low = VectorXd::Constant(2, -2);
  const VectorXd high = (VectorXd(2) << 0.5, 2).finished();
  const BoxMinimum found = MinimizeInBox(Rosenbrock, VectorXd::Constant(2, -1), low, high, {200, 1e-8, 0});
  CHECK(found.x[0] == 0.5);
  CHECK(found.x[1] == Approx(0.25).margin(1e-6));
}

TEST_CASE("The search never leaves the box nor ends above its start", "[search][gp]") {
  const VectorXd low = VectorXd::Zero(3);
  const VectorXd high = VectorXd::Ones(3);
  const SmoothFunction wild = [&](const VectorXd& x, VectorXd* gradient) {
    CHECK((x.array() >= 0).all());
    CHECK((x.array() <= 1).all());
    gradient->setConstant(3, x[0] > 0.5 ? NAN : 50 * std::cos(50 * x.sum()));
    return x[0] > 0.5 ? NAN : std::sin(50 * x.sum());
  };
  const VectorXd start = VectorXd::Constant(3, 0.3);
  VectorXd ignored(3);
  const double at_start = wild(start, &ignored);
  for (const int evaluations : {1, 2, 10, 100}) {
    const BoxMinimum found = MinimizeInBox(wild, start, low, high, {evaluations, 1e-9, 0});
    CHECK(found.value <= at_start);
    CHECK(found.evaluations <= evaluations);
  }
}

TEST_CASE("A start outside the box is moved into it", "[search][gp]") {
  const BoxMinimum found = MinimizeInBox(Rosenbrock, VectorXd::Constant(2, 50), VectorXd::Zero(2), VectorXd::Ones(2));
  CHECK(found.value < 1e-6);
}

}  // namespace
}  // namespace lorasweep::search
