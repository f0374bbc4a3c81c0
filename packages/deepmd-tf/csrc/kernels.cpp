// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The operators' kernels for the CPU, on deepmd/embedding_moments.hpp.
#include "arguments.hpp"

namespace deepmd_tf {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;

template <class T>
class EmbeddingMoments : public OpKernel {
 public:
  explicit EmbeddingMoments(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("spec", &spec_));
    OP_REQUIRES_OK(context, context->GetAttr("with_jet", &with_jet_));
  }

  void Compute(OpKernelContext* context) override {
    guarded(context, [&] { run(context); });
  }

 private:
  Sizes spec_;
  bool with_jet_ = false;

  void run(OpKernelContext* context) const {
    const Tensor &x = context->input(0), &r = context->input(1);
    const auto layers = layers_of<T>(x, list(context, "params"), spec_);
    const auto nei = neighbors_of(r, context->input(2));
    const std::int64_t rows = nei.natoms * nei.nnei, nout = layers.back().nout;
    const std::int64_t width = deepmd::moments_row_width<T>(int(nout));
    deepmd::embedding_moments<T>(
        layers, nei, data<T>(x, {nei.natoms, nei.nnei, layers.front().nin}, "x"), data<T>(r),
        result<T>(context, 0, {nei.natoms, nei.nr, nout}),
        result<T>(context, 1, {rows, width}, with_jet_),
        result<T>(context, 2, {rows, width}, with_jet_), Parallel(context));
  }
};

template <class T>
class EmbeddingMomentsBackward : public OpKernel {
 public:
  explicit EmbeddingMomentsBackward(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("spec", &spec_));
    OP_REQUIRES_OK(context, context->GetAttr("need_x", &need_x_));
    OP_REQUIRES_OK(context, context->GetAttr("need_params", &need_params_));
  }

  void Compute(OpKernelContext* context) override {
    guarded(context, [&] { run(context); });
  }

 private:
  Sizes spec_;
  bool need_x_ = false, need_params_ = false;

  void run(OpKernelContext* context) const {
    const Tensor &x = context->input(0), &r = context->input(1);
    const auto layers = layers_of<T>(x, list(context, "params"), spec_);
    const auto nei = neighbors_of(r, context->input(2));
    const std::int64_t nin = layers.front().nin, nout = layers.back().nout;
    const Sizes row{nei.natoms * nei.nnei, deepmd::moments_row_width<T>(int(nout))};
    const OpInputList jet = list(context, "grad_jet");
    require(jet.size() == 0 || jet.size() == 2, "grad_jet must have both gradients or none");
    const bool with_jet = jet.size() == 2;
    deepmd::embedding_moments_backward<T>(
        layers, nei, data<T>(x, {nei.natoms, nei.nnei, nin}, "x"), data<T>(r),
        data<T>(context->input(3 + int(list(context, "params").size())),
                {nei.natoms, nei.nr, nout}, "grad_m"),
        with_jet ? data<T>(jet[0], row, "grad_g") : nullptr,
        with_jet ? data<T>(jet[1], row, "grad_dg") : nullptr,
        result<T>(context, 0, {nei.natoms, nei.nnei, nin}, need_x_),
        result<T>(context, 1, {deepmd::count_params(layers)}, need_params_), Parallel(context));
  }
};

/// What the two kernels below take in common.
template <class T>
struct ForceArguments {
  deepmd::Neighbors nei;
  const T *r, *grad_m, *g, *dg;
  std::int64_t nout;
  Sizes row;

  explicit ForceArguments(OpKernelContext* context)
      : nei(neighbors_of(context->input(0), context->input(1))), r(data<T>(context->input(0))) {
    const Tensor& gm = context->input(2);
    require(gm.dims() == 3, "grad_m must be (natoms, nr, nout)");
    nout = gm.dim_size(2);
    row = {nei.natoms * nei.nnei, deepmd::moments_row_width<T>(int(nout))};
    grad_m = data<T>(gm, {nei.natoms, nei.nr, nout}, "grad_m");
    g = data<T>(context->input(3), row, "g");
    dg = data<T>(context->input(4), row, "dg");
  }
};

template <class T>
class MomentsForce : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    guarded(context, [&] {
      const ForceArguments<T> a(context);
      deepmd::moments_force<T>(a.nei, int(a.nout), a.r, a.grad_m, a.g, a.dg,
                               result<T>(context, 0, {a.nei.natoms, a.nei.nnei, 1}),
                               result<T>(context, 1, {a.nei.natoms, a.nei.nnei, a.nei.nr}),
                               Parallel(context));
    });
  }
};

template <class T>
class MomentsForceBackward : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    guarded(context, [&] {
      const ForceArguments<T> a(context);
      const T* v = data<T>(context->input(5), {a.nei.natoms, a.nei.nnei, 1}, "v");
      const T* w = data<T>(context->input(6), {a.nei.natoms, a.nei.nnei, a.nei.nr}, "w");
      deepmd::moments_force_backward<T>(
          a.nei, int(a.nout), a.r, a.grad_m, a.g, a.dg, v, w,
          result<T>(context, 0, {a.nei.natoms, a.nei.nr, a.nout}), result<T>(context, 1, a.row),
          result<T>(context, 2, a.row), nullptr, Parallel(context));
    });
  }
};

}  // namespace
}  // namespace deepmd_tf

#define DEEPMD_REGISTER(KERNEL, NAME, TYPE)                                                     \
  REGISTER_KERNEL_BUILDER(                                                                      \
      Name(NAME).Device(tensorflow::DEVICE_CPU).TypeConstraint<TYPE>("T"), deepmd_tf::KERNEL<TYPE>)
#define DEEPMD_REGISTER_BOTH(KERNEL, NAME) \
  DEEPMD_REGISTER(KERNEL, NAME, float);    \
  DEEPMD_REGISTER(KERNEL, NAME, double)

DEEPMD_REGISTER_BOTH(EmbeddingMoments, "DeepmdEmbeddingMoments");
DEEPMD_REGISTER_BOTH(EmbeddingMomentsBackward, "DeepmdEmbeddingMomentsBackward");
DEEPMD_REGISTER_BOTH(MomentsForce, "DeepmdMomentsForce");
DEEPMD_REGISTER_BOTH(MomentsForceBackward, "DeepmdMomentsForceBackward");
