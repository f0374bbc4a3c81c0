// SPDX-License-Identifier: LGPL-3.0-or-later
//
// XLA's call of the operator on Chebyshev moments (deepmd/moments.hpp). Its derivatives are put
// together in deepmd_jax/moments.py.
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "deepmd/moments.hpp"
#include "parallel.hpp"
#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;

deepmd::TensorView view_of(const ffi::AnyBuffer& buffer) {
  const auto dims = buffer.dimensions();
  deepmd::TensorView view{buffer.untyped_data(), deepmd::DType::other, {dims.begin(), dims.end()}};
  switch (buffer.element_type()) {
    case ffi::F64:
      view.dtype = deepmd::DType::float64;
      break;
    case ffi::F32:
      view.dtype = deepmd::DType::float32;
      break;
    case ffi::S64:
      view.dtype = deepmd::DType::int64;
      break;
    case ffi::S32:
      view.dtype = deepmd::DType::int32;
      break;
    default:
      break;
  }
  return view;
}

/// A pass on these buffers; what there are and what they mean: deepmd::run_moments.
ffi::Error moments(ffi::ThreadPool pool, ffi::RemainingArgs inputs, ffi::RemainingRets results,
                   ffi::Span<const double> numbers, ffi::Span<const std::int64_t> counts) {
  try {
    const deepmd::MomentsSpec spec({numbers.begin(), numbers.end()},
                                   {counts.begin(), counts.end()});
    std::vector<deepmd::TensorView> in, out;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      in.push_back(view_of(inputs.get<ffi::AnyBuffer>(i).value()));
    for (std::size_t i = 0; i < results.size(); ++i)
      out.push_back(view_of(*results.get<ffi::AnyBuffer>(i).value()));
    deepmd::run_moments(spec, in, out, deepmd_jax::Parallel(pool));
  } catch (const std::exception& error) {
    return ffi::Error::InvalidArgument(std::string("deepmd_jax: ") + error.what());
  }
  return ffi::Error::Success();
}

}  // namespace

#pragma GCC visibility push(default)
XLA_FFI_DEFINE_HANDLER_SYMBOL(deepmd_jax_moments, moments,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Attr<ffi::Span<const double>>("numbers")
                                  .Attr<ffi::Span<const std::int64_t>>("counts"));
#pragma GCC visibility pop
