// SPDX-License-Identifier: LGPL-3.0-or-later
//
// From Paddle's tensors to what the kernels take.
#pragma once

#include <paddle/phi/api/all.h>
#include <paddle/phi/api/ext/op_meta_info.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "deepmd/embedding_moments.hpp"
#include "deepmd/layer_spec.hpp"

namespace deepmd_pd {

using paddle::Tensor;
using Maybe = paddle::optional<Tensor>;
using Params = std::vector<Tensor>;
using Shape = std::vector<int64_t>;
using Spec = std::vector<int64_t>;  // activation, has bias, has idt, resnet: of each layer

inline void require(bool holds, const std::string& message) {
  if (!holds) throw std::invalid_argument(message);
}

/// The kernels read memory as it lies: any other tensor is an error.
inline void check(const Tensor& tensor, paddle::DataType dtype, const Shape& shape,
                  const std::string& name) {
  require(tensor.is_cpu() && tensor.is_contiguous() && tensor.dtype() == dtype,
          name + " must be a contiguous CPU tensor of the right dtype");
  require(tensor.shape() == shape, name + " has a wrong shape");
}

inline void check(const Maybe& tensor, paddle::DataType dtype, const Shape& shape,
                  const std::string& name) {
  if (tensor) check(*tensor, dtype, shape, name);
}

template <class T>
const T* data(const Maybe& tensor) {
  return tensor ? tensor->data<T>() : nullptr;
}

/// New memory, of no rows where the result is not wanted.
inline Tensor empty(Shape shape, const Tensor& like, bool wanted = true) {
  if (!wanted) shape[0] = 0;
  return paddle::empty(shape, like.dtype(), like.place());
}

template <class T>
T* result(Tensor& tensor, bool wanted = true) {
  return wanted ? tensor.data<T>() : nullptr;
}

/// x is (natoms, nnei, nin).
template <class T>
std::vector<deepmd::DenseLayer<T>> layers_of(const Tensor& x, const Params& params,
                                             const Spec& spec) {
  std::vector<deepmd::Parameter<T>> arrays;
  for (const auto& param : params) {
    check(param, x.dtype(), param.shape(), "a parameter");
    arrays.push_back({param.data<T>(), param.shape()});
  }
  return deepmd::dense_layers<T>(x.shape().back(), arrays, spec);
}

/// r is (natoms, nnei, nr), count (natoms) or none.
inline deepmd::Neighbors neighbors_of(const Tensor& r, const Maybe& count) {
  const Shape shape = r.shape();
  require(shape.size() == 3, "r must be (natoms, nnei, nr)");
  check(count, paddle::DataType::INT32, {shape[0]}, "count");
  deepmd::Neighbors nei{shape[0], shape[1], int(shape[2]), data<int32_t>(count)};
  for (int64_t i = 0; count && i < nei.natoms; ++i)
    require(nei.count[i] >= 0 && nei.count[i] <= nei.nnei, "count must be between 0 and nnei");
  return nei;
}

/// Calls run with a number of the tensor's type; what it throws becomes an error of Paddle.
template <class Run>
auto with_type(const Tensor& x, const Run& run) {
  const auto dtype = x.dtype();
  PD_CHECK(dtype == paddle::DataType::FLOAT64 || dtype == paddle::DataType::FLOAT32,
           "deepmd_pd: x must be float64 or float32");
  try {
    return dtype == paddle::DataType::FLOAT64 ? run(double{}) : run(float{});
  } catch (const std::invalid_argument& error) {
    PD_THROW("deepmd_pd: ", error.what());
  }
}

}  // namespace deepmd_pd
