// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Activation functions by their names in the input, as deepmd_dp/dialect/activations.py has them.
#pragma once

#include <string>

#include "deepmd/instruction_sets.hpp"

namespace deepmd::engine {

enum class Function { linear, tanh, sigmoid, relu, relu6, softplus, gelu, silu, silut };

struct Activation {
  Function function = Function::linear;
  double threshold = 0.0;  // of silut: where a tanh takes over

  /// Of a name, any case; throws `Error`.
  static Activation named(const std::string& name);

  /// Whether `activate_by_tanh` has it.
  bool is_of_tanh() const {
    return function == Function::tanh || function == Function::gelu ||
           function == Function::sigmoid || function == Function::silu;
  }

  /// Whether polynomials represent it: it has no kinks, nor joints with other functions.
  bool is_analytic() const {
    return function != Function::relu && function != Function::relu6 && function != Function::silut;
  }
};

/// Value and derivative of a function that is made of tanh, for a number or a vector V of numbers
/// T.
template <class T, class V, class Tanh>
DEEPMD_INLINE void activate_by_tanh(Function function, const V x, V& value, V& slope,
                                    const Tanh& tanh) {
  const T half(0.5), one(1);
  if (function == Function::tanh) {
    value = tanh(x);
    slope = one - value * value;
  } else if (function == Function::gelu) {
    const T factor(0.7978845608028654), cubic(0.044715);  // sqrt(2 / pi)
    const V t = tanh(factor * (x + cubic * x * x * x));
    value = half * x * (one + t);
    slope = half * (one + t) + half * x * (one - t * t) * factor * (one + 3 * cubic * x * x);
  } else {
    const V s = half + half * tanh(half * x);  // the sigmoid
    value = function == Function::silu ? x * s : s;
    slope = function == Function::silu ? s + value * (one - s) : s * (one - s);
  }
}

/// Value and derivative at x; Real is double or long double.
template <class Real>
void activate(const Activation& activation, Real x, Real& value, Real& slope);

}  // namespace deepmd::engine
