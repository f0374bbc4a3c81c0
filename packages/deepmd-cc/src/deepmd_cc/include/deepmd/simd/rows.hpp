// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Sums along and of rows, whose widths need not be whole vectors.

template <class T>
DEEPMD_INLINE void add_row_parts(const AddColumns<T>& s) {
  for (int r = 0; r < s.nrows; ++r) {
    const T* from = s.from + r * s.ld_from;
    T* to = s.to + r * s.ld_to;
    int c = 0;
    for (; c + VecOf<T>::lanes <= s.width; c += VecOf<T>::lanes)
      store<T>(to + c, load<T>(to + c) + load<T>(from + c));
    for (; c < s.width; ++c) to[c] += from[c];
  }
}

template <class T>
DEEPMD_INLINE void dot_rows(const RowDot<T>& s) {
  const T *a = s.a, *b = s.b;
  for (std::int64_t r = 0; r < s.nrows; ++r, a += s.width, b += s.width) {
    Vec<T> total = {};
    int c = 0;
    for (; c + VecOf<T>::lanes <= s.width; c += VecOf<T>::lanes)
      total += load<T>(a + c) * load<T>(b + c);
    T dot = sum_lanes<T>(total);
    for (; c < s.width; ++c) dot += a[c] * b[c];
    s.out[r] = dot;
  }
}
