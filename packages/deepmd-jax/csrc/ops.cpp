// SPDX-License-Identifier: LGPL-3.0-or-later
//
// XLA's calls of the kernels in deepmd/embedding_moments.hpp. Their derivatives are put
// together in deepmd_jax/embedding_moments.py.
#include "arguments.hpp"
#include "parallel.hpp"

namespace deepmd_jax {
namespace {

using ffi::AnyBuffer;
using Result = ffi::Result<AnyBuffer>;

/// x, r, count, parameters -> M, and where there are three results G and dG.
ffi::Error embedding_moments(ffi::ThreadPool pool, AnyBuffer x, AnyBuffer r, AnyBuffer count,
                             ffi::RemainingArgs params, ffi::RemainingRets results, Spec spec) {
  return with_type(x, [&](auto number) {
    using T = decltype(number);
    const auto nei = neighbors_of(r, count);
    const auto layers = layers_of<T>(params, 0, spec);
    const std::int64_t nout = layers.back().nout;
    const Shape rows{nei.natoms * nei.nnei, deepmd::moments_row_width<T>(int(nout))};
    const bool with_jet = results.size() == 3;
    deepmd::embedding_moments<T>(
        layers, nei, data<T>(x, {nei.natoms, nei.nnei}, "x"),
        data<T>(r, {nei.natoms, nei.nnei, nei.nr}, "r"),
        data<T>(at(results, 0), {nei.natoms, nei.nr, nout}, "m"),
        with_jet ? data<T>(at(results, 1), rows, "g") : nullptr,
        with_jet ? data<T>(at(results, 2), rows, "dg") : nullptr, Parallel(pool));
  });
}

/// x, r, count, gm, with a jet gg and gdg, parameters -> the gradient of x or of all parameters.
ffi::Error embedding_moments_backward(ffi::ThreadPool pool, AnyBuffer x, AnyBuffer r,
                                      AnyBuffer count, AnyBuffer gm, ffi::RemainingArgs others,
                                      Result result, Spec spec, bool with_jet, bool need_x) {
  return with_type(x, [&](auto number) {
    using T = decltype(number);
    const auto nei = neighbors_of(r, count);
    const auto layers = layers_of<T>(others, with_jet ? 2 : 0, spec);
    const std::int64_t nout = layers.back().nout;
    const Shape rows{nei.natoms * nei.nnei, deepmd::moments_row_width<T>(int(nout))};
    const Shape neighbors{nei.natoms, nei.nnei};
    deepmd::embedding_moments_backward<T>(
        layers, nei, data<T>(x, neighbors, "x"), data<T>(r, {nei.natoms, nei.nnei, nei.nr}, "r"),
        data<T>(gm, {nei.natoms, nei.nr, nout}, "gm"),
        with_jet ? data<T>(at(others, 0), rows, "gg") : nullptr,
        with_jet ? data<T>(at(others, 1), rows, "gdg") : nullptr,
        need_x ? data<T>(*result, neighbors, "gx") : nullptr,
        need_x ? nullptr : data<T>(*result, {deepmd::count_params(layers)}, "gparams"),
        Parallel(pool));
  });
}

/// The arrays that both calls below take.
template <class T>
struct Force {
  deepmd::Neighbors nei;
  std::int64_t nout;
  Shape rows;
  const T *r, *gm, *g, *dg;

