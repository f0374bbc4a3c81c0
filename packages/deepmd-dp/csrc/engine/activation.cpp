// SPDX-License-Identifier: LGPL-3.0-or-later
#include "activation.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>

#include "document.hpp"

namespace deepmd::engine {
namespace {

template <class Real>
void by_tanh(Function function, Real x, Real& value, Real& slope) {
  activate_by_tanh<Real>(function, x, value, slope, [](Real y) { return std::tanh(y); });
}

/// SiLU up to the threshold, above it a tanh that goes on with the same value and slope.
template <class Real>
void silut(Real x, Real threshold, Real& value, Real& slope) {
  if (x < threshold) return by_tanh(Function::silu, x, value, slope);
  Real base = 0, steepness = 0;
  by_tanh(Function::silu, threshold, base, steepness);
  const Real t = std::tanh(steepness * (x - threshold));
  value = t + base;
  slope = steepness * (1 - t * t);
}

}  // namespace

Activation Activation::named(const std::string& name) {
  std::string key = name.substr(0, name.find(':'));
  for (auto& letter : key) letter = char(std::tolower(static_cast<unsigned char>(letter)));
  const std::map<std::string, Function> known = {
      {"none", Function::linear},       {"linear", Function::linear},
      {"tanh", Function::tanh},         {"sigmoid", Function::sigmoid},
      {"relu", Function::relu},         {"relu6", Function::relu6},
      {"softplus", Function::softplus}, {"gelu", Function::gelu},
      {"gelu_tf", Function::gelu},      {"silu", Function::silu},
      {"silut", Function::silut},       {"custom_silu", Function::silut}};
  const auto found = known.find(key);
  if (found == known.end())
    throw NotCovered("the activation function " + name + " is not known to the native engine");
  const auto colon = name.find(':');
  const double given =
      colon == std::string::npos ? 0.0 : std::strtod(name.c_str() + colon + 1, nullptr);
  return {found->second, given != 0.0 ? given : 3.0};
}

template <class Real>
void activate(const Activation& activation, Real x, Real& value, Real& slope) {
  const Real zero = 0, one = 1, six = 6;
  switch (activation.function) {
    case Function::linear:
      value = x, slope = one;
      return;
    case Function::relu:
      value = std::max(x, zero), slope = x > zero ? one : zero;
      return;
    case Function::relu6:
      value = std::min(std::max(x, zero), six), slope = x > zero && x <= six ? one : zero;
      return;
    case Function::softplus:
      by_tanh(Function::sigmoid, x, value, slope);
      slope = value, value = std::max(x, zero) + std::log1p(std::exp(-std::abs(x)));
      return;
    case Function::silut:
      return silut(x, Real(activation.threshold), value, slope);
    default:
      return by_tanh(activation.function, x, value, slope);
  }
}

template void activate(const Activation&, double, double&, double&);
template void activate(const Activation&, long double, long double&, long double&);

}  // namespace deepmd::engine
