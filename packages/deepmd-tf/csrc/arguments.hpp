// SPDX-License-Identifier: LGPL-3.0-or-later
//
// From TensorFlow's tensors to what the kernels of deepmd-cc take.
#pragma once

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "deepmd/embedding_moments.hpp"
#include "deepmd/layer_spec.hpp"
#include "tensorflow/core/framework/device_base.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/platform/threadpool.h"

namespace deepmd_tf {

using tensorflow::OpInputList;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using Sizes = std::vector<std::int64_t>;

/// Runs ranges of a loop on the threads that TensorFlow has for work inside operators.
class Parallel {
 public:
  explicit Parallel(OpKernelContext* context)
      : workers_(context->device()->tensorflow_cpu_worker_threads()->workers) {}

  template <class Body>
  void operator()(std::int64_t count, const Body& body) const {
    using Scheduling = tensorflow::thread::ThreadPool::SchedulingParams;
    using Strategy = tensorflow::thread::ThreadPool::SchedulingStrategy;
    // Far above the pool's own overhead: each range is thousands of multiplications at least.
    constexpr std::int64_t cycles = 100000;
    workers_->ParallelFor(count, Scheduling(Strategy::kAdaptive, cycles, {}), body);
  }

 private:
  tensorflow::thread::ThreadPool* workers_;
};

/// Calls run(); what it throws becomes the operator's status, as TensorFlow knows no exceptions.
template <class Run>
void guarded(OpKernelContext* context, const Run& run) {
  try {
    run();
  } catch (const std::exception& error) {
    context->CtxFailure(tensorflow::errors::InvalidArgument("deepmd_tf: ", error.what()));
  }
}

inline void require(bool holds, const std::string& message) {
  if (!holds) throw std::invalid_argument(message);
}

inline Sizes sizes_of(const Tensor& tensor) {
  Sizes sizes;
  for (int i = 0; i < tensor.dims(); ++i) sizes.push_back(tensor.dim_size(i));
  return sizes;
}

template <class T>
const T* data(const Tensor& tensor) {
  return tensor.flat<T>().data();
}

template <class T>
const T* data(const Tensor& tensor, const Sizes& sizes, const char* name) {
  require(sizes_of(tensor) == sizes, std::string(name) + " has a wrong shape");
  return data<T>(tensor);
}

/// A new output of this shape.
template <class T>
T* result(OpKernelContext* context, int index, const Sizes& sizes) {
  Tensor* tensor = nullptr;
  const auto status = context->allocate_output(index, TensorShape(sizes), &tensor);
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
  return tensor->flat<T>().data();
}

/// The same, or an empty output and null where it is not wanted.
template <class T>
T* result(OpKernelContext* context, int index, Sizes sizes, bool is_wanted) {
  if (!is_wanted) sizes.front() = 0;
  T* values = result<T>(context, index, sizes);
  return is_wanted ? values : nullptr;
}

inline OpInputList list(OpKernelContext* context, const char* name) {
  OpInputList tensors;
  const auto status = context->input_list(name, &tensors);
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
  return tensors;
}

template <class T>
std::vector<deepmd::DenseLayer<T>> layers_of(const Tensor& x, const OpInputList& params,
                                             const Sizes& spec) {
  std::vector<deepmd::Parameter<T>> parameters;
  for (const Tensor& each : params) parameters.push_back({data<T>(each), sizes_of(each)});
  return deepmd::dense_layers<T>(x.dim_size(x.dims() - 1), parameters, spec);
}

/// r is (natoms, nnei, nr), count (natoms).
inline deepmd::Neighbors neighbors_of(const Tensor& r, const Tensor& count) {
  require(r.dims() == 3, "r must be (natoms, nnei, nr)");
  deepmd::Neighbors nei{r.dim_size(0), r.dim_size(1), int(r.dim_size(2)), nullptr};
  nei.count = data<std::int32_t>(count, {nei.natoms}, "count");
  for (std::int64_t i = 0; i < nei.natoms; ++i)
    require(nei.count[i] >= 0 && nei.count[i] <= nei.nnei, "count must be between 0 and nnei");
  return nei;
}

}  // namespace deepmd_tf
