// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Activation functions by their names in the input, as deepmd_dp/dialect/activations.py has them.
#pragma once

#include <string>

namespace deepmd {
namespace engine {

enum class Function { linear, tanh, sigmoid, relu, relu6, softplus, gelu, silu, silut };

struct Activation {
  Function function = Function::linear;
  double threshold = 0.0;  // of silut: where a tanh takes over

  /// Of a name, any case; throws `Error`.
  static Activation named(const std::string& name);

  /// Whether polynomials represent it: it has no kinks, nor joints with other functions.
  bool is_analytic() const {
    return function != Function::relu && function != Function::relu6 && function != Function::silut;
  }
};

/// Value and derivative at x; Real is double or long double.
template <class Real>
void activate(const Activation& activation, Real x, Real& value, Real& slope);

}  // namespace engine
}  // namespace deepmd
