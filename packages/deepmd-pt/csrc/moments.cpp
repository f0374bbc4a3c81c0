// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The operators of deepmd/embedding_moments.hpp.
#include "deepmd/embedding_moments.hpp"

#include "arguments.hpp"

namespace deepmd_pt {
namespace {

using Count = std::optional<Tensor>;

/// r is (natoms, nnei, nr), count (natoms) or none.
deepmd::Neighbors neighbors_of(const Tensor& r, const Count& count) {
  STD_TORCH_CHECK(r.dim() == 3, "deepmd_pt: r must be (natoms, nnei, nr)");
  check(count, ScalarType::Int, {r.size(0)}, "count");
  deepmd::Neighbors nei{r.size(0), r.size(1), int(r.size(2)), data<int32_t>(count)};
  for (int64_t i = 0; count && i < nei.natoms; ++i)
    STD_TORCH_CHECK(nei.count[i] >= 0 && nei.count[i] <= nei.nnei,
                    "deepmd_pt: count must be between 0 and nnei");
  return nei;
}

std::tuple<Tensor, Tensor, Tensor> embedding_moments(const Tensor x, const Tensor r,
                                                     const Count count, const Params params,
                                                     const Spec spec, bool with_jet) {
  return with_type(x, 3, [&](auto number) {
    using T = decltype(number);
    const auto layers = layers_of<T>(x, params, spec);
    const auto nei = neighbors_of(r, count);
    check(r, x.scalar_type(), {x.size(0), x.size(1), nei.nr}, "r");
    const int64_t rows = with_jet ? nei.natoms * nei.nnei : 0;
    const int64_t width = deepmd::moments_row_width<T>(layers.back().nout);
    Tensor m = torch::stable::new_empty(x, {nei.natoms, nei.nr, layers.back().nout});
    Tensor g = torch::stable::new_empty(x, {rows, width});
    Tensor dg = torch::stable::new_empty(x, {rows, width});
    deepmd::embedding_moments<T>(layers, nei, data<T>(x), data<T>(r), result<T>(m),
                                 result<T>(g, with_jet), result<T>(dg, with_jet), parallel);
    return std::make_tuple(m, g, dg);
  });
}

std::tuple<Tensor, Tensor> embedding_moments_backward(
    const Tensor x, const Tensor r, const Count count, const Params params, const Spec spec,
    const std::optional<Tensor> grad_m, const std::optional<Tensor> grad_g,
    const std::optional<Tensor> grad_dg, bool need_x, bool need_params) {
  return with_type(x, 3, [&](auto number) {
    using T = decltype(number);
    const auto dtype = x.scalar_type();
    const auto layers = layers_of<T>(x, params, spec);
    const auto nei = neighbors_of(r, count);
    const int64_t rows = nei.natoms * nei.nnei, nout = layers.back().nout;
    const int64_t width = deepmd::moments_row_width<T>(int(nout));
    check(r, dtype, {x.size(0), x.size(1), nei.nr}, "r");
    check(grad_m, dtype, {nei.natoms, nei.nr, nout}, "grad_m");
    check(grad_g, dtype, {rows, width}, "grad_g");
    check(grad_dg, dtype, {rows, width}, "grad_dg");
    Tensor gx = torch::stable::new_empty(x, {need_x ? nei.natoms : 0, nei.nnei, x.size(2)});
    Tensor gparams = torch::stable::new_empty(x, {need_params ? deepmd::count_params(layers) : 0});
    deepmd::embedding_moments_backward<T>(
        layers, nei, data<T>(x), data<T>(r), data<T>(grad_m), data<T>(grad_g), data<T>(grad_dg),
        result<T>(gx, need_x), result<T>(gparams, need_params), parallel);
    return std::make_tuple(gx, gparams);
  });
}

/// What the two operators below take in common.
deepmd::Neighbors check_force(const Tensor& r, const Count& count, const Tensor& grad_m,
                               const Tensor& g, const Tensor& dg) {
  const auto nei = neighbors_of(r, count);
  const auto dtype = r.scalar_type();
  STD_TORCH_CHECK(grad_m.dim() == 3, "deepmd_pt: grad_m must be (natoms, nr, nout)");
  const int nout = int(grad_m.size(2));
  const int64_t width = dtype == ScalarType::Double ? deepmd::moments_row_width<double>(nout)
                                                    : deepmd::moments_row_width<float>(nout);
  check(grad_m, dtype, {nei.natoms, nei.nr, nout}, "grad_m");
  check(g, dtype, {nei.natoms * nei.nnei, width}, "g");
  check(dg, dtype, {nei.natoms * nei.nnei, width}, "dg");
  return nei;
}

std::tuple<Tensor, Tensor> moments_force(const Tensor r, const Count count, const Tensor grad_m,
                                         const Tensor g, const Tensor dg) {
  return with_type(r, 3, [&](auto number) {
    using T = decltype(number);
    const auto nei = check_force(r, count, grad_m, g, dg);
    Tensor gx = torch::stable::new_empty(r, {nei.natoms, nei.nnei, 1});
    Tensor gr = torch::stable::new_empty(r, {nei.natoms, nei.nnei, nei.nr});
    deepmd::moments_force<T>(nei, int(grad_m.size(2)), data<T>(r), data<T>(grad_m), data<T>(g),
                             data<T>(dg), result<T>(gx), result<T>(gr), parallel);
    return std::make_tuple(gx, gr);
  });
}

std::tuple<Tensor, Tensor, Tensor, Tensor> moments_force_backward(
    const Tensor r, const Count count, const Tensor grad_m, const Tensor g, const Tensor dg,
    const Tensor v, const Tensor w, bool need_r) {
  return with_type(r, 3, [&](auto number) {
    using T = decltype(number);
    const auto nei = check_force(r, count, grad_m, g, dg);
    check(v, r.scalar_type(), {nei.natoms, nei.nnei, 1}, "v");
    check(w, r.scalar_type(), {nei.natoms, nei.nnei, nei.nr}, "w");
    Tensor ggm = torch::stable::new_empty(grad_m, {nei.natoms, nei.nr, grad_m.size(2)});
    Tensor gg = torch::stable::new_empty(g, {g.size(0), g.size(1)});
    Tensor gdg = torch::stable::new_empty(g, {g.size(0), g.size(1)});
    Tensor gr = torch::stable::new_empty(r, {need_r ? nei.natoms : 0, nei.nnei, nei.nr});
    deepmd::moments_force_backward<T>(nei, int(grad_m.size(2)), data<T>(r), data<T>(grad_m),
                                      data<T>(g), data<T>(dg), data<T>(v), data<T>(w),
                                      result<T>(ggm), result<T>(gg), result<T>(gdg),
                                      result<T>(gr, need_r), parallel);
    return std::make_tuple(ggm, gg, gdg, gr);
  });
}

}  // namespace
}  // namespace deepmd_pt

