// SPDX-License-Identifier: LGPL-3.0-or-later
//
// All kernels for one instruction set. Read by deepmd/simd_kernels.hpp only,
// several times: no include guard here, nor in the files below.
namespace deepmd {
namespace DEEPMD_SIMD {
#include "math.hpp"
//
#include "gemm.hpp"
//
#include "activation.hpp"
//
#include "rows.hpp"

/// The entry points for this instruction set, not inlined: they carry it.
struct Kernels {
  template <class T>
  static constexpr int lanes = DEEPMD_SIMD_BYTES / int(sizeof(T));

  template <class T>
  __attribute__((noinline)) static void gemm(const Gemm<T>& s) {
    multiply(s);
  }
  template <class T>
  __attribute__((noinline)) static void activate(const Activate<T>& s) {
    activate_rows(s);
  }
  template <class T>
  __attribute__((noinline)) static void activate_backward(const ActivateBackward<T>& s) {
    activate_rows_backward(s);
  }
  template <class T>
  __attribute__((noinline)) static void add_columns(const AddColumns<T>& s) {
    add_row_parts(s);
  }
  template <class T>
  __attribute__((noinline)) static void row_dot(const RowDot<T>& s) {
    dot_rows(s);
  }
};

}  // namespace DEEPMD_SIMD
}  // namespace deepmd

#undef DEEPMD_SIMD
#undef DEEPMD_SIMD_BYTES
#undef DEEPMD_TILE_ROWS
#undef DEEPMD_TILE_VECTORS
