// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Chebyshev polynomials on intervals, each of u in [-1, 1]; beyond all intervals each goes on
// linearly. The same in plain form: deepmd_dp/dialect/moments.py.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor_view.hpp"
#include "vectors.hpp"

namespace deepmd {

struct ChebyshevBasis {
  std::vector<double> bounds;         // ends of the intervals, ascending
  int degree = 0;                     // T_0 ... T_{degree - 1} on each
  std::vector<double> middle, slope;  // of each interval; u = (s - middle) * slope

  ChebyshevBasis() = default;
  ChebyshevBasis(std::vector<double> ends, int degree_) : bounds(std::move(ends)), degree(degree_) {
    require(bounds.size() >= 2, "a basis needs two bounds at least");
    require(degree >= 1, "a basis needs one polynomial at least");
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
      require(bounds[i] < bounds[i + 1], "the bounds of a basis must ascend");
      middle.push_back(0.5 * (bounds[i] + bounds[i + 1]));
      slope.push_back(2.0 / (bounds[i + 1] - bounds[i]));
    }
  }

  int nintervals() const { return int(middle.size()); }
  std::int64_t size() const { return std::int64_t(nintervals()) * degree; }
};

namespace chebyshev {

/// In which interval each s lies, and where in it.
DEEPMD_INLINE void locate(const ChebyshevBasis& basis, int count, const double* s, int* interval,
                          double* u, double* slope) {
  for (int e = 0; e < count; ++e) interval[e] = 0;
  for (int i = 1; i < basis.nintervals(); ++i) {
    const double bound = basis.bounds[i];
    for (int e = 0; e < count; ++e) interval[e] += s[e] >= bound ? 1 : 0;
  }
  const double *middle = basis.middle.data(), *slopes = basis.slope.data();
  for (int e = 0; e < count; ++e) {
    slope[e] = slopes[interval[e]];
    u[e] = (s[e] - middle[interval[e]]) * slope[e];
  }
}

/// Values and, where wanted, derivatives by u of all polynomials, (count, degree), for a vector of
/// edges at a time, whose arrays are padded to whole vectors. `Degree` 0: known at run time only.
template <class T, int Bytes, int Degree, bool WithSlopes>
DEEPMD_INLINE void polynomials(int degree, int count, const double* u, T* values, T* slopes) {
  using V = Vector<T, Bytes>;
  constexpr int lanes = Bytes / sizeof(T);
  const int n = Degree ? Degree : degree;
  for (int first = 0; first < count; first += lanes) {
    const auto& numbers = at<Vector<double, lanes * sizeof(double)>>(u + first);
    const V x = __builtin_convertvector(numbers, V);
    const V one = V{} + T(1), inside = x > one ? one : (x < -one ? -one : x);
    const V beyond = x - inside;  // 0 within the range
    V t0 = one, t1 = inside, d0 = V{}, d1 = one;
    T *t = values + std::int64_t(first) * n, *d = slopes + std::int64_t(first) * n;
    for (int q = 0; q < n; ++q) {
      const V value = t0 + d0 * beyond;
      for (int l = 0; l < lanes; ++l) t[l * n + q] = value[l];
      if (WithSlopes)
        for (int l = 0; l < lanes; ++l) d[l * n + q] = d0[l];
      const V t2 = T(2) * inside * t1 - t0, d2 = T(2) * (t1 + inside * d1) - d0;
      t0 = t1, t1 = t2, d0 = d1, d1 = d2;
    }
  }
}

}  // namespace chebyshev
}  // namespace deepmd
