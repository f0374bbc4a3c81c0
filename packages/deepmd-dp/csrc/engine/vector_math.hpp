// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Functions of vectors of any width.
#pragma once

#include <cstdint>

#include "deepmd/vectors.hpp"

namespace deepmd::engine {

/// What exp and tanh need to know of a type of numbers.
template <class T>
struct Precision;

template <>
struct Precision<double> {
  using Integer = std::int64_t;
  static constexpr int mantissa = 52;
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double log2_high = 0x1.62e42fee00000p-1, log2_low = 0x1.a39ef35793c76p-33;
  static constexpr double small = 0.7, large = 20.0;
  /// (e^r - 1 - r) / r^2 for |r| < log(2) / 2, lowest power first.
  static constexpr double exp[] = {0.5000000000000001,     0.16666666666666669,
                                   0.041666666666624164,   0.008333333333330065,
                                   0.0013888888917196719,  0.00019841269863040545,
                                   2.4801521322368692e-05, 2.7557268480310024e-06,
                                   2.7620075879983367e-07, 2.5100375832561234e-08};
  /// (tanh(x) / x - 1) / x^2 as powers of x^2, for |x| < small.
  static constexpr double tanh[] = {
      -0.33333333333333326,   0.13333333333330483,     -0.05396825396547009,
      0.021869488429414517,   -0.008863233408263286,   0.003592103046776906,
      -0.0014556466795140578, 0.0005890911465294339,   -0.000235970027845338,
      8.970281998106509e-05,  -2.8326601500430233e-05, 5.2384872094831616e-06};
};

template <>
struct Precision<float> {
  using Integer = std::int32_t;
  static constexpr int mantissa = 23;
  static constexpr float round = 12582912.0f;  // 1.5 * 2^23
  static constexpr float log2_high = 0.693359375f, log2_low = -2.12194440e-4f;
  static constexpr float small = 0.625f, large = 10.0f;
  // Cephes (S. Moshier): expf, tanhf
  static constexpr float exp[] = {5.0000001201e-1f, 1.6666665459e-1f, 4.1665795894e-2f,
                                  8.3334519073e-3f, 1.3981999507e-3f, 1.9875691500e-4f};
  static constexpr float tanh[] = {-3.33332819422e-1f, 1.33314422036e-1f, -5.37397155531e-2f,
                                   2.06390887954e-2f, -5.70498872745e-3f};
};

template <class V, class T, int N>
DEEPMD_INLINE V polynomial(const T (&coefficients)[N], V x) {
  V sum = V{} + coefficients[N - 1];
  for (int k = N - 2; k >= 0; --k) sum = sum * x + coefficients[k];
  return sum;
}

/// e^x for 0 <= x < 80.
template <class T, int Bytes>
DEEPMD_INLINE Vector<T, Bytes> exponential(Vector<T, Bytes> x) {
  using P = Precision<T>;
  using V = Vector<T, Bytes>;
  using I = Vector<typename P::Integer, Bytes>;
  const V shifted = x * T(1.4426950408889634) + P::round, k = shifted - P::round;
  const V r = (x - k * P::log2_high) - k * P::log2_low;
  const V value = (r * r * polynomial(P::exp, r) + r) + T(1);
  const I power = (reinterpret_cast<const I&>(shifted) << P::mantissa);
  const I bits = reinterpret_cast<const I&>(value) + power;
  return reinterpret_cast<const V&>(bits);
}

/// tanh(x), of a relative error below 2e-16 (float: 1.5e-7).
template <class T, int Bytes>
struct HyperbolicTangent {
  using P = Precision<T>;
  using V = Vector<T, Bytes>;
  DEEPMD_INLINE V operator()(V x) const {
    const V zero{}, one = zero + T(1), square = x * x;
    V size = x < zero ? -x : x;
    const V near = x * square * polynomial(P::tanh, square) + x;
    const auto is_near = size < P::small;
    const V limit = zero + P::large;
    size = size < limit ? size : limit;
    const V far = one - T(2) / (exponential<T, Bytes>(size + size) + one);
    V result = is_near ? near : (x < zero ? -far : far);
    return x == x ? result : x;  // NaN stays NaN
  }
};

}  // namespace deepmd::engine
