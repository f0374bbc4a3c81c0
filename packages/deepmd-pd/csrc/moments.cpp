// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Paddle operators on deepmd/embedding_moments.hpp. Their derivatives are put
// together in deepmd_pd/embedding_moments.py.
#include "arguments.hpp"
#include "parallel.hpp"

namespace deepmd_pd {
namespace {

using Results = std::vector<Tensor>;

Results embedding_moments(const Tensor& x, const Tensor& r, const Maybe& count,
                          const Params& params, const Spec& spec, bool with_jet,
                          int64_t nthreads) {
  return with_type(x, [&](auto number) -> Results {
    using T = decltype(number);
    const auto nei = neighbors_of(r, count);
    const auto layers = layers_of<T>(x, params, spec);
    const int64_t nout = layers.back().nout, width = deepmd::moments_row_width<T>(int(nout));
    check(x, x.dtype(), {nei.natoms, nei.nnei, layers[0].nin}, "x");
    check(r, x.dtype(), r.shape(), "r");
    Tensor m = empty({nei.natoms, nei.nr, nout}, x);
    Tensor g = empty({nei.natoms * nei.nnei, width}, x, with_jet);
    Tensor dg = empty({nei.natoms * nei.nnei, width}, x, with_jet);
    deepmd::embedding_moments<T>(layers, nei, x.data<T>(), r.data<T>(), result<T>(m),
                                 result<T>(g, with_jet), result<T>(dg, with_jet),
                                 Parallel(nthreads));
    return {m, g, dg};
  });
}

Results embedding_moments_backward(const Tensor& x, const Tensor& r, const Maybe& count,
                                   const Maybe& grad_m, const Maybe& grad_g, const Maybe& grad_dg,
                                   const Params& params, const Spec& spec, bool need_x,
                                   bool need_params, int64_t nthreads) {
  return with_type(x, [&](auto number) -> Results {
    using T = decltype(number);
    const auto nei = neighbors_of(r, count);
    const auto layers = layers_of<T>(x, params, spec);
    const int64_t nout = layers.back().nout, width = deepmd::moments_row_width<T>(int(nout));
    const Shape rows{nei.natoms * nei.nnei, width};
    check(x, x.dtype(), {nei.natoms, nei.nnei, layers[0].nin}, "x");
    check(r, x.dtype(), r.shape(), "r");
    check(grad_m, x.dtype(), {nei.natoms, nei.nr, nout}, "grad_m");
    check(grad_g, x.dtype(), rows, "grad_g");
    check(grad_dg, x.dtype(), rows, "grad_dg");
    Tensor gx = empty(x.shape(), x, need_x);
    Tensor gparams = empty({deepmd::count_params(layers)}, x, need_params);
    deepmd::embedding_moments_backward<T>(
        layers, nei, x.data<T>(), r.data<T>(), data<T>(grad_m), data<T>(grad_g), data<T>(grad_dg),
        result<T>(gx, need_x), result<T>(gparams, need_params), Parallel(nthreads));
    return {gx, gparams};
  });
}

/// What the two operators below take in common.
template <class T>
deepmd::Neighbors check_force(const Tensor& r, const Maybe& count, const Tensor& grad_m,
                               const Tensor& g, const Tensor& dg) {
  const auto nei = neighbors_of(r, count);
  require(grad_m.shape().size() == 3, "grad_m must be (natoms, nr, nout)");
  const int64_t nout = grad_m.shape()[2];
  const Shape rows{nei.natoms * nei.nnei, deepmd::moments_row_width<T>(int(nout))};
  check(r, r.dtype(), r.shape(), "r");
  check(grad_m, r.dtype(), {nei.natoms, nei.nr, nout}, "grad_m");
  check(g, r.dtype(), rows, "g");
  check(dg, r.dtype(), rows, "dg");
  return nei;
}

Results moments_force(const Tensor& r, const Maybe& count, const Tensor& grad_m, const Tensor& g,
                      const Tensor& dg, int64_t nthreads) {
  return with_type(r, [&](auto number) -> Results {
    using T = decltype(number);
    const auto nei = check_force<T>(r, count, grad_m, g, dg);
    Tensor gx = empty({nei.natoms, nei.nnei, 1}, r);
    Tensor gr = empty(r.shape(), r);
    deepmd::moments_force<T>(nei, int(grad_m.shape()[2]), r.data<T>(), grad_m.data<T>(),
                             g.data<T>(), dg.data<T>(), result<T>(gx), result<T>(gr),
                             Parallel(nthreads));
    return {gx, gr};
  });
}

Results moments_force_backward(const Tensor& r, const Maybe& count, const Tensor& grad_m,
                               const Tensor& g, const Tensor& dg, const Tensor& v, const Tensor& w,
                               int64_t nthreads) {
  return with_type(r, [&](auto number) -> Results {
    using T = decltype(number);
    const auto nei = check_force<T>(r, count, grad_m, g, dg);
    check(v, r.dtype(), {nei.natoms, nei.nnei, 1}, "v");
    check(w, r.dtype(), r.shape(), "w");
    Tensor ggm = empty(grad_m.shape(), r), gg = empty(g.shape(), r), gdg = empty(g.shape(), r);
    Tensor gr = empty(r.shape(), r);
    deepmd::moments_force_backward<T>(
        nei, int(grad_m.shape()[2]), r.data<T>(), grad_m.data<T>(), g.data<T>(), dg.data<T>(),
        v.data<T>(), w.data<T>(), result<T>(ggm), result<T>(gg), result<T>(gdg),
        result<T>(gr), Parallel(nthreads));
    return {ggm, gg, gdg, gr};
  });
}

}  // namespace
}  // namespace deepmd_pd

PD_BUILD_OP(deepmd_pd_embedding_moments)
    .Inputs({"x", "r", paddle::Optional("count"), paddle::Vec("params")})
    .Outputs({"m", "g", "dg"})
    .Attrs({"spec: std::vector<int64_t>", "with_jet: bool", "nthreads: int64_t"})
    .SetKernelFn(PD_KERNEL(deepmd_pd::embedding_moments));

PD_BUILD_OP(deepmd_pd_embedding_moments_backward)
    .Inputs({"x", "r", paddle::Optional("count"), paddle::Optional("grad_m"),
             paddle::Optional("grad_g"), paddle::Optional("grad_dg"), paddle::Vec("params")})
    .Outputs({"gx", "gparams"})
    .Attrs({"spec: std::vector<int64_t>", "need_x: bool", "need_params: bool",
            "nthreads: int64_t"})
    .SetKernelFn(PD_KERNEL(deepmd_pd::embedding_moments_backward));

PD_BUILD_OP(deepmd_pd_moments_force)
    .Inputs({"r", paddle::Optional("count"), "grad_m", "g", "dg"})
    .Outputs({"gx", "gr"})
    .Attrs({"nthreads: int64_t"})
    .SetKernelFn(PD_KERNEL(deepmd_pd::moments_force));

PD_BUILD_OP(deepmd_pd_moments_force_backward)
    .Inputs({"r", paddle::Optional("count"), "grad_m", "g", "dg", "v", "w"})
    .Outputs({"ggm", "gg", "gdg", "gr"})
    .Attrs({"nthreads: int64_t"})
    .SetKernelFn(PD_KERNEL(deepmd_pd::moments_force_backward));
