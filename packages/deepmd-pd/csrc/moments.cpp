// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The operator on Chebyshev moments (deepmd/moments.hpp) for Paddle. Its derivatives are put
// together in deepmd_pd/moments.py.
#include <paddle/phi/api/all.h>
#include <paddle/phi/api/ext/op_meta_info.h>

#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "deepmd/moments.hpp"
#include "parallel.hpp"

// exported by Paddle: threads of its products, too
namespace paddle_flags {
extern int32_t FLAGS_paddle_num_threads;
}

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

/// A pass on these tensors; what there are and what they mean: deepmd::run_moments.
std::vector<Tensor> run(const Tensor& numbers, const std::vector<Tensor>& inputs,
                        const std::vector<int64_t>& counts) {
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
    deepmd::run_moments(spec, in, out, Parallel(paddle_flags::FLAGS_paddle_num_threads));
    return results;
  } catch (const std::invalid_argument& error) {
    PD_THROW("deepmd_pd: ", error.what());
  }
}

/// Where there is one result, the second is empty.
std::vector<Tensor> moments(const Tensor& numbers, const std::vector<Tensor>& inputs,
                            const std::vector<int64_t>& counts) {
  auto results = run(numbers, inputs, counts);
  if (results.size() == 1) results.push_back(paddle::empty({0}, numbers.dtype(), numbers.place()));
  return results;
}

/// A pass in a graph. The numbers are the first of the
/// fixed, since Paddle takes no empty list.
std::vector<Tensor> run_in_graph(std::vector<Tensor> inputs, const std::vector<Tensor>& fixed,
                                 const std::vector<int>& counts, deepmd::Pass pass,
                                 const std::vector<Tensor>& operand = {}) {
  inputs.insert(inputs.end(), fixed.begin() + 1, fixed.end());
  inputs.insert(inputs.end(), operand.begin(), operand.end());
  std::vector<int64_t> all(counts.begin(), counts.end());
  all.push_back(int64_t(pass));
  return run(fixed[0], inputs, all);
}

std::vector<Tensor> graph_moments(const std::vector<Tensor>& derived,
                                  const std::vector<Tensor>& fixed,
                                  const std::vector<int>& counts) {
  return run_in_graph(derived, fixed, counts, deepmd::Pass::forward);
}

std::vector<Tensor> graph_moments_grad(const std::vector<Tensor>& derived,
                                       const std::vector<Tensor>& fixed, const Tensor& gradient,
                                       const std::vector<int>& counts) {
  return run_in_graph(derived, fixed, counts, deepmd::Pass::transpose, {gradient});
}

using Shapes = std::vector<std::vector<int64_t>>;

/// The shape of A, in which the number of atoms may be open (-1).
Shapes shape_of(const Shapes& derived, const Shapes& fixed, const std::vector<int>& counts) {
  // of the numbers only how many there are is known
  std::vector<double> numbers(fixed[0].at(0));
  std::iota(numbers.begin(), numbers.end(), 0.0);
  std::vector<int64_t> all(counts.begin(), counts.end());
  all.push_back(int64_t(deepmd::Pass::forward));
  return {deepmd::MomentsSpec(numbers, all).moments_shape(derived[0][0])};
}

/// The type of A: as the weights, or the rows.
std::vector<DataType> type_of(const std::vector<DataType>& derived,
                              const std::vector<DataType>& fixed) {
  return {derived.size() == 1 ? fixed[1] : derived[1]};
}

}  // namespace
}  // namespace deepmd_pd

PD_BUILD_OP(deepmd_pd_moments)
    .Inputs({"numbers", paddle::Vec("inputs")})
    .Outputs({"first", "second"})
    .Attrs({"counts: std::vector<int64_t>"})
    .SetKernelFn(PD_KERNEL(deepmd_pd::moments));

// What frozen files run: with its first derivative.
PD_BUILD_OP(deepmd_pd_graph_moments)
    .Inputs({paddle::Vec("derived"), paddle::Vec("fixed")})
    .Outputs({"moments"})
    .Attrs({"counts: std::vector<int>"})
    .SetKernelFn(PD_KERNEL(deepmd_pd::graph_moments))
    .SetInferShapeFn(PD_INFER_SHAPE(deepmd_pd::shape_of))
    .SetInferDtypeFn(PD_INFER_DTYPE(deepmd_pd::type_of));

PD_BUILD_GRAD_OP(deepmd_pd_graph_moments)
    .Inputs({paddle::Vec("derived"), paddle::Vec("fixed"), paddle::Grad("moments")})
    .Outputs({paddle::Grad(paddle::Vec("derived"))})
    .Attrs({"counts: std::vector<int>"})
    .SetKernelFn(PD_KERNEL(deepmd_pd::graph_moments_grad));
