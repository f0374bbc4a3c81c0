// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Memory for the arrays of an atom's edges.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels.hpp"

namespace deepmd::engine {

template <class T>
struct EdgeRoom {
  EdgeArrays<T> one;  // of one atom

  /// Makes room for so many edges.
  void reserve(std::int64_t nedges, const EdgeSettings& settings) {
    const std::int64_t n = (nedges + 31) / 16 * 16, degree = settings.degree;
    const std::size_t ndoubles = n * 13, nnumbers = n * (11 + 2 * degree), nintegers = n * 3;
    if (doubles_.size() < ndoubles) doubles_.resize(ndoubles);
    if (numbers_.size() < nnumbers) numbers_.resize(nnumbers);
    if (integers_.size() < nintegers) integers_.resize(nintegers);
    const auto take = [n](auto*& next, auto*& array, std::size_t width = 1) {
      array = next;
      next += n * width;
    };
    double* next = doubles_.data();
    for (double** each : {&one.radial.distance, &one.radial.w, &one.radial.dw, &one.radial.f,
                          &one.radial.df, &one.radial.g, &one.radial.dg, &one.s, &one.u, &one.slope,
                          &one.gradient[0], &one.gradient[1], &one.gradient[2]})
      take(next, *each);
    T* number = numbers_.data();
    for (T** each :
         {&one.row[0], &one.row[1], &one.row[2], &one.row[3], &one.weight, &one.by_row[0],
          &one.by_row[1], &one.by_row[2], &one.by_row[3], &one.by_u, &one.by_weight})
      take(number, *each);
    take(number, one.t, degree), take(number, one.dt, degree);
    int* integer = integers_.data();
    for (int** each : {&one.interval, &one.place[0], &one.place[1]}) take(integer, *each);
  }

 private:
  std::vector<double> doubles_;
  std::vector<T> numbers_;
  std::vector<int> integers_;
};

}  // namespace deepmd::engine
