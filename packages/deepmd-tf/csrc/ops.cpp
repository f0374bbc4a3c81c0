// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The operator on Chebyshev moments (deepmd/moments.hpp) for TensorFlow. Its derivatives are put
// together in deepmd_tf/moments.py.
#include <cstdint>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <vector>

#include "deepmd/moments.hpp"
#include "tensorflow/core/framework/device_base.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/platform/threadpool.h"

namespace deepmd_tf {
namespace {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::shape_inference::InferenceContext;

/// What the attributes say; `numbers` are the bits of float64s, since TensorFlow's own lists are of
/// float32.
template <class Context>
absl::Status read_spec(Context* context, std::unique_ptr<deepmd::MomentsSpec>* spec) {
  std::vector<std::int64_t> bits, counts;
  TF_RETURN_IF_ERROR(context->GetAttr("numbers", &bits));
  TF_RETURN_IF_ERROR(context->GetAttr("counts", &counts));
  std::vector<double> numbers(bits.size());
  std::memcpy(numbers.data(), bits.data(), bits.size() * sizeof(double));
  try {
    *spec = std::make_unique<deepmd::MomentsSpec>(numbers, counts);
  } catch (const std::exception& error) {
    return tensorflow::errors::InvalidArgument("deepmd_tf: ", error.what());
  }
  return absl::OkStatus();
}

absl::Status infer_shapes(InferenceContext* context) {
  std::unique_ptr<deepmd::MomentsSpec> spec;
  TF_RETURN_IF_ERROR(read_spec(context, &spec));
  if (context->num_inputs() != int(spec->ninputs()))
    return tensorflow::errors::InvalidArgument("deepmd_tf: moments got a wrong number of tensors");
  if (spec->pass == deepmd::Pass::transpose) {
    for (int i = 0; i < context->num_outputs(); ++i) context->set_output(i, context->input(i));
    return absl::OkStatus();
  }
  std::vector sizes{context->Dim(context->input(0), 0)};
  const deepmd::Shape shape = spec->moments_shape(0);
  for (std::size_t i = 1; i < shape.size(); ++i) sizes.push_back(context->MakeDim(shape[i]));
  context->set_output(0, context->MakeShape(sizes));
  return absl::OkStatus();
}

deepmd::TensorView view_of(const Tensor& tensor) {
  static const std::map<tensorflow::DataType, deepmd::DType> known{
      {tensorflow::DT_DOUBLE, deepmd::DType::float64},
      {tensorflow::DT_FLOAT, deepmd::DType::float32},
      {tensorflow::DT_INT64, deepmd::DType::int64},
      {tensorflow::DT_INT32, deepmd::DType::int32}};
  const auto sizes = tensor.shape().dim_sizes();
  return {tensor.data(), known.at(tensor.dtype()), {sizes.begin(), sizes.end()}};
}

/// A pass on these tensors; what there are and what they mean: deepmd::run_moments.
class Moments : public tensorflow::OpKernel {
 public:
  explicit Moments(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, read_spec(context, &spec_));
  }

  void Compute(OpKernelContext* context) override {
    try {
      run(context);
    } catch (const std::exception& error) {  // which TensorFlow does not know
      context->CtxFailure(tensorflow::errors::InvalidArgument("deepmd_tf: ", error.what()));
    }
  }

 private:
  std::unique_ptr<deepmd::MomentsSpec> spec_;

  void run(OpKernelContext* context) const {
    std::vector<deepmd::TensorView> in, out;
    std::vector<deepmd::Shape> shapes;
    for (int i = 0; i < context->num_inputs(); ++i)
      in.push_back(view_of(context->input(i))), shapes.push_back(in.back().shape);
    for (const auto& shape : spec_->result_shapes(shapes)) {
      Tensor* result = nullptr;
      OP_REQUIRES_OK(context, context->allocate_output(int(out.size()),
                                                       tensorflow::TensorShape(shape), &result));
      out.push_back(view_of(*result));
    }
    using Pool = tensorflow::thread::ThreadPool;
    Pool* workers = context->device()->tensorflow_cpu_worker_threads()->workers;
    // far above the pool's own overhead: an atom is thousands of multiplications at least
    const Pool::SchedulingParams scheduling(Pool::SchedulingStrategy::kAdaptive, 100000, {});
    deepmd::run_moments(*spec_, in, out, [&](std::int64_t count, const auto& body) {
      workers->ParallelFor(count, scheduling, body);
    });
  }
};

}  // namespace
}  // namespace deepmd_tf

REGISTER_OP("DeepmdMoments")
    .Attr("Tin: list({float, double, int32, int64})")
    .Attr("Tout: list({float, double})")
    .Attr("numbers: list(int)")
    .Attr("counts: list(int)")
    .Input("inputs: Tin")
    .Output("results: Tout")
    .SetShapeFn(deepmd_tf::infer_shapes);

REGISTER_KERNEL_BUILDER(Name("DeepmdMoments").Device(tensorflow::DEVICE_CPU), deepmd_tf::Moments);
