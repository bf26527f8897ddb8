#include "search/gaussian_process.h"

#include <cmath>

#include "search/gp_fit.h"
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

double* Hyperparameter(GpParams* params, Index i) {
  if (i < params->inverse_squares.size()) return &params->inverse_squares[i];
  return i == params->inverse_squares.size() ? &params->signal : &params->noise;
}

using Objective = double (*)(const GpData&, const GpParams&, VectorXd*);

void CheckGradient(Objective objective) {
  const GpData data = MixedData(20);
  VectorXd gradient;
  objective(data, MixedParams(), &gradient);
  REQUIRE(gradient.size() == 5);
  for (Index i = 0; i < gradient.size(); ++i) {
    GpParams high = MixedParams();
    GpParams low = MixedParams();
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
  CheckGradient(LogMarginalLikelihood);
  CheckGradient(LogPosterior);
}

TEST_CASE("A prediction's gradients are those of finite differences", "[search][gp]") {
  GpData data = MixedData(15);
  data.values.conservativeResize(12);  // the last three are pending
  const GaussianProcess process(data, MixedParams());
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
    // A maximum: no gradient is left where the bounds allow a move. Fitting a part of many values is less exact.
    VectorXd gradient;
    LogPosterior(data, params, &gradient);
    if (count <= kFitPoints) CHECK(gradient.lpNorm<Eigen::Infinity>() < 0.5);
  }
}

}  // namespace
}  // namespace lorasweep::search
