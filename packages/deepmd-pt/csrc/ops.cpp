// SPDX-License-Identifier: LGPL-3.0-or-later
//
// PyTorch operators on the kernels of deepmd-cc, through the stable ABI: one
// build serves all later releases of PyTorch. Their derivatives are put together
// in deepmd_pt/ops.py.
#include "arguments.hpp"

namespace deepmd_pt {
namespace {

std::tuple<Tensor, Tensor> embedding_jet(const Tensor x, const Params params, const Spec spec,
                                         bool with_tangent) {
  return with_type(x, 2, [&](auto number) {
    using T = decltype(number);
    const auto layers = layers_of<T>(x, params, spec);
    const int64_t nedge = x.size(0), nout = layers.back().nout;
    Tensor g = torch::stable::new_empty(x, {nedge, nout});
    Tensor dg = torch::stable::new_empty(x, {with_tangent ? nedge : 0, nout});
    deepmd::embedding_jet<T>(layers, nedge, data<T>(x), result<T>(g),
                             result<T>(dg, with_tangent), parallel);
    return std::make_tuple(g, dg);
  });
}

std::tuple<Tensor, Tensor> embedding_jet_backward(const Tensor x, const Params params,
                                                  const Spec spec,
                                                  const std::optional<Tensor> grad_g,
                                                  const std::optional<Tensor> grad_dg, bool need_x,
                                                  bool need_params) {
  return with_type(x, 2, [&](auto number) {
    using T = decltype(number);
    const auto layers = layers_of<T>(x, params, spec);
    const int64_t nedge = x.size(0), nout = layers.back().nout;
    check(grad_g, x.scalar_type(), {nedge, nout}, "grad_g");
    check(grad_dg, x.scalar_type(), {nedge, nout}, "grad_dg");
    Tensor gx = torch::stable::new_empty(x, {need_x ? nedge : 0, x.size(1)});
    Tensor gparams = torch::stable::new_empty(x, {need_params ? deepmd::count_params(layers) : 0});
    deepmd::embedding_jet_backward<T>(
        layers, nedge, data<T>(x), data<T>(grad_g), data<T>(grad_dg),
        result<T>(gx, need_x),
        result<T>(gparams, need_params), parallel);
    return std::make_tuple(gx, gparams);
  });
}

Tensor row_dot(const Tensor a, const Tensor b) {
  return with_type(a, 2, [&](auto number) {
    using T = decltype(number);
    check(b, a.scalar_type(), {a.size(0), a.size(1)}, "b");
    Tensor out = torch::stable::new_empty(a, {a.size(0), 1});
    deepmd::row_dot<T>(a.size(0), int(a.size(1)), data<T>(a), data<T>(b),
                       result<T>(out), [](int64_t count, const auto& body) {
                         torch::stable::parallel_for(0, count, 1024, body);
                       });
    return out;
  });
}

}  // namespace
}  // namespace deepmd_pt

STABLE_TORCH_LIBRARY(deepmd_pt, m) {
  m.def(
      "embedding_jet(Tensor x, Tensor[] params, int[] spec, bool with_tangent)"
      " -> (Tensor, Tensor)");
  m.def(
      "embedding_jet_backward(Tensor x, Tensor[] params, int[] spec, Tensor? grad_g,"
      " Tensor? grad_dg, bool need_x, bool need_params) -> (Tensor, Tensor)");
  m.def("row_dot(Tensor a, Tensor b) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(deepmd_pt, CPU, m) {
  m.impl("embedding_jet", TORCH_BOX(&deepmd_pt::embedding_jet));
  m.impl("embedding_jet_backward", TORCH_BOX(&deepmd_pt::embedding_jet_backward));
  m.impl("row_dot", TORCH_BOX(&deepmd_pt::row_dot));
}
