// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Vectors of this instruction set's width, and tanh of them.

template <class T>
using IntOf = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;

/// A vector of T: in registers, in unaligned memory, and as integers.
template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(DEEPMD_SIMD_BYTES)));
  typedef T unaligned
      __attribute__((vector_size(DEEPMD_SIMD_BYTES), aligned(sizeof(T)), may_alias));
  typedef IntOf<T> integer __attribute__((vector_size(DEEPMD_SIMD_BYTES)));
  static constexpr int lanes = DEEPMD_SIMD_BYTES / int(sizeof(T));
};

template <class T>
using Vec = typename VecOf<T>::type;

template <class T>
DEEPMD_INLINE Vec<T> splat(T x) {
  return x - Vec<T>{};  // x - 0 keeps the sign of a zero
}

template <class T>
DEEPMD_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecOf<T>::unaligned*>(p);
}

template <class T>
DEEPMD_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecOf<T>::unaligned*>(p) = v;
}

template <class T>
DEEPMD_INLINE T sum_lanes(Vec<T> v) {
  T total = 0;
  for (int i = 0; i < VecOf<T>::lanes; ++i) total += v[i];
  return total;
}

/// Constants of exp for one floating-point type.
template <class T>
struct ExpConstants;

template <>
struct ExpConstants<double> {
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double log2e = 1.4426950408889634074;
  static constexpr double ln2_hi = 0x1.62e42fefa3800p-1;  // times 2|x|'s k: exact
  static constexpr double ln2_lo = 0x1.ef35793c76730p-45;
  static constexpr int mantissa = 52;
  static constexpr std::int64_t bias = 1023;
  static constexpr double saturation = 20.0;  // tanh is 1 beyond
};

template <>
struct ExpConstants<float> {
  static constexpr float round = 12582912.0f;  // 1.5 * 2^23
  static constexpr float log2e = 1.44269504088896341f;
  static constexpr float ln2_hi = 0x1.62e4p-1f;
  static constexpr float ln2_lo = 0x1.7f7d1cp-20f;
  static constexpr int mantissa = 23;
  static constexpr std::int32_t bias = 127;
  static constexpr float saturation = 10.0f;
};

/// exp(r) - 1 for |r| <= ln(2)/2: its Taylor series, summed pairwise.
template <class T>
DEEPMD_INLINE Vec<T> expm1_reduced(Vec<T> r) {
  using V = Vec<T>;
  const V r2 = r * r;
  const V a = T(1.0 / 2) + r * T(1.0 / 6);
  const V b = T(1.0 / 24) + r * T(1.0 / 120);
  const V c = T(1.0 / 720) + r * T(1.0 / 5040);
  if constexpr (sizeof(T) == 4) {
    return r + r2 * (a + r2 * (b + r2 * c));
  } else {
    const V r4 = r2 * r2;
    const V d = T(1.0 / 40320) + r * T(1.0 / 362880);
    const V e = T(1.0 / 3628800) + r * T(1.0 / 39916800);
    const V f = T(1.0 / 479001600) + r * T(1.0 / 6227020800);
    const V low = (a + r2 * b) + r4 * (c + r2 * d);
    return r + r2 * (low + r4 * r4 * (e + r2 * f));
  }
}

/// tanh(x) to about two units in the last place: with m = exp(2|x|) - 1 it is
/// m / (m + 2), and m = 2^k (exp(r) - 1) + (2^k - 1) where 2|x| = k ln 2 + r.
template <class T>
DEEPMD_INLINE Vec<T> tanh(Vec<T> x) {
  using V = Vec<T>;
  using C = ExpConstants<T>;
  using I = typename VecOf<T>::integer;
  const V limit = splat<T>(C::saturation);
  const V magnitude = x < T(0) ? -x : x;
  V y = magnitude > limit ? limit : magnitude;  // false for NaN, which stays
  y = y + y;
  const V shifted = y * C::log2e + C::round;
  const V k = shifted - C::round;
  const V r = (y - k * C::ln2_hi) - k * C::ln2_lo;
  const V scale = V((I(shifted) + C::bias) << C::mantissa);
  const V m = scale * expm1_reduced<T>(r) + (scale - T(1));
  const V t = m / (m + T(2));
  return x < T(0) ? -t : t;
}
