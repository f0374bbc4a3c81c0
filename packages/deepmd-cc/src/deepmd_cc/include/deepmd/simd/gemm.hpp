// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Products of matrices that fit in the cache.

/// A tile of MR rows and NR vectors, kept in registers while k runs.
template <class T, int MR, int NR>
DEEPMD_INLINE void multiply_tile(const Gemm<T>& g, const T* a, const T* b, T* c) {
  using V = Vec<T>;
  constexpr int lanes = VecOf<T>::lanes;
  V acc[MR][NR];
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < NR; ++j)
      acc[i][j] = g.accumulate ? load<T>(c + i * g.ldc + j * lanes) : V{};
  for (int k = 0; k < g.k; ++k, a += g.col, b += g.ldb) {
    V row[NR];
#pragma GCC unroll 8
    for (int j = 0; j < NR; ++j) row[j] = load<T>(b + j * lanes);
#pragma GCC unroll 8
    for (int i = 0; i < MR; ++i) {
      const V x = splat<T>(a[i * g.row]);
#pragma GCC unroll 8
      for (int j = 0; j < NR; ++j) acc[i][j] += x * row[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < NR; ++j) store<T>(c + i * g.ldc + j * lanes, acc[i][j]);
}

/// All rows of NR vectors' columns: MR at a time, then half as many, to one.
template <class T, int MR, int NR>
DEEPMD_INLINE void multiply_panel(const Gemm<T>& g, int from, const T* b, T* c) {
  int i = from;
  for (; i + MR <= g.m; i += MR)
    multiply_tile<T, MR, NR>(g, g.a + i * g.row, b, c + i * g.ldc);
  if constexpr (MR > 1) {
    if (i < g.m) multiply_panel<T, MR / 2, NR>(g, i, b, c);
  }
}

/// The product, its columns in panels of one to three vectors, as even as may be.
template <class T>
DEEPMD_INLINE void multiply(const Gemm<T>& g) {
  constexpr int rows = DEEPMD_TILE_ROWS, most = DEEPMD_TILE_VECTORS, lanes = VecOf<T>::lanes;
  static_assert(most == 2 || most == 3, "panels are of one, two or three vectors");
  const int nvec = g.ncol / lanes, panels = (nvec + most - 1) / most;
  for (int p = 0, at = 0; p < panels; ++p) {
    const int width = (nvec - at + panels - p - 1) / (panels - p);
    const T* b = g.b + std::int64_t(at) * lanes;
    T* c = g.c + std::int64_t(at) * lanes;
    if (width == 1)
      multiply_panel<T, rows, 1>(g, 0, b, c);
    else if (width == 2)
      multiply_panel<T, rows, 2>(g, 0, b, c);
    else
      multiply_panel<T, rows, most>(g, 0, b, c);
    at += width;
  }
}
