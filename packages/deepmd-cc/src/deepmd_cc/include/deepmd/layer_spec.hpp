// SPDX-License-Identifier: LGPL-3.0-or-later
//
// How a framework hands the layers of an embedding net to the kernels: four numbers for
// each layer and all parameters one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "embedding_net.hpp"

namespace deepmd {

/// An array as it lies in memory, rows first.
template <class T>
struct Parameter {
  const T* data;
  std::vector<std::int64_t> shape;
};

/// The layers that `spec` and `params` describe.
///
/// nin : width of the net's input.
/// params : w (nin, nout) of each layer, then, where it has them, b (nout) and idt (nout).
/// spec : for each layer its activation, has b, has idt, is residual.
///
/// Throws std::invalid_argument where they don't fit each other.
template <class T>
std::vector<DenseLayer<T>> dense_layers(std::int64_t nin, const std::vector<Parameter<T>>& params,
                                        const std::vector<std::int64_t>& spec) {
  const auto require = [](bool holds, const char* message) {
    if (!holds) throw std::invalid_argument(message);
  };
  std::size_t at = 0;
  const auto next = [&](const std::vector<std::int64_t>& shape) {
    require(at < params.size(), "there are fewer parameters than spec says");
    require(params[at].shape == shape, "a parameter has a wrong shape");
    return params[at++].data;
  };
  require(!spec.empty() && spec.size() % 4 == 0, "spec needs four numbers for each layer");
  std::vector<DenseLayer<T>> layers;
  for (std::size_t l = 0; l < spec.size(); l += 4) {
    require(at < params.size() && params[at].shape.size() == 2,
            "the weights of a layer must be a matrix");
    require(spec[l] >= 0 && spec[l] < activation_count, "an activation is unknown");
    const std::int64_t nout = params[at].shape[1];
    DenseLayer<T> layer{};
    layer.nin = int(nin);
    layer.nout = int(nout);
    layer.w = next({nin, nout});
    layer.b = spec[l + 1] ? next({nout}) : nullptr;
    layer.idt = spec[l + 2] ? next({nout}) : nullptr;
    layer.activation = Activation(spec[l]);
    layer.resnet = spec[l + 3] != 0;
    layers.push_back(layer);
    nin = nout;
  }
  require(at == params.size(), "there are more parameters than spec says");
  return layers;
}

/// How many numbers the layers' parameters are in all.
template <class T>
std::int64_t count_params(const std::vector<DenseLayer<T>>& layers) {
  std::int64_t count = 0;
  for (const auto& layer : layers) count += layer.nparams();
  return count;
}

}  // namespace deepmd
