// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Chebyshev moments of an atom's neighbors, A[i, c, t, q] = sum over the neighbors j of segment t
// of w_ij R_ijc T_q(s_ij), the transpose of their derivative, and their derivative along a
// direction: all that a sum over embedded neighbors needs of the geometry. A is linear in no
// parameter, so there is nothing else to derive. The same in plain form:
// deepmd_dp/dialect/moments.py.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "moments_edges.hpp"

namespace deepmd {
namespace moments {

/// Where an edge's terms of column 0 are in an atom's block; columns are `stride` apart.
DEEPMD_INLINE std::int64_t place(const MomentsSpec& spec, const Edges& edges, int e) {
  return edges.segment[e] * spec.basis.size() + std::int64_t(edges.interval[e]) * spec.basis.degree;
}

/// Bytes of a vector of polynomials: eight where so many fill whole ones, else one.
template <int Degree>
constexpr int bytes_of =
    Degree > 0 && Degree % lanes == 0 ? lanes * sizeof(double) : sizeof(double);
template <int Degree>
using Polynomials = Vector<double, bytes_of<Degree>>;

/// to[q] += a x[q]
template <int Degree>
DEEPMD_INLINE void add(int degree, double a, const double* x, double* to) {
  add_times<double, bytes_of<Degree>>(degree, a, x, to);
}

/// to[q] += a x[q] + b y[q]
template <int Degree>
DEEPMD_INLINE void add(int degree, double a, const double* x, double b, const double* y,
                       double* to) {
  using V = Polynomials<Degree>;
  for (int q = 0; q < degree; q += bytes_of<Degree> / int(sizeof(double)))
    at<V>(to + q) += a * at<V>(x + q) + b * at<V>(y + q);
}

/// to += a x[q] y[q], summed over q but not yet over the lanes
template <int Degree>
DEEPMD_INLINE void add_products(int degree, double a, const double* x, const double* y,
                                Polynomials<Degree>& to) {
  using V = Polynomials<Degree>;
  V sum{};
  for (int q = 0; q < degree; q += bytes_of<Degree> / int(sizeof(double)))
    sum += at<V>(x + q) * at<V>(y + q);
  to += a * sum;
}

template <int Degree>
DEEPMD_INLINE void forward(const MomentsSpec& spec, const Edges& edges, double* block) {
  const int degree = Degree ? Degree : spec.basis.degree;
  const std::int64_t stride = spec.nsegments * spec.basis.size(), second = spec.columns * stride;
  for (int e = 0; e < edges.count; ++e) {
    const double* t = edges.t + std::int64_t(e) * degree;
    double* to = block + place(spec, edges, e);
    for (int c = 0; c < spec.columns; ++c) {
      const double factor = edges.weight[e] * edges.row[c][e];
      add<Degree>(degree, factor, t, to + c * stride);
      if (spec.is_switched)
        add<Degree>(degree, factor * edges.radial.w[e], t, to + second + c * stride);
    }
  }
}

template <int Degree>
DEEPMD_INLINE void tangent(const MomentsSpec& spec, const Edges& edges, double* block) {
  const int degree = Degree ? Degree : spec.basis.degree;
  const std::int64_t stride = spec.nsegments * spec.basis.size(), second = spec.columns * stride;
  for (int e = 0; e < edges.count; ++e) {
    const double *t = edges.t + std::int64_t(e) * degree, *dt = edges.dt + std::int64_t(e) * degree;
    double* to = block + place(spec, edges, e);
    const double du = edges.ds[e] * edges.slope[e];
    for (int c = 0; c < spec.columns; ++c) {
      const double row = edges.weight[e] * edges.row[c][e];
      const double along = edges.weight[e] * edges.direction[c][e];
      add<Degree>(degree, along, t, row * du, dt, to + c * stride);
      if (!spec.is_switched) continue;
      const double w = edges.radial.w[e], dw = edges.radial.dw[e] * edges.dr[e];
      add<Degree>(degree, along * w + row * dw, t, row * du * w, dt, to + second + c * stride);
    }
  }
}

/// The gradient of A gives those of s, the columns of R and the switch: in ds, direction and dr of
/// the edges.
template <int Degree>
DEEPMD_INLINE void transpose(const MomentsSpec& spec, const double* block, Edges& edges) {
  const int degree = Degree ? Degree : spec.basis.degree;
  const std::int64_t stride = spec.nsegments * spec.basis.size(), second = spec.columns * stride;
  for (int e = 0; e < edges.count; ++e) {
    const double *t = edges.t + std::int64_t(e) * degree, *dt = edges.dt + std::int64_t(e) * degree;
    const double* from = block + place(spec, edges, e);
    const double weight = edges.weight[e], w = spec.is_switched ? edges.radial.w[e] : 0.0;
    Polynomials<Degree> by_u{}, by_switch{};
    for (int c = 0; c < spec.columns; ++c) {
      const double row = edges.row[c][e];
      Polynomials<Degree> by_row{};
      add_products<Degree>(degree, 1.0, from + c * stride, t, by_row);
      add_products<Degree>(degree, row, from + c * stride, dt, by_u);
      if (spec.is_switched) {
        add_products<Degree>(degree, w, from + second + c * stride, t, by_row);
        add_products<Degree>(degree, row, from + second + c * stride, t, by_switch);
        add_products<Degree>(degree, row * w, from + second + c * stride, dt, by_u);
      }
      edges.direction[c][e] = weight * lane_sum<double, bytes_of<Degree>>(by_row);
    }
    edges.ds[e] = weight * lane_sum<double, bytes_of<Degree>>(by_u) * edges.slope[e];
    edges.dr[e] = weight * lane_sum<double, bytes_of<Degree>>(by_switch);
  }
}

/// What a pass reads and writes beside the geometry.
template <class Geometry>
struct Arrays {
  using T = typename Geometry::Value;
  using Derived = typename Geometry::Derived;
  T* moments = nullptr;              // forward, tangent: A or its derivative, written
  const T* gradient = nullptr;       // transpose: of A
  const Derived* direction[2] = {};  // tangent: of edge_vec, or of s and rows
  Derived* results[2] = {};  // transpose: the gradients of these, zero where nothing is written
};

/// One pass for the atoms begin..end.
template <int Degree, class Geometry>
DEEPMD_CLONES void run_range(const MomentsSpec& spec, const Geometry& geo,
                             const Arrays<Geometry>& arrays, std::int64_t begin, std::int64_t end) {
  const std::int64_t width =
      spec.nsegments * spec.columns * spec.basis.size() * (spec.is_switched ? 2 : 1);
  const bool is_forward = spec.pass == Pass::forward;
  Edges edges(geo.nedge, spec.columns, spec.basis.degree);
  std::vector<double> block(width, 0.0);
  for (std::int64_t atom = begin; atom < end; ++atom) {
    geo.load(atom, edges);
    chebyshev::locate(spec.basis, edges.padded, edges.s, edges.interval.data(), edges.u,
                      edges.slope);
    if (is_forward)
      chebyshev::polynomials<double, lanes * 8, Degree, false>(spec.basis.degree, edges.padded,
                                                               edges.u, edges.t, edges.dt);
    else
      chebyshev::polynomials<double, lanes * 8, Degree, true>(spec.basis.degree, edges.padded,
                                                              edges.u, edges.t, edges.dt);
    if (spec.pass == Pass::transpose) {
      std::copy_n(arrays.gradient + atom * width, width, block.data());
      transpose<Degree>(spec, block.data(), edges);
      geo.store_gradient(atom, edges, arrays.results);
      continue;
    }
    std::fill(block.begin(), block.end(), 0.0);
    if (is_forward) {
      forward<Degree>(spec, edges, block.data());
    } else {
      geo.load_direction(atom, arrays.direction, edges);
      tangent<Degree>(spec, edges, block.data());
    }
    for (std::int64_t k = 0; k < width; ++k)
      arrays.moments[atom * width + k] = typename Geometry::Value(block[k]);
  }
}

template <class Geometry, class Parallel>
void run(const MomentsSpec& spec, const std::vector<TensorView>& in,
         const std::vector<TensorView>& out, const Parallel& parallel) {
  using T = typename Geometry::Value;
  using Derived = typename Geometry::Derived;
  const Geometry geo(spec, in);
  Arrays<Geometry> arrays;
  const std::size_t rest = spec.ngeometry();
  if (spec.pass == Pass::transpose)
    arrays.gradient = data<T>(in[rest], spec.moments_shape(geo.n), "the gradient of the moments");
  else
    arrays.moments = data<T>(out[0], spec.moments_shape(geo.n), "the result");
  for (std::size_t i = 0; i < spec.nderived(); ++i) {
    if (spec.pass == Pass::tangent)
      arrays.direction[i] = data<Derived>(in[rest + i], in[i].shape, "the direction");
    if (spec.pass != Pass::transpose) continue;
    arrays.results[i] = data<Derived>(out[i], in[i].shape, "the result");
    std::int64_t size = 1;
    for (const auto length : in[i].shape) size *= length;
    std::fill_n(arrays.results[i], size, Derived(0));
  }
  parallel(geo.n, [&](std::int64_t begin, std::int64_t end) {
    if (spec.basis.degree == 16)
      run_range<16>(spec, geo, arrays, begin, end);
    else
      run_range<0>(spec, geo, arrays, begin, end);
  });
}

template <class T, class Parallel>
void run_as(const MomentsSpec& spec, const std::vector<TensorView>& in,
            const std::vector<TensorView>& out, const Parallel& parallel) {
  if (spec.is_environment)
    run<EnvironmentGeometry<T>>(spec, in, out, parallel);
  else
    run<GeneralGeometry<T>>(spec, in, out, parallel);
}

}  // namespace moments

/// Runs a pass: reads the tensors `in`, writes `out`, whose shapes are spec.result_shapes.
///
/// `in` is edge_vec (n, nedge, 3) float64, weights (n, nedge), shift, scale (n, 1 or nedge,
/// columns), or s (n, nedge) and rows (n, nedge, columns); then segment (n, nedge) integers, where
/// there is one; then for the transpose the gradient of A, for the tangent the direction of
/// edge_vec, or of s and rows. All but edge_vec are of one type, float64 or float32; sums are taken
/// in float64.
///
/// `parallel(count, body)` calls body(begin, end) for ranges that make up 0..count, on threads.
///
/// Throws std::invalid_argument where a tensor has a wrong type or shape.
template <class Parallel>
void run_moments(const MomentsSpec& spec, const std::vector<TensorView>& in,
                 const std::vector<TensorView>& out, const Parallel& parallel) {
  require(in.size() == spec.ninputs(), "moments got a wrong number of tensors");
  require(out.size() == (spec.pass == Pass::transpose ? spec.nderived() : 1),
          "moments got a wrong number of results");
  if (in[1].dtype == DType::float32)
    moments::run_as<float>(spec, in, out, parallel);
  else
    moments::run_as<double>(spec, in, out, parallel);
}

}  // namespace deepmd