  Force(const AnyBuffer& r_, const AnyBuffer& count, const AnyBuffer& gm_, const AnyBuffer& g_,
        const AnyBuffer& dg_)
      : nei(neighbors_of(r_, count)) {
    require(gm_.dimensions().size() == 3, "gm must be (natoms, nr, nout)");
    nout = gm_.dimensions()[2];
    rows = {nei.natoms * nei.nnei, deepmd::moments_row_width<T>(int(nout))};
    r = data<T>(r_, {nei.natoms, nei.nnei, nei.nr}, "r");
    gm = data<T>(gm_, {nei.natoms, nei.nr, nout}, "gm");
    g = data<T>(g_, rows, "g");
    dg = data<T>(dg_, rows, "dg");
  }
};

/// r, count, gm, G, dG -> the gradients of x and r.
ffi::Error moments_force(ffi::ThreadPool pool, AnyBuffer r, AnyBuffer count, AnyBuffer gm,
                         AnyBuffer g, AnyBuffer dg, Result gx, Result gr) {
  return with_type(r, [&](auto number) {
    using T = decltype(number);
    const Force<T> in(r, count, gm, g, dg);
    deepmd::moments_force<T>(in.nei, int(in.nout), in.r, in.gm, in.g, in.dg,
                             data<T>(*gx, {in.nei.natoms, in.nei.nnei}, "gx"),
                             data<T>(*gr, shape_of(r), "gr"), Parallel(pool));
  });
}

/// r, count, gm, G, dG, v, w -> the gradients of gm, G and dG.
ffi::Error moments_force_backward(ffi::ThreadPool pool, AnyBuffer r, AnyBuffer count, AnyBuffer gm,
                                  AnyBuffer g, AnyBuffer dg, AnyBuffer v, AnyBuffer w, Result ggm,
                                  Result gg, Result gdg) {
  return with_type(r, [&](auto number) {
    using T = decltype(number);
    const Force<T> in(r, count, gm, g, dg);
    deepmd::moments_force_backward<T>(
        in.nei, int(in.nout), in.r, in.gm, in.g, in.dg,
        data<T>(v, {in.nei.natoms, in.nei.nnei}, "v"), data<T>(w, shape_of(r), "w"),
        data<T>(*ggm, shape_of(gm), "ggm"), data<T>(*gg, in.rows, "gg"),
        data<T>(*gdg, in.rows, "gdg"), nullptr, Parallel(pool));
  });
}

}  // namespace
}  // namespace deepmd_jax

using xla::ffi::AnyBuffer;
using xla::ffi::Ffi;
using xla::ffi::ThreadPool;

// clang-format off
#pragma GCC visibility push(default)

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    deepmd_jax_embedding_moments, deepmd_jax::embedding_moments,
    Ffi::Bind().Ctx<ThreadPool>().Arg<AnyBuffer>().Arg<AnyBuffer>().Arg<AnyBuffer>().RemainingArgs()
        .RemainingRets().Attr<deepmd_jax::Spec>("spec"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    deepmd_jax_embedding_moments_backward, deepmd_jax::embedding_moments_backward,
    Ffi::Bind().Ctx<ThreadPool>().Arg<AnyBuffer>().Arg<AnyBuffer>().Arg<AnyBuffer>().Arg<AnyBuffer>()
        .RemainingArgs().Ret<AnyBuffer>().Attr<deepmd_jax::Spec>("spec").Attr<bool>("with_jet")
        .Attr<bool>("need_x"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    deepmd_jax_moments_force, deepmd_jax::moments_force,
    Ffi::Bind().Ctx<ThreadPool>().Arg<AnyBuffer>().Arg<AnyBuffer>().Arg<AnyBuffer>().Arg<AnyBuffer>()
        .Arg<AnyBuffer>().Ret<AnyBuffer>().Ret<AnyBuffer>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    deepmd_jax_moments_force_backward, deepmd_jax::moments_force_backward,
    Ffi::Bind().Ctx<ThreadPool>().Arg<AnyBuffer>().Arg<AnyBuffer>().Arg<AnyBuffer>().Arg<AnyBuffer>()
        .Arg<AnyBuffer>().Arg<AnyBuffer>().Arg<AnyBuffer>().Ret<AnyBuffer>().Ret<AnyBuffer>()
        .Ret<AnyBuffer>());

/// How wide the rows of G are for `nout` numbers of `itemsize` bytes, on this machine.
extern "C" int deepmd_jax_row_width(int nout, int itemsize) {
  return itemsize == sizeof(double) ? deepmd::moments_row_width<double>(nout)
                                    : deepmd::moments_row_width<float>(nout);
}

#pragma GCC visibility pop
