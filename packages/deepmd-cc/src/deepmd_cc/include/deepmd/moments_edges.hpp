// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The edges of one atom as the loops of moments.hpp take them: from displacements through the
// environment matrix, or from s and rows as they are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "moments_spec.hpp"

namespace deepmd {
namespace moments {

/// So many edges at a time: the widest vector's.
constexpr int lanes = 8;

/// One atom's counted edges, an array for each quantity; padded to whole groups of lanes.
class Edges {
 public:
  int count = 0, padded = 0;
  std::vector<std::int64_t> slot;  // where in the atom's list
  std::vector<std::int64_t> segment;
  std::vector<int> interval;
  double* weight;
  double *s, *u, *slope;  // u = (s - middle) * slope
  double* xyz[3];
  RadialArrays radial;
  std::vector<double*> row, direction;  // R and its derivative along a direction, a column each
  double *ds, *dr;                      // the derivatives of s and r along it
  double *t, *dt;                       // polynomials and their derivatives by u, (padded, degree)

  Edges(std::int64_t nedge, int columns, int degree) {
    const std::int64_t n = nedge + lanes;
    slot.resize(n), segment.resize(n), interval.resize(n);
    memory_.resize(n * (16 + 2 * columns + 2 * degree));
    double* next = memory_.data();
    const auto take = [&next, n](double*& array, int width = 1) {
      array = next;
      next += n * width;
    };
    for (double** each :
         {&weight, &s, &u, &slope, &xyz[0], &xyz[1], &xyz[2], &radial.distance, &radial.w,
          &radial.dw, &radial.f, &radial.df, &radial.g, &radial.dg, &ds, &dr})
      take(*each);
    row.resize(columns), direction.resize(columns);
    for (auto& each : row) take(each);
    for (auto& each : direction) take(each);
    take(t, degree), take(dt, degree);
  }

 private:
  std::vector<double> memory_;
};

/// Which sum an edge belongs to; none where there are no segments.
struct Segments {
  const std::int64_t* wide = nullptr;
  const std::int32_t* narrow = nullptr;

  Segments(const TensorView& view, const Shape& shape) {
    if (view.dtype == DType::int32)
      narrow = data<std::int32_t>(view, shape, "segment");
    else
      wide = data<std::int64_t>(view, shape, "segment");
  }
  Segments() = default;

  std::int64_t of(std::int64_t edge) const { return wide ? wide[edge] : narrow ? narrow[edge] : 0; }
};

/// Notes the edges that count; those beyond the last repeat it, without weight.
template <class Weight>
DEEPMD_INLINE void select(const MomentsSpec& spec, const Segments& segments, std::int64_t first,
                          std::int64_t nedge, const Weight& weight_of, Edges& edges) {
  edges.count = 0;
  for (std::int64_t j = 0; j < nedge; ++j) {
    const std::int64_t segment = segments.of(first + j);
    const double weight = weight_of(first + j);
    if (weight == 0.0 || segment < 0 || segment >= spec.nsegments) continue;
    const int e = edges.count++;
    edges.slot[e] = j, edges.segment[e] = segment, edges.weight[e] = weight;
  }
  const int rest = edges.count % lanes;
  edges.padded = edges.count + (rest == 0 ? 0 : lanes - rest);
  for (int e = edges.count; e < edges.padded; ++e)
    edges.slot[e] = edges.slot[edges.count - 1], edges.weight[e] = 0.0;
}

/// Displacements, their weights and statistics.
template <class T>
struct EnvironmentGeometry {
  using Value = T;         // of A
  using Derived = double;  // by which A is derived
  const MomentsSpec& spec;
  std::int64_t n, nedge, nslots;  // nslots: 1 or nedge
  const double* edge_vec;         // (n, nedge, 3)
  const T* weights;               // (n, nedge)
  const T *shift, *scale;         // (n, nslots, columns)
  Segments segments;

  EnvironmentGeometry(const MomentsSpec& given, const std::vector<TensorView>& in)
      : spec(given), n(in[0].size(0)), nedge(in[0].size(1)) {
    edge_vec = data<double>(in[0], {n, nedge, 3}, "edge_vec");
    weights = data<T>(in[1], {n, nedge}, "weights");
    nslots = in[2].size(1) == 1 ? 1 : nedge;
    const Shape statistics{n, nslots, spec.columns};
    shift = data<T>(in[2], statistics, "shift"), scale = data<T>(in[3], statistics, "scale");
    if (spec.has_segment) segments = Segments(in[4], {n, nedge});
  }

  DEEPMD_INLINE std::int64_t statistics_at(std::int64_t atom, std::int64_t slot) const {
    return (atom * nslots + (nslots == 1 ? 0 : slot)) * spec.columns;
  }

