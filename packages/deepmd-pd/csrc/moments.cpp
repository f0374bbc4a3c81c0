// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The operator on Chebyshev moments (deepmd/moments.hpp) for Paddle. Its derivatives are put
// together in deepmd_pd/moments.py.
#include <paddle/phi/api/all.h>
#include <paddle/phi/api/ext/op_meta_info.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "deepmd/moments.hpp"
#include "parallel.hpp"

namespace deepmd_pd {
namespace {

using paddle::DataType;
using paddle::Tensor;

deepmd::TensorView view_of(const Tensor& tensor) {
  deepmd::require(tensor.is_cpu() && tensor.is_contiguous(),
                  "a tensor is not contiguous, or not on the CPU");
  deepmd::TensorView view{const_cast<void*>(tensor.data()), deepmd::DType::other, tensor.shape()};
  switch (tensor.dtype()) {
    case DataType::FLOAT64:
      view.dtype = deepmd::DType::float64;
      break;
    case DataType::FLOAT32:
      view.dtype = deepmd::DType::float32;
      break;
    case DataType::INT64:
      view.dtype = deepmd::DType::int64;
      break;
    case DataType::INT32:
      view.dtype = deepmd::DType::int32;
      break;
    default:
      break;
  }
  return view;
}

/// A pass on these tensors; what there are and what they mean: deepmd::run_moments. Where there is
/// one result, the second is empty.
std::vector<Tensor> moments(const Tensor& numbers, const std::vector<Tensor>& inputs,
                            const std::vector<int64_t>& counts, int64_t nthreads) {
  try {
    const auto given = view_of(numbers);
    const double* first = deepmd::data<double>(given, {given.size(0)}, "the numbers");
    const deepmd::MomentsSpec spec({first, first + given.size(0)}, counts);
    std::vector<deepmd::TensorView> in, out;
    std::vector<deepmd::Shape> shapes;
    for (const auto& input : inputs)
      in.push_back(view_of(input)), shapes.push_back(in.back().shape);
    std::vector<Tensor> results;
    for (const auto& shape : spec.result_shapes(shapes)) {
      // as those by which A is derived; A as the weights, or the rows
      const Tensor& like = inputs[spec.pass == deepmd::Pass::transpose ? results.size() : 1];
      results.push_back(paddle::empty(shape, like.dtype(), like.place()));
      out.push_back(view_of(results.back()));
    }
    deepmd::run_moments(spec, in, out, Parallel(nthreads));
    if (results.size() == 1)
      results.push_back(paddle::empty({0}, numbers.dtype(), numbers.place()));
    return results;
  } catch (const std::invalid_argument& error) {
    PD_THROW("deepmd_pd: ", error.what());
  }
}

}  // namespace
}  // namespace deepmd_pd

PD_BUILD_OP(deepmd_pd_moments)
    .Inputs({"numbers", paddle::Vec("inputs")})
    .Outputs({"first", "second"})
    .Attrs({"counts: std::vector<int64_t>", "nthreads: int64_t"})
    .SetKernelFn(PD_KERNEL(deepmd_pd::moments));