STABLE_TORCH_LIBRARY_FRAGMENT(deepmd_pt, m) {
  m.def(
      "embedding_moments(Tensor x, Tensor r, Tensor? count, Tensor[] params, int[] spec,"
      " bool with_jet) -> (Tensor, Tensor, Tensor)");
  m.def(
      "embedding_moments_backward(Tensor x, Tensor r, Tensor? count, Tensor[] params, int[] spec,"
      " Tensor? grad_m, Tensor? grad_g, Tensor? grad_dg, bool need_x, bool need_params)"
      " -> (Tensor, Tensor)");
  m.def(
      "moments_force(Tensor r, Tensor? count, Tensor grad_m, Tensor g, Tensor dg)"
      " -> (Tensor, Tensor)");
  m.def(
      "moments_force_backward(Tensor r, Tensor? count, Tensor grad_m, Tensor g, Tensor dg,"
      " Tensor v, Tensor w, bool need_r) -> (Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(deepmd_pt, CPU, m) {
  m.impl("embedding_moments", TORCH_BOX(&deepmd_pt::embedding_moments));
  m.impl("embedding_moments_backward", TORCH_BOX(&deepmd_pt::embedding_moments_backward));
  m.impl("moments_force", TORCH_BOX(&deepmd_pt::moments_force));
  m.impl("moments_force_backward", TORCH_BOX(&deepmd_pt::moments_force_backward));
}
