#include "search/gaussian_process.h"

#include <cmath>

#include "search/gp_fit.h"
#include "search/input_warp.h"
#include "search/rng.h"
#include "tests/search/reference.h"
#include "tests/search/support.h"

// Compares with what scikit-learn computed (reference/make_gp_reference.py), and gradients with finite differences.
namespace lorasweep::search {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using nlohmann::json;
using testing::Reference;

VectorXd Vector(const json& numbers) {
  VectorXd vector(static_cast<Index>(numbers.size()));
  for (Index i = 0; i < vector.size(); ++i) vector[i] = numbers[static_cast<std::size_t>(i)];
  return vector;
}

// A column for each row of numbers.
MatrixXd Columns(const json& rows) {
  MatrixXd matrix(static_cast<Index>(rows[0].size()), static_cast<Index>(rows.size()));
  for (Index i = 0; i < matrix.cols(); ++i) matrix.col(i) = Vector(rows[static_cast<std::size_t>(i)]);
  return matrix;
}

// Two numeric axes and a categorical one, a smooth function and a few observations.
GpData MixedData(Index count) {
  Rng rng(11);
  GpData data{{false, true, false}, MatrixXd(3, count), VectorXd(count)};
  for (Index i = 0; i < count; ++i) {
    data.points.col(i) << rng.Uniform(), static_cast<double>(rng.Below(3)) / 3, rng.Uniform();
    data.values[i] = std::sin(4 * data.points(0, i)) + data.points(1, i) - data.points(2, i);
  }
  return data;
}

GpParams MixedParams() {
  return {(VectorXd(3) << 3.0, 0.7, 12.0).finished(), 1.3, 0.02};
}

GpParams WarpedParams() {
  GpParams params = MixedParams();
  params.warp_a = (VectorXd(3) << 0.6, 1.0, 1.7).finished();
  params.warp_b = (VectorXd(3) << 1.4, 1.0, 0.5).finished();
  return params;
}

double* Hyperparameter(GpParams* params, Index i) {
  const Index axes = params->inverse_squares.size();
  if (i < axes) return &params->inverse_squares[i];
  if (i < axes + 2) return i == axes ? &params->signal : &params->noise;
  return i < 2 * axes + 2 ? &params->warp_a[i - axes - 2] : &params->warp_b[i - 2 * axes - 2];
}

using Objective = double (*)(const GpData&, const GpParams&, VectorXd*);

void CheckGradient(Objective objective, const GpParams& params) {
  const GpData data = MixedData(20);
  VectorXd gradient;
  objective(data, params, &gradient);
  REQUIRE(gradient.size() == 5 + 2 * params.warp_a.size());
  for (Index i = 0; i < gradient.size(); ++i) {
    GpParams high = params;
    GpParams low = params;
    *Hyperparameter(&high, i) *= std::exp(1e-5);
    *Hyperparameter(&low, i) *= std::exp(-1e-5);
    const double difference = (objective(data, high, nullptr) - objective(data, low, nullptr)) / 2e-5;
    INFO("hyperparameter " << i);
    CHECK(gradient[i] == Approx(difference).epsilon(1e-5).margin(1e-6));
  }
}

TEST_CASE("A Gaussian process agrees with scikit-learn's to 1e-8", "[search][gp]") {
  const json processes = Reference("gp.json", "processes");
  for (const json& test : processes) {
    GpData data{std::vector<bool>(test["lengths"].size(), false), Columns(test["points"]), Vector(test["values"])};
    const VectorXd lengths = Vector(test["lengths"]);
    const GpParams params{lengths.array().square().inverse(), test["signal"], test["noise"]};
    VectorXd gradient;
    const double likelihood = LogMarginalLikelihood(data, params, &gradient);
    CHECK(likelihood == Approx(test["log_likelihood"].get<double>()).epsilon(1e-8));
    for (Index j = 0; j < lengths.size(); ++j) {
      // log(1 / l²) = -2 log l.
      CHECK(-2 * gradient[j] == Approx(test["by_length"][static_cast<std::size_t>(j)].get<double>()).epsilon(1e-8));
    }
    CHECK(gradient[lengths.size()] == Approx(test["by_signal"].get<double>()).epsilon(1e-8));
    CHECK(gradient[lengths.size() + 1] == Approx(test["by_noise"].get<double>()).epsilon(1e-8));

    const MatrixXd queries = Columns(test["queries"]);
    const GaussianProcess process(data, params);
    VectorXd means;
    VectorXd variances;
    process.PredictAll(queries, &means, &variances);
    for (Index q = 0; q < queries.cols(); ++q) {
      const auto [mean, variance] = process.Predict(queries.col(q));
      CHECK(mean == Approx(test["means"][static_cast<std::size_t>(q)].get<double>()).margin(1e-8));
      CHECK(variance == Approx(test["variances"][static_cast<std::size_t>(q)].get<double>()).margin(1e-8));
      CHECK(means[q] == Approx(mean).margin(1e-12));
      CHECK(variances[q] == Approx(variance).margin(1e-12));
    }
    for (Index i = 0; i < data.points.cols(); ++i) {
      CHECK(process.FittedMeans()[i] == Approx(process.Predict(data.points.col(i)).mean).margin(1e-8));
    }
  }
}

TEST_CASE("The likelihood's and the posterior's gradients are those of finite differences", "[search][gp]") {
  for (const GpParams& params : {MixedParams(), WarpedParams()}) {
    CheckGradient(LogMarginalLikelihood, params);
    CheckGradient(LogPosterior, params);
  }
}

TEST_CASE("A warp ascends from 0 to 1, and its slopes are those of finite differences", "[search][gp]") {
  const double a = 0.6;
  const double b = 1.8;
  CHECK(InputWarp(0, a, b).value == Approx(0).margin(1e-3));
  CHECK(InputWarp(1, a, b).value == Approx(1).margin(1e-3));
  CHECK(InputWarp(0.3, 1, 1).value == Approx(0.3).margin(1e-5));
  for (const double x : {0.02, 0.4, 0.9}) {
    const InputWarp warp(x, a, b);
    constexpr double kStep = 1e-6;
    const auto slope = [&](double by_x, double by_a, double by_b) {
      return (InputWarp(x + by_x, a * std::exp(by_a), b * std::exp(by_b)).value -
              InputWarp(x - by_x, a * std::exp(-by_a), b * std::exp(-by_b)).value) /
             (2 * kStep);
    };
    CHECK(warp.by_x == Approx(slope(kStep, 0, 0)).epsilon(1e-5));
    CHECK(warp.by_log_a == Approx(slope(0, kStep, 0)).epsilon(1e-5));
    CHECK(warp.by_log_b == Approx(slope(0, 0, kStep)).epsilon(1e-5));
  }
}

TEST_CASE("A prediction's gradients are those of finite differences", "[search][gp]") {
  GpData data = MixedData(15);
  data.values.conservativeResize(12);  // the last three are pending
  const GaussianProcess process(data, GENERATE(MixedParams(), WarpedParams()));
  const VectorXd x = (VectorXd(3) << 0.4, 1.0 / 3, 0.7).finished();
  VectorXd by_mean;
  VectorXd by_variance;
  process.Predict(x, &by_mean, &by_variance);
  CHECK(by_mean[1] == 0);
  CHECK(by_variance[1] == 0);
  for (const Index j : {0, 2}) {
    VectorXd high = x;
    VectorXd low = x;
    high[j] += 1e-6;
    low[j] -= 1e-6;
    CHECK(by_mean[j] == Approx((process.Predict(high).mean - process.Predict(low).mean) / 2e-6).epsilon(1e-5));
    CHECK(by_variance[j] ==
          Approx((process.Predict(high).variance - process.Predict(low).variance) / 2e-6).epsilon(1e-5));
  }
}

TEST_CASE("Pending points narrow the variance and leave the mean alone", "[search][gp]") {
  GpData data = MixedData(10);
  const GaussianProcess before(data, MixedParams());
  data.points.conservativeResize(3, 11);
  data.points.col(10) << 0.9, 0, 0.1;
  const GaussianProcess after(data, MixedParams());
  const VectorXd near = (VectorXd(3) << 0.88, 0, 0.12).finished();
  CHECK(after.Predict(near).mean == Approx(before.Predict(near).mean).margin(1e-10));
  CHECK(after.Predict(near).variance < 0.3 * before.Predict(near).variance);
}

TEST_CASE("Equal points and no noise to speak of are no trouble", "[search][gp]") {
  const GpData data{{false}, MatrixXd::Constant(1, 50, 0.5), VectorXd::Ones(50)};
  const GaussianProcess process(data, {VectorXd::Ones(1), 10.0, 1e-18});
  const auto [mean, variance] = process.Predict(VectorXd::Constant(1, 0.5));
  CHECK(mean == Approx(1).epsilon(1e-3));
  CHECK(variance > 0);
  CHECK(variance < 1e-3);
}

TEST_CASE("Without observations a process is its prior", "[search][gp]") {
  const GpData none{{false}, MatrixXd(1, 0), VectorXd(0)};
  const GaussianProcess process(none, {VectorXd::Ones(1), 2.0, 0.1});
  CHECK(process.Predict(VectorXd::Constant(1, 0.5)).mean == 0);
  CHECK(process.Predict(VectorXd::Constant(1, 0.5)).variance == 2);
  CHECK(LogMarginalLikelihood(none, process.params(), nullptr) == 0);
}

TEST_CASE("Fitting finds which axes matter and how noisy the values are", "[search][gp]") {
  Rng rng(5);
  for (const Index count : {60, 400}) {
    GpData data{{false, false}, MatrixXd(2, count), VectorXd(count)};
    for (Index i = 0; i < count; ++i) {
      data.points.col(i) << rng.Uniform(), rng.Uniform();
      data.values[i] = 1.4 * std::sin(8 * data.points(0, i)) + (i % 2 == 0 ? 0.1 : -0.1);
    }
    const GpParams params = FitGp(data);
    INFO(count << " values: " << params.inverse_squares.transpose() << ", signal " << params.signal << ", noise "
               << params.noise);
    CHECK(params.inverse_squares[0] > 5 * params.inverse_squares[1]);
    CHECK(params.noise > 0.003);
    CHECK(params.noise < 0.03);
    // The rate is the same everywhere: nothing speaks for a warp.
    CHECK(params.warp_a.size() == 0);
    // A maximum: no gradient is left where the bounds allow a move. Fitting a part of many values is less exact.
    VectorXd gradient;
    LogPosterior(data, params, &gradient);
    if (count <= kFitPoints) CHECK(gradient.lpNorm<Eigen::Infinity>() < 0.5);
  }
}

TEST_CASE("Fitting warps an axis along which the values change fast at one end only", "[search][gp]") {
  GpData data{{false}, MatrixXd(1, 40), VectorXd(40)};
  for (Index i = 0; i < 40; ++i) {
    const double x = (static_cast<double>(i) + 0.5) / 40;
    data.points(0, i) = x;
    data.values[i] = 1.4 * std::sin(6 * std::pow(x, 0.25));
  }
  const GpParams params = FitGp(data);
  REQUIRE(params.warp_a.size() == 1);
  // The first tenth is widened.
  CHECK(InputWarp(0.1, params.warp_a[0], params.warp_b[0]).value > 0.2);
}

}  // namespace
}  // namespace lorasweep::search
