// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Rows of the environment matrix, w(r) (1/(r+p), x/(r+p)^2, y/(r+p)^2, z/(r+p)^2), and their
// derivatives. The same in plain form: deepmd_dp/dialect/edge_rows.py.
#pragma once

#include <algorithm>
#include <cmath>

#include "instruction_sets.hpp"

namespace deepmd {

struct EnvironmentSettings {
  double rcut = 0.0, rcut_smth = 0.0;  // where the switch w is 0, and where it leaves 1
  double protection = 0.0;             // p
  bool use_exp_switch = false;
};

/// The functions of the distance that rows are made of, (count) each: f = w / (r+p), g = f / (r+p).
struct RadialArrays {
  double *distance, *w, *dw, *f, *df, *g, *dg;
};

namespace environment {

/// 1 - 10 u^3 + 15 u^4 - 6 u^5 between rcut_smth and rcut.
DEEPMD_INLINE void smooth_switch(const EnvironmentSettings& set, int count, const double* r,
                                 double* w, double* dw) {
  const double scale = 1.0 / (set.rcut - set.rcut_smth);
  for (int e = 0; e < count; ++e) {
    const double x = (r[e] - set.rcut_smth) * scale;
    const double u = x < 0.0 ? 0.0 : (x > 1.0 ? 1.0 : x);
    w[e] = 1.0 + u * u * u * (-10.0 + u * (15.0 - 6.0 * u));
    dw[e] = -30.0 * scale * u * u * (1.0 - u) * (1.0 - u);
  }
}

/// exp(-exp(20 (r - rcut_smth) / rcut_smth)), 0 beyond rcut.
inline void exponential_switch(const EnvironmentSettings& set, int count, const double* r,
                               double* w, double* dw) {
  const double scale = 20.0 / set.rcut_smth;
  for (int e = 0; e < count; ++e) {
    const double inner = std::exp(std::min(50.0, scale * (r[e] - set.rcut_smth)));
    const bool is_inside = r[e] <= set.rcut;
    w[e] = is_inside ? std::exp(-inner) : 0.0;
    dw[e] = is_inside ? -scale * inner * w[e] : 0.0;
  }
}

/// From displacements x, y, z, none of them zero.
DEEPMD_INLINE void radial_functions(const EnvironmentSettings& set, int count,
                                    const double* const* xyz, const RadialArrays& out) {
  const double *x = xyz[0], *y = xyz[1], *z = xyz[2];
  double* r = out.distance;
  for (int e = 0; e < count; ++e) r[e] = std::sqrt(x[e] * x[e] + y[e] * y[e] + z[e] * z[e]);
  if (set.use_exp_switch)
    exponential_switch(set, count, r, out.w, out.dw);
  else
    smooth_switch(set, count, r, out.w, out.dw);
  for (int e = 0; e < count; ++e) {
    const double inverse = 1.0 / (r[e] + set.protection);
    const double f = out.w[e] * inverse, df = (out.dw[e] - f) * inverse;
    out.f[e] = f;
    out.df[e] = df;
    out.g[e] = f * inverse;
    out.dg[e] = (df - f * inverse) * inverse;
  }
}

/// From an edge's derivatives by the four columns of its raw row and by the switch to those by its
/// displacement.
DEEPMD_INLINE void displacement_gradient(const double* const* xyz, const RadialArrays& radial,
                                         int e, const double* by_row, double by_switch,
                                         double* gradient) {
  double by_distance = by_row[0] * radial.df[e] + by_switch * radial.dw[e];
  for (int c = 0; c < 3; ++c) by_distance += by_row[c + 1] * xyz[c][e] * radial.dg[e];
  by_distance /= radial.distance[e];
  for (int c = 0; c < 3; ++c) gradient[c] = by_distance * xyz[c][e] + by_row[c + 1] * radial.g[e];
}

}  // namespace environment
}  // namespace deepmd
