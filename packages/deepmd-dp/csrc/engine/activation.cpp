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

double sigmoid(double x) { return 0.5 + 0.5 * std::tanh(0.5 * x); }

void silu(double x, double& value, double& slope) {
  const double s = sigmoid(x);
  value = x * s;
  slope = s + value * (1.0 - s);
}

void gelu(double x, double& value, double& slope) {
  const double factor = std::sqrt(2.0 / M_PI);
  const double t = std::tanh(factor * (x + 0.044715 * x * x * x));
  value = 0.5 * x * (1.0 + t);
  slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * factor * (1.0 + 3.0 * 0.044715 * x * x);
}

/// SiLU up to the threshold, above it a tanh that goes on with the same value and slope.
void silut(double x, double threshold, double& value, double& slope) {
  if (x < threshold) return silu(x, value, slope);
  double base = 0.0, steepness = 0.0;
  silu(threshold, base, steepness);
  const double t = std::tanh(steepness * (x - threshold));
  value = t + base;
  slope = steepness * (1.0 - t * t);
}

}  // namespace

Activation Activation::named(const std::string& name) {
  std::string key = name.substr(0, name.find(':'));
  for (auto& letter : key) letter = char(std::tolower(static_cast<unsigned char>(letter)));
  const struct {
    const char* name;
    Function function;
  } known[] = {{"none", Function::linear},     {"linear", Function::linear},
               {"tanh", Function::tanh},       {"sigmoid", Function::sigmoid},
               {"relu", Function::relu},       {"relu6", Function::relu6},
               {"softplus", Function::softplus}, {"gelu", Function::gelu},
               {"gelu_tf", Function::gelu},    {"silu", Function::silu},
               {"silut", Function::silut},     {"custom_silu", Function::silut}};
  for (const auto& each : known)
    if (key == each.name) {
      const auto colon = name.find(':');
      const double given = colon == std::string::npos ? 0.0 : std::atof(name.c_str() + colon + 1);
      return {each.function, given != 0.0 ? given : 3.0};
    }
  throw Error("the activation function " + name + " is not known to the native engine");
}

void activate(const Activation& activation, double x, double& value, double& slope) {
  switch (activation.function) {
    case Function::linear:
      value = x, slope = 1.0;
      return;
    case Function::tanh:
      value = std::tanh(x), slope = 1.0 - value * value;
      return;
    case Function::sigmoid:
      value = sigmoid(x), slope = value * (1.0 - value);
      return;
    case Function::relu:
      value = std::max(x, 0.0), slope = x > 0.0 ? 1.0 : 0.0;
      return;
    case Function::relu6:
      value = std::min(std::max(x, 0.0), 6.0), slope = x > 0.0 && x <= 6.0 ? 1.0 : 0.0;
      return;
    case Function::softplus:
      value = std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))), slope = sigmoid(x);
      return;
    case Function::gelu:
      return gelu(x, value, slope);
    case Function::silu:
      return silu(x, value, slope);
    case Function::silut:
      return silut(x, activation.threshold, value, slope);
  }
}

}  // namespace engine
}  // namespace deepmd
