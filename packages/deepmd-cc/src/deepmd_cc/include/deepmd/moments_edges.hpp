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
    const std::size_t n = std::size_t(nedge + lanes);
    slot.resize(n), segment.resize(n), interval.resize(n);
    memory_.resize(n * std::size_t(16 + 2 * columns + 2 * degree));
    double* next = memory_.data();
    const auto take = [&next, n](double*& array, int width = 1) {
      array = next;
      next += n * std::size_t(width);
    };
    for (double** each :
         {&weight, &s, &u, &slope, &xyz[0], &xyz[1], &xyz[2], &radial.distance, &radial.w,
          &radial.dw, &radial.f, &radial.df, &radial.g, &radial.dg, &ds, &dr})
      take(*each);
    row.resize(std::size_t(columns)), direction.resize(std::size_t(columns));
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

  std::int64_t of(std::int64_t edge) const { return wide ? wide[edge] : narrow ? narrow[edge] : 0; }
};

/// Displacements, their weights and statistics; A has the type T.
template <class T>
struct EnvironmentGeometry {
  using Derived = double;  // by which A is derived
  std::int64_t n, nedge;
  const double* edge_vec;  // (n, nedge, 3)
  const T* weights;        // (n, nedge)
  const T *shift, *scale;  // (n, 1 or nedge, columns)
  std::int64_t nslots;     // 1 or nedge
  Segments segments;
};

template <class T>
struct GeneralGeometry {
  using Derived = T;
  std::int64_t n, nedge;
  const T* s;     // (n, nedge)
  const T* rows;  // (n, nedge, columns)
  Segments segments;
};

template <class T>
DEEPMD_INLINE std::int64_t statistics_at(const EnvironmentGeometry<T>& geo, int columns,
                                         std::int64_t atom, std::int64_t slot) {
  return (atom * geo.nslots + (geo.nslots == 1 ? 0 : slot)) * columns;
}

/// Notes the edges that count; those beyond the last repeat it, without weight.
template <class Weight>
DEEPMD_INLINE void select(const MomentsSpec& spec, const Segments& segments, std::int64_t first,
                          std::int64_t nedge, const Weight& weight_of, Edges& edges) {
  edges.count = 0;
  for (std::int64_t j = 0; j < nedge; ++j) {
    const std::int64_t segment = segments.of(first + j);
    const double weight = weight_of(first + j);
    if (weight == 0.0 || segment < 0 || segment >= spec.nsegments) continue;
    const auto e = std::size_t(edges.count++);
    edges.slot[e] = j, edges.segment[e] = segment, edges.weight[e] = weight;
  }
  const int rest = edges.count % lanes;
  edges.padded = edges.count + (rest == 0 ? 0 : lanes - rest);
  for (int e = edges.count; e < edges.padded; ++e)
    edges.slot[std::size_t(e)] = edges.slot[std::size_t(edges.count - 1)], edges.weight[e] = 0.0;
}

template <class T>
DEEPMD_INLINE void load(const MomentsSpec& spec, const EnvironmentGeometry<T>& geo,
                        std::int64_t atom, Edges& edges) {
  const std::int64_t first = atom * geo.nedge;
  select(
      spec, geo.segments, first, geo.nedge, [&](std::int64_t j) { return double(geo.weights[j]); },
      edges);
  const int n = edges.padded;
  for (int c = 0; c < 3; ++c)
    for (int e = 0; e < n; ++e)
      edges.xyz[c][e] = geo.edge_vec[3 * (first + edges.slot[std::size_t(e)]) + c];
  environment::radial_functions(spec.settings, n, edges.xyz, edges.radial);
  for (int c = 0; c < spec.columns; ++c) {
    double* row = edges.row[std::size_t(c)];
    const double* factor = c == 0 ? edges.radial.f : edges.radial.g;
    for (int e = 0; e < n; ++e) {
      const auto at = statistics_at(geo, spec.columns, atom, edges.slot[std::size_t(e)]) + c;
      const double raw = c == 0 ? factor[e] : factor[e] * edges.xyz[c - 1][e];
      row[e] = (raw - double(geo.shift[at])) * double(geo.scale[at]);
    }
  }
  std::copy_n(edges.row[0], n, edges.s);
}

