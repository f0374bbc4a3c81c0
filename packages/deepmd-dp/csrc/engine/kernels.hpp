// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The loops that take the time, made for several instruction sets; one is chosen when a model is
// loaded. T is double or float.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "activation.hpp"
#include "deepmd/chebyshev.hpp"
#include "deepmd/environment_rows.hpp"

namespace deepmd::engine {

/// A constant matrix (rows, columns) as `Kernels::product` reads it: panels of a few vectors.
template <class T>
struct PackedMatrix {
  std::int64_t rows = 0, padded = 0;  // padded: columns in whole vectors
  std::vector<T> data;
};

/// Edges of one atom, as an array for each quantity; all have room for whole vectors.
template <class T>
struct EdgeArrays {
  int count = 0;
  const double* xyz[3];   // displacements [Å]
  const int* slot;        // of the list; where statistics differ by slot
  const int* segment;     // to which sum the edge belongs
  RadialArrays radial;    // functions of the distance
  double *s, *u, *slope;  // normalised inverse distance, where in its interval, du/ds
  T *row[4], *weight;     // the environment matrix's normalised row; the switch
  int* interval;          // of s
  int* place[2];          // where in a row of A the terms go, and those weighted by the switch
  T *t, *dt;              // functions of s and their derivatives by u, (count, degree)
  T *by_row[4], *by_u, *by_weight;  // derivatives of the model's output
  double* gradient[3];              // by the displacements
};

/// How a list's edges become rows of A.
struct EdgeSettings {
  EnvironmentSettings environment;
  int columns = 4;
  bool slots_differ = false;
  bool is_switched = false;  // a second term, weighted by the switch
  ChebyshevBasis basis;      // degree 0: functions are nets, evaluated elsewhere
  int degree = 0;            // functions of an edge
  std::int64_t size = 0;     // functions of a segment, Q
};

template <class T>
struct Kernels {
  const char* name;
  int width;  // numbers in a vector

  /// c (m, b.padded) = a (m, b.rows) b, or += where `adds`.
  void (*product)(std::int64_t m, const T* a, std::int64_t lda, const PackedMatrix<T>& b, T* c,
                  std::int64_t ldc, bool adds);

  /// y = f(x) and slope = f'(x) of n numbers, in place: y may be x.
  void (*activate)(const Activation& activation, std::int64_t n, const T* x, T* y, T* slope);

  /// Radial functions, rows and s of an atom's edges; statistics: shift and scale of each column, a
  /// row of 2 * columns numbers for each slot.
  void (*rows_of)(const EdgeSettings& settings, const double* statistics, EdgeArrays<T>& edges);

  /// Interval, u, and values and derivatives of the polynomials.
  void (*polynomials)(const EdgeSettings& settings, EdgeArrays<T>& edges, bool with_slopes);

  /// Adds the edges' terms to A (columns, ld).
  void (*accumulate)(const EdgeSettings& settings, const EdgeArrays<T>& edges, T* a,
                     std::int64_t ld);

  /// From the gradient of A to those of rows, u and the switch.
  void (*gradients)(const EdgeSettings& settings, const T* a, std::int64_t ld,
                    EdgeArrays<T>& edges);

  /// From those to the gradient of the displacements.
  void (*displacements)(const EdgeSettings& settings, const double* statistics,
                        EdgeArrays<T>& edges);

  /// x[b, a - b] = sum over k of m[k, a] m[k, b] for b < naxis, b <= a < width.
  void (*contract)(std::int64_t width, std::int64_t naxis, const T* m, std::int64_t ldm, T* x);

  /// The transpose of its derivative: g (4, ldm) += of x's gradient.
  void (*contract_back)(std::int64_t width, std::int64_t naxis, const T* m, std::int64_t ldm,
                        const T* x, T* g);
};

/// The best for this machine, or what the environment variable DEEPMD_INSTRUCTIONS names: generic,
/// avx2 or avx512.
template <class T>
const Kernels<T>& kernels();

/// Rows of K that a product takes at a time, so that a panel stays in the cache.
constexpr std::int64_t kPanelDepth = 256;
/// Vectors side by side in a panel.
constexpr int kPanelVectors = 3;

/// Of the matrix whose numbers are w(k, j).
template <class T, class W>
PackedMatrix<T> packed(const Kernels<T>& kernels, std::int64_t rows, std::int64_t columns,
                       const W& w) {
  const std::int64_t width = kernels.width, panel = kPanelVectors * width;
  PackedMatrix<T> packed{rows, (columns + width - 1) / width * width, {}};
  packed.data.reserve(rows * packed.padded);
  for (std::int64_t k0 = 0; k0 < rows; k0 += kPanelDepth)
    for (std::int64_t j0 = 0; j0 < packed.padded; j0 += panel)
      for (std::int64_t k = k0; k < std::min(rows, k0 + kPanelDepth); ++k)
        for (std::int64_t j = j0; j < std::min(packed.padded, j0 + panel); ++j)
          packed.data.push_back(j < columns ? T(w(k, j)) : T(0));
  return packed;
}

/// A matrix (rows, columns) and its transpose, for the ways to and fro.
template <class T>
struct MatrixPair {
  PackedMatrix<T> forward, backward;
};

template <class T>
MatrixPair<T> pack(const Kernels<T>& kernels, std::int64_t rows, std::int64_t columns,
                   const std::vector<double>& w) {
  const auto at = [&](std::int64_t k, std::int64_t j) { return w[k * columns + j]; };
  return {packed(kernels, rows, columns, at),
          packed(kernels, columns, rows, [&](std::int64_t k, std::int64_t j) { return at(j, k); })};
}

}  // namespace deepmd::engine