  DEEPMD_INLINE void load(std::int64_t atom, Edges& edges) const {
    const std::int64_t first = atom * nedge;
    const auto weight_of = [&](std::int64_t j) { return double(weights[j]); };
    select(spec, segments, first, nedge, weight_of, edges);
    const int count = edges.padded;
    for (int c = 0; c < 3; ++c)
      for (int e = 0; e < count; ++e) edges.xyz[c][e] = edge_vec[3 * (first + edges.slot[e]) + c];
    environment::radial_functions(spec.settings, count, edges.xyz, edges.radial);
    for (int c = 0; c < spec.columns; ++c) {
      double* row = edges.row[c];
      const double* factor = c == 0 ? edges.radial.f : edges.radial.g;
      for (int e = 0; e < count; ++e) {
        const std::int64_t at = statistics_at(atom, edges.slot[e]) + c;
        const double raw = c == 0 ? factor[e] : factor[e] * edges.xyz[c - 1][e];
        row[e] = (raw - double(shift[at])) * double(scale[at]);
      }
    }
    std::copy_n(edges.row[0], count, edges.s);
  }

  /// The derivative of rows and s along a direction of the displacements.
  DEEPMD_INLINE void load_direction(std::int64_t atom, const double* const* along,
                                    Edges& edges) const {
    const RadialArrays& radial = edges.radial;
    for (int e = 0; e < edges.padded; ++e) {
      const double* v = along[0] + 3 * (atom * nedge + edges.slot[e]);
      double dr = 0.0;
      for (int c = 0; c < 3; ++c) dr += edges.xyz[c][e] * v[c];
      dr /= radial.distance[e];
      edges.dr[e] = dr;
      const T* factor = scale + statistics_at(atom, edges.slot[e]);
      edges.direction[0][e] = edges.ds[e] = radial.df[e] * dr * double(factor[0]);
      for (int c = 1; c < spec.columns; ++c)
        edges.direction[c][e] =
            (radial.g[e] * v[c - 1] + radial.dg[e] * dr * edges.xyz[c - 1][e]) * double(factor[c]);
    }
  }

  /// From the gradients of s, the columns of R and the switch (in ds, direction, dr) to that of
  /// edge_vec.
  DEEPMD_INLINE void store_gradient(std::int64_t atom, Edges& edges, double* const* results) const {
    for (int e = 0; e < edges.count; ++e) {
      const T* factor = scale + statistics_at(atom, edges.slot[e]);
      double by_row[4] = {};
      for (int c = 0; c < spec.columns; ++c) by_row[c] = edges.direction[c][e] * double(factor[c]);
      by_row[0] += edges.ds[e] * double(factor[0]);
      environment::displacement_gradient(edges.xyz, edges.radial, e, by_row, edges.dr[e],
                                         results[0] + 3 * (atom * nedge + edges.slot[e]));
    }
  }
};

/// s and rows as they are.
template <class T>
struct GeneralGeometry {
  using Value = T;
  using Derived = T;
  const MomentsSpec& spec;
  std::int64_t n, nedge;
  const T* s;     // (n, nedge)
  const T* rows;  // (n, nedge, columns)
  Segments segments;

  GeneralGeometry(const MomentsSpec& given, const std::vector<TensorView>& in)
      : spec(given), n(in[0].size(0)), nedge(in[0].size(1)) {
    s = data<T>(in[0], {n, nedge}, "s");
    rows = data<T>(in[1], {n, nedge, spec.columns}, "rows");
    if (spec.has_segment) segments = Segments(in[2], {n, nedge});
  }

  DEEPMD_INLINE void load(std::int64_t atom, Edges& edges) const {
    select(spec, segments, atom * nedge, nedge, [](std::int64_t) { return 1.0; }, edges);
    const T* const given[2] = {s, rows};
    copy(atom, given, edges.s, edges.row, edges);
  }

  DEEPMD_INLINE void load_direction(std::int64_t atom, const T* const* along, Edges& edges) const {
    copy(atom, along, edges.ds, edges.direction, edges);
  }

  DEEPMD_INLINE void store_gradient(std::int64_t atom, Edges& edges, T* const* results) const {
    for (int e = 0; e < edges.count; ++e) {
      const std::int64_t at = atom * nedge + edges.slot[e];
      results[0][at] = T(edges.ds[e]);
      for (int c = 0; c < spec.columns; ++c)
        results[1][at * spec.columns + c] = T(edges.direction[c][e]);
    }
  }

 private:
  /// Numbers like s and rows of an atom's edges.
  DEEPMD_INLINE void copy(std::int64_t atom, const T* const* from, double* to_s,
                          const std::vector<double*>& to_rows, const Edges& edges) const {
    for (int e = 0; e < edges.padded; ++e) {
      const std::int64_t at = atom * nedge + edges.slot[e];
      to_s[e] = double(from[0][at]);
      for (int c = 0; c < spec.columns; ++c) to_rows[c][e] = double(from[1][at * spec.columns + c]);
    }
  }
};

}  // namespace moments
}  // namespace deepmd
