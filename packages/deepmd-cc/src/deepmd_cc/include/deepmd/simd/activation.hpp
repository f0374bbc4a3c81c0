// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Activation functions with their first two derivatives, applied to values and
// to tangents along one input.

/// f(z), f'(z), f''(z).
template <class T>
struct ActivationJet {
  Vec<T> f, d1, d2;
};

template <Activation A, class T>
DEEPMD_INLINE ActivationJet<T> activation_jet(Vec<T> z) {
  using V = Vec<T>;
  const V zero = V{}, one = splat<T>(1);
  if constexpr (A == Activation::linear) {
    return {z, one, zero};
  } else if constexpr (A == Activation::relu) {
    return {z > zero ? z : zero * z, z > zero ? one : zero, zero};  // NaN stays
  } else if constexpr (A == Activation::tanh) {
    const V f = tanh<T>(z), d1 = one - f * f;
    return {f, d1, T(-2) * f * d1};
  } else if constexpr (A == Activation::sigmoid || A == Activation::silu) {
    const V s = T(0.5) + T(0.5) * tanh<T>(T(0.5) * z);
    const V s1 = s * (one - s), s2 = s1 * (one - T(2) * s);
    if constexpr (A == Activation::sigmoid) return {s, s1, s2};
    return {z * s, s + z * s1, T(2) * s1 + z * s2};
  } else {  // gelu, its tanh form: z (1 + tanh u) / 2, u = c (z + d z^3)
    constexpr T c = T(0.79788456080286535588), d = T(0.044715);
    const V z2 = z * z, u1 = c + (T(3) * c * d) * z2, u2 = (T(6) * c * d) * z;
    const V t = tanh<T>(c * z * (one + d * z2));
    const V dt = one - t * t, t1 = dt * u1, t2 = dt * (u2 - T(2) * t * u1 * u1);
    return {T(0.5) * z * (one + t), T(0.5) * (one + t + z * t1), t1 + T(0.5) * z * t2};
  }
}

template <Activation A, class T>
DEEPMD_INLINE void activate_rows_as(const Activate<T>& s) {
  using V = Vec<T>;
  for (int e = 0; e < s.n; ++e) {
    const std::int64_t row = std::int64_t(e) * s.ld;
    for (int c = 0; c < s.ld; c += VecOf<T>::lanes) {
      const std::int64_t at = row + c;
      const V idt = s.idt ? load<T>(s.idt + c) : splat<T>(1);
      const auto jet = activation_jet<A, T>(load<T>(s.y + at) + load<T>(s.bias + c));
      store<T>(s.y + at, jet.f * idt);
      if (s.d1) store<T>(s.d1 + at, jet.d1);
      if (s.f) store<T>(s.f + at, jet.f);
      if (!s.yd) continue;
      const V zd = load<T>(s.yd + at), fd = jet.d1 * zd;
      store<T>(s.yd + at, fd * idt);
      if (s.d2_zd) store<T>(s.d2_zd + at, jet.d2 * zd);
      if (s.fd) store<T>(s.fd + at, fd);
    }
  }
}

template <class T>
DEEPMD_INLINE void activate_rows(const Activate<T>& s) {
  switch (s.activation) {
    case Activation::linear: return activate_rows_as<Activation::linear>(s);
    case Activation::tanh: return activate_rows_as<Activation::tanh>(s);
    case Activation::relu: return activate_rows_as<Activation::relu>(s);
    case Activation::sigmoid: return activate_rows_as<Activation::sigmoid>(s);
    case Activation::silu: return activate_rows_as<Activation::silu>(s);
    case Activation::gelu: return activate_rows_as<Activation::gelu>(s);
  }
}

template <class T>
DEEPMD_INLINE void activate_rows_backward(const ActivateBackward<T>& s) {
  using V = Vec<T>;
  for (int c = 0; c < s.ld; c += VecOf<T>::lanes) {
    const V idt = s.idt ? load<T>(s.idt + c) : splat<T>(1);
    V sum_bias = {}, sum_idt = {};
    for (int e = 0; e < s.n; ++e) {
      const std::int64_t at = std::int64_t(e) * s.ld + c;
      const V d1 = load<T>(s.d1 + at), g = load<T>(s.g + at);
      if (s.gidt) sum_idt += g * load<T>(s.f + at);
      V gz = g * idt * d1;
      if (s.gd) {
        const V gd = load<T>(s.gd + at), scaled = gd * idt;
        if (s.gidt) sum_idt += gd * load<T>(s.fd + at);
        gz += scaled * load<T>(s.d2_zd + at);
        store<T>(s.gd + at, scaled * d1);
      }
      store<T>(s.g + at, gz);
      sum_bias += gz;
    }
    if (s.gbias) store<T>(s.gbias + c, load<T>(s.gbias + c) + sum_bias);
    if (s.gidt) store<T>(s.gidt + c, load<T>(s.gidt + c) + sum_idt);
  }
}
