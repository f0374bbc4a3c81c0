// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Vectors of any width, as GCC and Clang have them.
#pragma once

#include <cstring>

#include "instruction_sets.hpp"

namespace deepmd {

/// Numbers anywhere in memory; one register where `Bytes` are what the instruction set has.
template <class T, int Bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(Bytes), aligned(sizeof(T)), may_alias));
};
template <class T, int Bytes>
using Vector = typename VectorOf<T, Bytes>::type;

template <class V, class T>
DEEPMD_INLINE V& at(T* p) {
  return *reinterpret_cast<V*>(p);
}
template <class V, class T>
DEEPMD_INLINE const V& at(const T* p) {
  return *reinterpret_cast<const V*>(p);
}

/// Sum over the lanes.
template <class T, int Bytes>
DEEPMD_INLINE T lane_sum(const Vector<T, Bytes>& x) {
  if constexpr (Bytes == sizeof(T)) {
    return x[0];
  } else {
    constexpr int half = Bytes / 2;
    Vector<T, half> low, high;
    std::memcpy(&low, &x, half);
    std::memcpy(&high, reinterpret_cast<const char*>(&x) + half, half);
    return lane_sum<T, half>(low + high);
  }
}

/// to[q] += factor x[q], n whole vectors' numbers
template <class T, int Bytes>
DEEPMD_INLINE void add_times(int n, T factor, const T* x, T* to) {
  using V = Vector<T, Bytes>;
  for (int q = 0; q < n; q += Bytes / sizeof(T)) at<V>(to + q) += factor * at<V>(x + q);
}

}  // namespace deepmd
