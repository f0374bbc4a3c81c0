// SPDX-License-Identifier: LGPL-3.0-or-later
#include "soft_minimum.hpp"

#include <algorithm>
#include <cmath>

#include "deepmd/environment_rows.hpp"

namespace deepmd::engine {
namespace {

/// Least exponent: of atoms so far apart that only the net counts; the sum's inverse must not
/// overflow.
constexpr double kLeast = -650.0;

}  // namespace

void SoftMinimum::compute(const Frame& frame, const Block& block, const NearSpec& spec,
                          const std::vector<char>& excluded_of_model, double* weights) {
  edges_.gather(frame, block, spec.neighbors, excluded_of_model);
  distance_.resize(edges_.largest), term_.resize(edges_.largest);
  slope_.assign(edges_.index.size(), 0.0);
  EnvironmentSettings settings;
  settings.rcut_smth = spec.rmin, settings.rcut = spec.rmax;
  for (std::int64_t i = 0; i < block.size; ++i) {
    const std::int64_t start = edges_.first[i], count = edges_.first[i + 1] - start;
    double norm = 0.0, sum = 0.0;
    for (std::int64_t e = 0; e < count; ++e) {
      const double *x = &edges_.xyz[0][start], *y = &edges_.xyz[1][start],
                   *z = &edges_.xyz[2][start];
      distance_[e] = std::sqrt(x[e] * x[e] + y[e] * y[e] + z[e] * z[e]);
      term_[e] = std::exp(std::max(-distance_[e] / spec.alpha, kLeast));
      norm += term_[e], sum += term_[e] * distance_[e];
    }
    weights[i] = 0.0;
    if (count == 0) continue;
    const double minimum = sum / norm;
    double slope = 0.0;
    environment::smooth_switch(settings, 1, &minimum, &weights[i], &slope);
    if (slope == 0.0) continue;
    for (std::int64_t e = 0; e < count; ++e) {
      const double r = distance_[e];
      const double by_term = r < -kLeast * spec.alpha ? (minimum - r) / spec.alpha : 0.0;
      slope_[start + e] = slope * term_[e] / norm * (1.0 + by_term) / r;
    }
  }
}

}  // namespace deepmd::engine
