// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The operator on Chebyshev moments (deepmd/moments.hpp) for PyTorch, through the stable ABI: one
// build serves all later releases. Its derivatives are put together in deepmd_pt/moments.py.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <stdexcept>
#include <vector>

#include "deepmd/moments.hpp"

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

deepmd::Shape shape_of(const Tensor& tensor) {
  deepmd::Shape shape;
  for (int64_t axis = 0; axis < tensor.dim(); ++axis) shape.push_back(tensor.size(axis));
  return shape;
}

deepmd::TensorView view_of(const Tensor& tensor) {
  deepmd::require(tensor.is_cpu(), "a tensor is not on the CPU");
  deepmd::TensorView view{tensor.data_ptr(), deepmd::DType::other, shape_of(tensor)};
  switch (tensor.scalar_type()) {
    case ScalarType::Double:
      view.dtype = deepmd::DType::float64;
      break;
    case ScalarType::Float:
      view.dtype = deepmd::DType::float32;
      break;
    case ScalarType::Long:
      view.dtype = deepmd::DType::int64;
      break;
    case ScalarType::Int:
      view.dtype = deepmd::DType::int32;
      break;
    default:
      break;
  }
  return view;
}

/// A pass on these tensors; what there are and what they mean: deepmd::run_moments.
std::vector<Tensor> moments(std::vector<Tensor> inputs, const std::vector<double>& numbers,
                            const std::vector<int64_t>& counts) {
  try {
    const deepmd::MomentsSpec spec(numbers, counts);
    std::vector<deepmd::TensorView> in, out;
    std::vector<deepmd::Shape> shapes;
    for (auto& input : inputs) {
      input = torch::stable::contiguous(input);
      in.push_back(view_of(input)), shapes.push_back(in.back().shape);
    }
    std::vector<Tensor> results;
    for (const auto& shape : spec.result_shapes(shapes)) {
      // as those by which A is derived; A as the weights, or the rows
      const Tensor& like = inputs[spec.pass == deepmd::Pass::transpose ? results.size() : 1];
      results.push_back(torch::stable::new_empty(like, shape));
      out.push_back(view_of(results.back()));
    }
    deepmd::run_moments(spec, in, out, [](int64_t count, const auto& body) {
      torch::stable::parallel_for(0, count, 1, body);
    });
    return results;
  } catch (const std::exception& error) {
    STD_TORCH_CHECK(false, "deepmd_pt: ", error.what());
  }
  return {};
}

}  // namespace

STABLE_TORCH_LIBRARY(deepmd_pt, m) {
  m.def("moments(Tensor[] inputs, float[] numbers, int[] counts) -> Tensor[]");
}

STABLE_TORCH_LIBRARY_IMPL(deepmd_pt, CPU, m) { m.impl("moments", TORCH_BOX(&moments)); }
