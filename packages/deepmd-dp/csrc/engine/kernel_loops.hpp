// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The loops of kernels.hpp for any instruction set: inlined into functions made for each
// (kernels.cpp), whose registers have `Bytes`.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels.hpp"
#include "vector_math.hpp"

namespace deepmd::engine::loops {

/// One tile of a product: Rows rows, Vectors vectors wide, k deep.
template <class T, int Bytes, int Rows, int Vectors>
DEEPMD_INLINE void tile(std::int64_t k, const T* a, std::int64_t lda, const T* b, T* c,
                        std::int64_t ldc, bool adds) {
  using V = Vector<T, Bytes>;
  constexpr int W = Bytes / sizeof(T);
  V sum[Rows][Vectors];
  for (int i = 0; i < Rows; ++i)
    for (int v = 0; v < Vectors; ++v) sum[i][v] = adds ? at<V>(c + i * ldc + v * W) : V{};
  for (std::int64_t q = 0; q < k; ++q) {
    V panel[Vectors];
    for (int v = 0; v < Vectors; ++v) panel[v] = at<V>(b + v * W);
    b += Vectors * W;
    for (int i = 0; i < Rows; ++i) {
      const T factor = a[i * lda + q];
      for (int v = 0; v < Vectors; ++v) sum[i][v] += factor * panel[v];
    }
  }
  for (int i = 0; i < Rows; ++i)
    for (int v = 0; v < Vectors; ++v) at<V>(c + i * ldc + v * W) = sum[i][v];
}

/// The last rows, fewer than a tile has.
template <class T, int Bytes, int Rows, int Vectors>
DEEPMD_INLINE void last_rows(std::int64_t m, std::int64_t k, const T* a, std::int64_t lda,
                             const T* b, T* c, std::int64_t ldc, bool adds) {
  if constexpr (Rows > 0) {
    if (m == Rows)
      tile<T, Bytes, Rows, Vectors>(k, a, lda, b, c, ldc, adds);
    else
      last_rows<T, Bytes, Rows - 1, Vectors>(m, k, a, lda, b, c, ldc, adds);
  }
}

template <class T, int Bytes, int Rows, int Vectors>
DEEPMD_INLINE void panel(std::int64_t m, std::int64_t k, const T* a, std::int64_t lda, const T* b,
                         T* c, std::int64_t ldc, bool adds) {
  std::int64_t i = 0;
  for (; i + Rows <= m; i += Rows)
    tile<T, Bytes, Rows, Vectors>(k, a + i * lda, lda, b, c + i * ldc, ldc, adds);
  last_rows<T, Bytes, Rows - 1, Vectors>(m - i, k, a + i * lda, lda, b, c + i * ldc, ldc, adds);
}

template <class T, int Bytes, int Rows>
DEEPMD_INLINE void product(std::int64_t m, const T* a, std::int64_t lda, const PackedMatrix<T>& b,
                           T* c, std::int64_t ldc, bool adds) {
  static_assert(kPanelVectors == 3, "one case for each width of a panel");
  constexpr std::int64_t W = Bytes / sizeof(T);
  const T* next = b.data.data();
  for (std::int64_t k0 = 0; k0 < b.rows; k0 += kPanelDepth) {
    const std::int64_t k = std::min(kPanelDepth, b.rows - k0);
    for (std::int64_t j = 0; j < b.padded; j += 3 * W) {
      const std::int64_t vectors = std::min<std::int64_t>(3, (b.padded - j) / W);
      const bool more = adds || k0 > 0;
      if (vectors == 3)
        panel<T, Bytes, Rows, 3>(m, k, a + k0, lda, next, c + j, ldc, more);
      else if (vectors == 2)
        panel<T, Bytes, Rows, 2>(m, k, a + k0, lda, next, c + j, ldc, more);
      else
        panel<T, Bytes, Rows, 1>(m, k, a + k0, lda, next, c + j, ldc, more);
      next += k * vectors * W;
    }
  }
}

template <class T, int Bytes>
DEEPMD_INLINE void activate(const Activation& activation, std::int64_t n, const T* x, T* y,
                            T* slope) {
  using V = Vector<T, Bytes>;
  constexpr std::int64_t W = Bytes / sizeof(T);
  std::int64_t k = 0;
  if (activation.is_of_tanh())
    for (; k + W <= n; k += W)
      activate_by_tanh<T>(activation.function, at<V>(x + k), at<V>(y + k), at<V>(slope + k),
                          HyperbolicTangent<T, Bytes>());
  for (; k < n; ++k) {
    double value = 0.0, derivative = 0.0;
    engine::activate(activation, double(x[k]), value, derivative);
    y[k] = T(value), slope[k] = T(derivative);
  }
}

/// Numbers of an array of edges, in whole groups of lanes.
DEEPMD_INLINE int padded(int count) { return (count + 15) / 16 * 16; }

template <class T>
DEEPMD_INLINE void rows_of(const EdgeSettings& settings, const double* statistics,
                           EdgeArrays<T>& edges) {
  const int n = padded(edges.count), columns = settings.columns;
  environment::radial_functions(settings.environment, n, edges.xyz, edges.radial);
  for (int c = 0; c < columns; ++c) {
    const double *factor = c == 0 ? edges.radial.f : edges.radial.g, *x = edges.xyz[c ? c - 1 : 0];
    T* row = edges.row[c];
    if (settings.slots_differ) {
      for (int e = 0; e < edges.count; ++e) {
        const double* own = statistics + std::int64_t(edges.slot[e]) * 2 * columns;
        const double value = ((c ? factor[e] * x[e] : factor[e]) - own[c]) * own[columns + c];
        row[e] = T(value);
        if (c == 0) edges.s[e] = value;
      }
    } else {
      const double shift = statistics[c], scale = statistics[columns + c];
      if (c == 0)
        for (int e = 0; e < n; ++e)
          edges.s[e] = (factor[e] - shift) * scale, row[e] = T(edges.s[e]);
      else
        for (int e = 0; e < n; ++e) row[e] = T((factor[e] * x[e] - shift) * scale);
    }
  }
  if (columns == 1)
    for (int e = 0; e < n; ++e) edges.row[0][e] = T(1);
  for (int e = 0; e < n; ++e) edges.weight[e] = T(edges.radial.w[e]);
}

/// Where the terms of each edge go in a row of A.
template <class T>
DEEPMD_INLINE void set_places(const EdgeSettings& settings, EdgeArrays<T>& edges) {
  const int size = int(settings.size), degree = settings.degree;
  const bool has_intervals = settings.basis.degree > 0;
  for (int e = 0; e < edges.count; ++e) {
    const int inside = has_intervals ? edges.interval[e] * degree : 0;
    edges.place[0][e] = inside + (settings.is_switched ? 0 : edges.segment[e] * size);
    edges.place[1][e] = inside + (1 + edges.segment[e]) * size;
  }
}

template <class T, int Bytes>
DEEPMD_INLINE void polynomials(const EdgeSettings& settings, EdgeArrays<T>& edges,
                               bool with_slopes) {
  const int n = padded(edges.count);
  if (settings.basis.degree > 0) {
    for (int e = edges.count; e < n; ++e) edges.s[e] = 0.0;
    chebyshev::locate(settings.basis, n, edges.s, edges.interval, edges.u, edges.slope);
    if (with_slopes)
      chebyshev::polynomials<T, Bytes, 0, true>(settings.degree, edges.count, edges.u, edges.t,
                                                edges.dt);
    else
      chebyshev::polynomials<T, Bytes, 0, false>(settings.degree, edges.count, edges.u, edges.t,
                                                 edges.dt);
  }
  set_places(settings, edges);
}

/// `Degree` 0: known at run time only, a multiple of a vector.
template <class T, int Bytes, int Degree>
DEEPMD_INLINE void accumulate_as(const EdgeSettings& settings, const EdgeArrays<T>& edges, T* a,
                                 std::int64_t ld) {
  const int degree = Degree ? Degree : settings.degree;
  for (int e = 0; e < edges.count; ++e) {
    const T* t = edges.t + std::int64_t(e) * degree;
    for (int c = 0; c < settings.columns; ++c)
      add_times<T, Bytes>(degree, edges.row[c][e], t, a + c * ld + edges.place[0][e]);
    if (!settings.is_switched) continue;
    const T weight = edges.weight[e];
    for (int c = 0; c < settings.columns; ++c)
      add_times<T, Bytes>(degree, edges.row[c][e] * weight, t, a + c * ld + edges.place[1][e]);
  }
}

template <class T, int Bytes>
DEEPMD_INLINE void accumulate(const EdgeSettings& settings, const EdgeArrays<T>& edges, T* a,
                              std::int64_t ld) {
  if (settings.degree == 16)
    accumulate_as<T, Bytes, 16>(settings, edges, a, ld);
  else
    accumulate_as<T, Bytes, 0>(settings, edges, a, ld);
}

/// By rows, u and the switch.
template <class T, int Bytes, int Degree, bool IsSwitched, int Columns>
DEEPMD_INLINE void gradients_as(const EdgeSettings& settings, const T* a, std::int64_t ld,
                                EdgeArrays<T>& edges) {
  using V = Vector<T, Bytes>;
  constexpr int W = Bytes / sizeof(T);
  const int degree = Degree ? Degree : settings.degree;
  for (int e = 0; e < edges.count; ++e) {
    V by_row[Columns]{}, by_u{}, by_weight{};
    const T weight = edges.weight[e];
    for (int q = 0; q < degree; q += W) {
      const V t = at<V>(edges.t + degree * std::int64_t(e) + q);
      const V dt = at<V>(edges.dt + degree * std::int64_t(e) + q);
      V sum{}, switched{};
      for (int c = 0; c < Columns; ++c) {
        V from = at<V>(a + c * ld + edges.place[0][e] + q);
        if (IsSwitched) {
          const V other = at<V>(a + c * ld + edges.place[1][e] + q);
          switched += edges.row[c][e] * other;
          from += weight * other;
        }
        by_row[c] += from * t;
        sum += edges.row[c][e] * from;
      }
      by_u += sum * dt;
      if (IsSwitched) by_weight += switched * t;
    }
    for (int c = 0; c < Columns; ++c) edges.by_row[c][e] = lane_sum<T, Bytes>(by_row[c]);
    edges.by_u[e] = lane_sum<T, Bytes>(by_u);
    edges.by_weight[e] = IsSwitched ? lane_sum<T, Bytes>(by_weight) : T(0);
  }
}

template <class T, int Bytes, int Degree>
DEEPMD_INLINE void gradients_of_terms(const EdgeSettings& settings, const T* a, std::int64_t ld,
                                      EdgeArrays<T>& edges) {
  if (settings.columns == 1)
    gradients_as<T, Bytes, Degree, false, 1>(settings, a, ld, edges);
  else if (settings.is_switched)
    gradients_as<T, Bytes, Degree, true, 4>(settings, a, ld, edges);
  else
    gradients_as<T, Bytes, Degree, false, 4>(settings, a, ld, edges);
}

/// From the gradients of rows, u and the switch to that of the displacements.
template <class T>
DEEPMD_INLINE void displacements(const EdgeSettings& settings, const double* statistics,
                                 EdgeArrays<T>& edges) {
  const int columns = settings.columns, step = settings.slots_differ ? 2 * columns : 0;
  for (int e = 0; e < edges.count; ++e) {
    const double* scale = statistics + std::int64_t(step ? edges.slot[e] : 0) * step + columns;
    const double du = settings.basis.degree > 0 ? edges.slope[e] : 1.0;
    double by_row[4] = {double(edges.by_u[e]) * du * scale[0]}, gradient[3];
    if (columns == 4)  // else the row is 1, and s alone counts
      for (int c = 0; c < 4; ++c) by_row[c] += double(edges.by_row[c][e]) * scale[c];
    environment::displacement_gradient(edges.xyz, edges.radial, e, by_row,
                                       double(edges.by_weight[e]), gradient);
    for (int c = 0; c < 3; ++c) edges.gradient[c][e] = gradient[c];
  }
}

template <class T, int Bytes>
DEEPMD_INLINE void gradients(const EdgeSettings& settings, const T* a, std::int64_t ld,
                             EdgeArrays<T>& edges) {
  if (settings.degree == 16)
    gradients_of_terms<T, Bytes, 16>(settings, a, ld, edges);
  else
    gradients_of_terms<T, Bytes, 0>(settings, a, ld, edges);
}

template <class T, int Bytes>
DEEPMD_INLINE void contract(std::int64_t width, std::int64_t naxis, const T* m, std::int64_t ldm,
                            T* x) {
  for (std::int64_t b = 0; b < naxis; ++b) {
    const T m0 = m[b], m1 = m[ldm + b], m2 = m[2 * ldm + b], m3 = m[3 * ldm + b];
    for (std::int64_t a = b; a < width; ++a)
      x[a - b] = m0 * m[a] + m1 * m[ldm + a] + m2 * m[2 * ldm + a] + m3 * m[3 * ldm + a];
    x += width - b;
  }
}

template <class T, int Bytes>
DEEPMD_INLINE void contract_back(std::int64_t width, std::int64_t naxis, const T* m,
                                 std::int64_t ldm, const T* x, T* g) {
  using V = Vector<T, Bytes>;
  constexpr std::int64_t W = Bytes / sizeof(T);
  for (std::int64_t b = 0; b < naxis; ++b) {
    T own[4], sum[4];
    V sums[4]{};
    for (int k = 0; k < 4; ++k) own[k] = m[k * ldm + b], sum[k] = T(0);
    std::int64_t a = b;
    for (; a + W <= width; a += W) {
      const V by = at<V>(x + a - b);
      for (int k = 0; k < 4; ++k) {
        at<V>(g + k * ldm + a) += by * own[k];
        sums[k] += by * at<V>(m + k * ldm + a);
      }
    }
    for (; a < width; ++a)
      for (int k = 0; k < 4; ++k)
        g[k * ldm + a] += x[a - b] * own[k], sum[k] += x[a - b] * m[k * ldm + a];
    for (int k = 0; k < 4; ++k) g[k * ldm + b] += sum[k] + lane_sum<T, Bytes>(sums[k]);
    x += width - b;
  }
}

}  // namespace deepmd::engine::loops
