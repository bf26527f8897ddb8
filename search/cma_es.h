#pragma once

#include <vector>

#include <Eigen/Core>

#include "search/rng.h"

namespace lorasweep::search {

// Covariance matrix adaptation (Hansen, The CMA Evolution Strategy: A Tutorial, 2016; positive weights) in the unit
// cube, from its middle. A generation may hold points that were not drawn from the current distribution: far ones are
// drawn in (Hansen 2011, Injecting External Solutions). Threads: one owner.
//
//   CmaEs search(6);
//   while (…) { points: search.Draw(&rng) each; search.Learn(points, losses); }
class CmaEs {
 public:
  explicit CmaEs(int dimensions);

  // Points in a generation.
  int population() const { return population_; }

  // A point of the cube from the current distribution.
  Eigen::VectorXd Draw(Rng* rng) const;

  // Moves the distribution by one generation's points and losses, of which +infinity and ties are allowed. Fewer than
  // two points, or losses that are all equal, teach nothing.
  void Learn(const std::vector<Eigen::VectorXd>& points, const std::vector<double>& losses);

  // The distribution has shrunk to a point, or its axes differ too much to go on.
  bool Converged() const;
  // Begins anew around `mean`.
  void Restart(const Eigen::VectorXd& mean);

  // Standard deviation along each axis.
  Eigen::VectorXd Deviations() const { return sigma_ * covariance_.diagonal().array().sqrt(); }

 private:
  void Decompose();

  int population_;
  int generation_ = 0;
  double sigma_ = 0;
  Eigen::VectorXd mean_;
  Eigen::MatrixXd covariance_;
  Eigen::VectorXd path_;        // of the covariance
  Eigen::VectorXd sigma_path_;  // of the step size
  Eigen::MatrixXd axes_;        // eigenvectors of the covariance
  Eigen::VectorXd scales_;      // roots of its eigenvalues
};

}  // namespace lorasweep::search
