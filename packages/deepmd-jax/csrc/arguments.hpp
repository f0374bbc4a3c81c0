// SPDX-License-Identifier: LGPL-3.0-or-later
//
// From XLA's buffers to what the kernels take.
#pragma once

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "deepmd/embedding_moments.hpp"
#include "deepmd/layer_spec.hpp"
#include "xla/ffi/api/ffi.h"

namespace deepmd_jax {

namespace ffi = xla::ffi;
using Shape = std::vector<std::int64_t>;
using Spec = ffi::Span<const std::int64_t>;

inline Shape shape_of(const ffi::AnyBuffer& buffer) {
  const auto dims = buffer.dimensions();
  return Shape(dims.begin(), dims.end());
}

inline void require(bool holds, const char* message) {
  if (!holds) throw std::invalid_argument(message);
}

/// The numbers of a buffer of this type and shape.
template <class T>
T* data(const ffi::AnyBuffer& buffer, const Shape& shape, const char* name) {
  if (buffer.element_type() != ffi::DataType(ffi::internal::NativeTypeToCApiDataType<T>()) ||
      shape_of(buffer) != shape)
    throw std::invalid_argument(std::string(name) + " has a wrong type or shape");
  return static_cast<T*>(buffer.untyped_data());
}

inline ffi::AnyBuffer at(const ffi::RemainingArgs& args, std::size_t i) {
  const auto arg = args.get<ffi::AnyBuffer>(i);
  require(arg.has_value(), "there are fewer arrays than expected");
  return *arg;
}

inline ffi::AnyBuffer at(const ffi::RemainingRets& results, std::size_t i) {
  auto result = results.get<ffi::AnyBuffer>(i);
  require(result.has_value(), "there are fewer results than expected");
  return **result;
}

/// The layers of a net with one input, whose parameters stand from `first` on.
template <class T>
std::vector<deepmd::DenseLayer<T>> layers_of(const ffi::RemainingArgs& args, std::size_t first,
                                             const Spec& spec) {
  std::vector<deepmd::Parameter<T>> params;
  for (std::size_t i = first; i < args.size(); ++i) {
    const auto param = at(args, i);
    params.push_back({data<T>(param, shape_of(param), "a parameter"), shape_of(param)});
  }
  return deepmd::dense_layers<T>(1, params, {spec.begin(), spec.end()});
}

/// r is (natoms, nnei, nr), count (natoms).
inline deepmd::Neighbors neighbors_of(const ffi::AnyBuffer& r, const ffi::AnyBuffer& count) {
  require(r.dimensions().size() == 3, "r must be (natoms, nnei, nr)");
  const auto size = shape_of(r);
  deepmd::Neighbors nei{size[0], size[1], int(size[2]),
                         data<std::int32_t>(count, {size[0]}, "count")};
  for (std::int64_t i = 0; i < nei.natoms; ++i)
    require(nei.count[i] >= 0 && nei.count[i] <= nei.nnei, "count must be between 0 and nnei");
  return nei;
}

/// Calls run with a number of the buffer's type; what it throws becomes XLA's error.
template <class Run>
ffi::Error with_type(const ffi::AnyBuffer& buffer, const Run& run) {
  try {
    if (buffer.element_type() == ffi::F64)
      run(double{});
    else if (buffer.element_type() == ffi::F32)
      run(float{});
    else
      throw std::invalid_argument("the arrays must be float64 or float32");
  } catch (const std::exception& error) {
    return ffi::Error::InvalidArgument(std::string("deepmd_jax: ") + error.what());
  }
  return ffi::Error::Success();
}

}  // namespace deepmd_jax