template <class T>
DEEPMD_INLINE void load(const MomentsSpec& spec, const GeneralGeometry<T>& geo, std::int64_t atom,
                        Edges& edges) {
  const std::int64_t first = atom * geo.nedge;
  select(spec, geo.segments, first, geo.nedge, [](std::int64_t) { return 1.0; }, edges);
  for (int e = 0; e < edges.padded; ++e) {
    const std::int64_t at = first + edges.slot[std::size_t(e)];
    edges.s[e] = double(geo.s[at]);
    for (int c = 0; c < spec.columns; ++c)
      edges.row[std::size_t(c)][e] = double(geo.rows[at * spec.columns + c]);
  }
}

/// The derivative of rows and s along a direction of the displacements.
template <class T>
DEEPMD_INLINE void load_direction(const MomentsSpec& spec, const EnvironmentGeometry<T>& geo,
                                  std::int64_t atom, const double* const* along, Edges& edges) {
  const RadialArrays& radial = edges.radial;
  for (int e = 0; e < edges.padded; ++e) {
    const auto slot = edges.slot[std::size_t(e)];
    const double* v = along[0] + 3 * (atom * geo.nedge + slot);
    double dr = 0.0;
    for (int c = 0; c < 3; ++c) dr += edges.xyz[c][e] * v[c];
    dr /= radial.distance[e];
    edges.dr[e] = dr;
    const T* scale = geo.scale + statistics_at(geo, spec.columns, atom, slot);
    edges.direction[0][e] = edges.ds[e] = radial.df[e] * dr * double(scale[0]);
    for (int c = 1; c < spec.columns; ++c)
      edges.direction[std::size_t(c)][e] =
          (radial.g[e] * v[c - 1] + radial.dg[e] * dr * edges.xyz[c - 1][e]) * double(scale[c]);
  }
}

template <class T>
DEEPMD_INLINE void load_direction(const MomentsSpec& spec, const GeneralGeometry<T>& geo,
                                  std::int64_t atom, const T* const* along, Edges& edges) {
  for (int e = 0; e < edges.padded; ++e) {
    const std::int64_t at = atom * geo.nedge + edges.slot[std::size_t(e)];
    edges.ds[e] = double(along[0][at]);
    for (int c = 0; c < spec.columns; ++c)
      edges.direction[std::size_t(c)][e] = double(along[1][at * spec.columns + c]);
  }
}

/// From the gradients of s, the columns of R and the switch (in ds, direction, dr) to that of
/// edge_vec.
template <class T>
DEEPMD_INLINE void store_gradient(const MomentsSpec& spec, const EnvironmentGeometry<T>& geo,
                                  std::int64_t atom, Edges& edges, double* const* results) {
  for (int e = 0; e < edges.count; ++e) {
    const std::int64_t slot = edges.slot[std::size_t(e)];
    const T* scale = geo.scale + statistics_at(geo, spec.columns, atom, slot);
    double by_row[4] = {};
    for (int c = 0; c < spec.columns; ++c)
      by_row[c] = edges.direction[std::size_t(c)][e] * double(scale[c]);
    by_row[0] += edges.ds[e] * double(scale[0]);
    environment::displacement_gradient(edges.xyz, edges.radial, e, by_row, edges.dr[e],
                                       results[0] + 3 * (atom * geo.nedge + slot));
  }
}

template <class T>
DEEPMD_INLINE void store_gradient(const MomentsSpec& spec, const GeneralGeometry<T>& geo,
                                  std::int64_t atom, Edges& edges, T* const* results) {
  for (int e = 0; e < edges.count; ++e) {
    const std::int64_t at = atom * geo.nedge + edges.slot[std::size_t(e)];
    results[0][at] = T(edges.ds[e]);
    for (int c = 0; c < spec.columns; ++c)
      results[1][at * spec.columns + c] = T(edges.direction[std::size_t(c)][e]);
  }
}

}  // namespace moments
}  // namespace deepmd
