// SPDX-License-Identifier: LGPL-3.0-or-later
//
// From PyTorch's tensors, through the stable ABI, to what the kernels take.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "deepmd/layer_spec.hpp"

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
  std::vector<deepmd::Parameter<T>> arrays;
  for (const auto& param : params) {
    std::vector<int64_t> shape(size_t(param.dim()));
    for (size_t i = 0; i < shape.size(); ++i) shape[i] = param.size(int64_t(i));
    check(param, x.scalar_type(), shape, "a parameter");
    arrays.push_back({data<T>(param), shape});
  }
  try {
    return deepmd::dense_layers<T>(x.size(x.dim() - 1), arrays, spec);
  } catch (const std::invalid_argument& error) {
    STD_TORCH_CHECK(false, "deepmd_pt: ", error.what());
  }
  return {};
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
