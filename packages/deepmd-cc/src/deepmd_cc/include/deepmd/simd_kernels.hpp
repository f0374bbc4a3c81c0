// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Kernels compiled for several instruction sets, and the choice among them on
// the machine that runs them, so that a portable wheel is fast.
//
// The bodies in deepmd/simd/ are read once per instruction set, each time into
// a namespace of its own: `Kernels` of that namespace holds the entry points.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#if !defined(__GNUC__)
#error "deepmd/simd_kernels.hpp needs the vector extensions of GCC or Clang"
#endif

#define DEEPMD_INLINE __attribute__((always_inline)) inline

namespace deepmd {

// ---- what the kernels take -------------------------------------------------

/// C = A B, or C += A B. A is read at a[m * row + k * col], so that one kernel
/// takes A and its transpose; B and C have rows of `ncol` numbers, which are
/// whole vectors.
template <class T>
struct Gemm {
  int m, ncol, k;
  const T* a;
  std::int64_t row, col;
  const T* b;
  std::int64_t ldb;
  T* c;
  std::int64_t ldc;
  bool accumulate;
};

enum class Activation : int { linear = 0, tanh = 1, relu = 2, sigmoid = 3, silu = 4, gelu = 5 };
constexpr int activation_count = 6;

/// One layer's element-wise part for `n` edges, in rows of `ld` numbers that
/// are whole vectors: y = f(z + bias) * idt, yd = f'(z + bias) zd * idt.
template <class T>
struct Activate {
  int n, ld;
  Activation activation;
  const T* bias;
  const T* idt;  // or null
  T* y;          // in: z; out: y
  T* yd;         // in: zd; out: yd; or null: values only
  // What the way back needs; null where it is not wanted.
  T* d1;     // f'
  T* d2_zd;  // f'' zd
  T* f;      // f before idt
  T* fd;     // f' zd before idt
};

/// The way back through `Activate`: gradients of y and yd become those of z and
/// zd, in place; those of bias and idt are added to where they are wanted.
template <class T>
struct ActivateBackward {
  int n, ld;
  const T* idt;  // or null
  T* g;          // in: of y; out: of z
  T* gd;         // in: of yd; out: of zd; or null
  const T* d1;
  const T* d2_zd;
  const T* f;   // with gidt
  const T* fd;  // with gidt and gd
  T* gbias;     // ld numbers, or null
  T* gidt;      // ld numbers, or null
};

/// to[r, :width] += from[r, :width].
template <class T>
struct AddColumns {
  int nrows, width;
  const T* from;
  std::int64_t ld_from;
  T* to;
  std::int64_t ld_to;
};

/// out[r] = sum_c a[r, c] b[r, c].
template <class T>
struct RowDot {
  std::int64_t nrows;
  int width;
  const T *a, *b;
  T* out;
};

}  // namespace deepmd

// ---- what every machine of the platform has: SSE2, NEON ---------------------
#define DEEPMD_SIMD base
#define DEEPMD_SIMD_BYTES 16
#define DEEPMD_TILE_ROWS 4
#define DEEPMD_TILE_VECTORS 2
#include "simd/all.hpp"

#if defined(__x86_64__)

#if defined(__clang__)
#define DEEPMD_PRAGMA(x) _Pragma(#x)
#define DEEPMD_TARGET_BEGIN(names) \
  DEEPMD_PRAGMA(clang attribute push(__attribute__((target(names))), apply_to = function))
#define DEEPMD_TARGET_END _Pragma("clang attribute pop")
#else
#define DEEPMD_PRAGMA(x) _Pragma(#x)
#define DEEPMD_TARGET_BEGIN(names) \
  _Pragma("GCC push_options") DEEPMD_PRAGMA(GCC target(names))
#define DEEPMD_TARGET_END _Pragma("GCC pop_options")
#endif

DEEPMD_TARGET_BEGIN("avx2,fma")
#define DEEPMD_SIMD avx2
#define DEEPMD_SIMD_BYTES 32
#define DEEPMD_TILE_ROWS 4
#define DEEPMD_TILE_VECTORS 3
#include "simd/all.hpp"
DEEPMD_TARGET_END

DEEPMD_TARGET_BEGIN("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
#define DEEPMD_SIMD avx512
#define DEEPMD_SIMD_BYTES 64
#define DEEPMD_TILE_ROWS 8
#define DEEPMD_TILE_VECTORS 3
#include "simd/all.hpp"
DEEPMD_TARGET_END

#undef DEEPMD_TARGET_BEGIN
#undef DEEPMD_TARGET_END
#undef DEEPMD_PRAGMA
#endif

namespace deepmd {

enum class Isa { base, avx2, avx512 };

/// The widest instruction set of this machine. The environment variable
/// DP_SIMD (base, avx2, avx512) narrows it, for tests and for comparisons.
inline Isa detect_isa() {
  Isa found = Isa::base;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found = Isa::avx2;
  if (found == Isa::avx2 && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    found = Isa::avx512;
#endif
  const char* wanted = std::getenv("DP_SIMD");
  if (!wanted) return found;
  if (std::strcmp(wanted, "base") == 0) return Isa::base;
  if (std::strcmp(wanted, "avx2") == 0 && found == Isa::avx512) return Isa::avx2;
  return found;
}

/// Calls run(kernels) with the kernels of this machine.
template <class Run>
void with_kernels(const Run& run) {
#if defined(__x86_64__)
  static const Isa isa = detect_isa();
  if (isa == Isa::avx512) return run(avx512::Kernels{});
  if (isa == Isa::avx2) return run(avx2::Kernels{});
#endif
  run(base::Kernels{});
}

}  // namespace deepmd
