// SPDX-License-Identifier: LGPL-3.0-or-later
//
// From PyTorch's tensors, through the stable ABI, to what the kernels take.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "deepmd/embedding_net.hpp"

namespace deepmd_pt {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using Params = std::vector<Tensor>;
using Spec = std::vector<int64_t>;  // activation, has bias, has idt, resnet: of each layer

inline const auto parallel = [](int64_t count, const auto& body) {
  torch::stable::parallel_for(0, count, 1, body);
};

template <class T>
T* result(const Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

template <class T>
T* result(const Tensor& tensor, bool wanted) {
  return wanted ? result<T>(tensor) : nullptr;
}

template <class T>
const T* data(const Tensor& tensor) {
  return static_cast<const T*>(tensor.data_ptr());
}

template <class T>
const T* data(const std::optional<Tensor>& tensor) {
  return tensor ? data<T>(*tensor) : nullptr;
}

/// The kernels read memory as it lies: any other tensor is an error.
inline void check(const Tensor& tensor, ScalarType dtype, std::vector<int64_t> shape, const char* name) {
  STD_TORCH_CHECK(tensor.is_cpu() && tensor.is_contiguous() && tensor.scalar_type() == dtype,
                  "deepmd_pt: ", name, " must be a contiguous CPU tensor of the right dtype");
  bool fits = tensor.dim() == int64_t(shape.size());
  for (size_t i = 0; fits && i < shape.size(); ++i) fits = tensor.size(i) == shape[i];
  STD_TORCH_CHECK(fits, "deepmd_pt: ", name, " has a wrong shape");
}

inline void check(const std::optional<Tensor>& tensor, ScalarType dtype, std::vector<int64_t> shape,
           const char* name) {
  if (tensor) check(*tensor, dtype, std::move(shape), name);
}

template <class T>
std::vector<deepmd::DenseLayer<T>> layers_of(const Tensor& x, const Params& params,
                                             const Spec& spec) {  // x is (..., nin)
  STD_TORCH_CHECK(!spec.empty() && spec.size() % 4 == 0,
                  "deepmd_pt: spec needs four numbers for each layer");
  std::vector<deepmd::DenseLayer<T>> layers;
  size_t at = 0;
  auto next = [&](std::vector<int64_t> shape) {
    STD_TORCH_CHECK(at < params.size(), "deepmd_pt: there are fewer parameters than spec says");
    check(params[at], x.scalar_type(), std::move(shape), "a parameter");
    return data<T>(params[at++]);
  };
  int64_t nin = x.size(x.dim() - 1);
  for (size_t l = 0; l < spec.size(); l += 4) {
    STD_TORCH_CHECK(at < params.size() && params[at].dim() == 2,
                    "deepmd_pt: the weights of a layer must be a matrix");
    STD_TORCH_CHECK(spec[l] >= 0 && spec[l] < deepmd::activation_count,
                    "deepmd_pt: activation ", spec[l], " is unknown");
    const int64_t nout = params[at].size(1);
    deepmd::DenseLayer<T> layer{};
    layer.nin = int(nin);
    layer.nout = int(nout);
    layer.w = next({nin, nout});
    layer.b = spec[l + 1] ? next({nout}) : nullptr;
    layer.idt = spec[l + 2] ? next({nout}) : nullptr;
    layer.activation = deepmd::Activation(spec[l]);
    layer.resnet = spec[l + 3] != 0;
    layers.push_back(layer);
    nin = nout;
  }
  STD_TORCH_CHECK(at == params.size(), "deepmd_pt: there are more parameters than spec says");
  return layers;
}

template <class T>
int64_t count_params(const std::vector<deepmd::DenseLayer<T>>& layers) {
  int64_t count = 0;
  for (const auto& layer : layers) count += layer.nparams();
  return count;
}

/// Calls run with a number of the tensor's type.
template <class Run>
auto with_type(const Tensor& x, int64_t dim, const Run& run) {
  STD_TORCH_CHECK(x.dim() == dim, "deepmd_pt: x must have ", dim, " axes");
  const auto dtype = x.scalar_type();
  STD_TORCH_CHECK(x.is_cpu() && x.is_contiguous(), "deepmd_pt: x must be contiguous, on the CPU");
  STD_TORCH_CHECK(dtype == ScalarType::Double || dtype == ScalarType::Float,
                  "deepmd_pt: x must be float64 or float32");
  return dtype == ScalarType::Double ? run(double{}) : run(float{});
}

}  // namespace deepmd_pt
