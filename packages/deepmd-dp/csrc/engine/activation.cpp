// SPDX-License-Identifier: LGPL-3.0-or-later
#include "activation.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "document.hpp"

namespace deepmd {
namespace engine {
namespace {

template <class Real>
Real sigmoid(Real x) {
  return Real(0.5) + Real(0.5) * std::tanh(Real(0.5) * x);
}

template <class Real>
void silu(Real x, Real& value, Real& slope) {
  const Real s = sigmoid(x);
  value = x * s;
  slope = s + value * (1 - s);
}

template <class Real>
void gelu(Real x, Real& value, Real& slope) {
  const Real factor = std::sqrt(2.0 / M_PI), half = 0.5, cubic = 0.044715;
  const Real t = std::tanh(factor * (x + cubic * x * x * x));
  value = half * x * (1 + t);
  slope = half * (1 + t) + half * x * (1 - t * t) * factor * (1 + 3 * cubic * x * x);
}

/// SiLU up to the threshold, above it a tanh that goes on with the same value and slope.
template <class Real>
void silut(Real x, Real threshold, Real& value, Real& slope) {
  if (x < threshold) return silu(x, value, slope);
  Real base = 0, steepness = 0;
  silu(threshold, base, steepness);
  const Real t = std::tanh(steepness * (x - threshold));
  value = t + base;
  slope = steepness * (1 - t * t);
}

}  // namespace

Activation Activation::named(const std::string& name) {
  std::string key = name.substr(0, name.find(':'));
  for (auto& letter : key) letter = char(std::tolower(static_cast<unsigned char>(letter)));
  const struct {
    const char* name;
    Function function;
  } known[] = {{"none", Function::linear},       {"linear", Function::linear},
               {"tanh", Function::tanh},         {"sigmoid", Function::sigmoid},
               {"relu", Function::relu},         {"relu6", Function::relu6},
               {"softplus", Function::softplus}, {"gelu", Function::gelu},
               {"gelu_tf", Function::gelu},      {"silu", Function::silu},
               {"silut", Function::silut},       {"custom_silu", Function::silut}};
  for (const auto& each : known)
    if (key == each.name) {
      const auto colon = name.find(':');
      const double given =
          colon == std::string::npos ? 0.0 : std::strtod(name.c_str() + colon + 1, nullptr);
      return {each.function, given != 0.0 ? given : 3.0};
    }
  throw NotCovered("the activation function " + name + " is not known to the native engine");
}

template <class Real>
void activate(const Activation& activation, Real x, Real& value, Real& slope) {
  const Real zero = 0, one = 1, six = 6;
  switch (activation.function) {
    case Function::linear:
      value = x, slope = one;
      return;
    case Function::tanh:
      value = std::tanh(x), slope = one - value * value;
      return;
    case Function::sigmoid:
      value = sigmoid(x), slope = value * (one - value);
      return;
    case Function::relu:
      value = std::max(x, zero), slope = x > zero ? one : zero;
      return;
    case Function::relu6:
      value = std::min(std::max(x, zero), six), slope = x > zero && x <= six ? one : zero;
      return;
    case Function::softplus:
      value = std::max(x, zero) + std::log1p(std::exp(-std::abs(x))), slope = sigmoid(x);
      return;
    case Function::gelu:
      return gelu(x, value, slope);
    case Function::silu:
      return silu(x, value, slope);
    case Function::silut:
      return silut(x, Real(activation.threshold), value, slope);
  }
}

template void activate(const Activation&, double, double&, double&);
template void activate(const Activation&, long double, long double&, long double&);

}  // namespace engine
}  // namespace deepmd
