// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The moments of an atom's embedded neighbors, M = R^T G with G = net(x), and
// their derivatives, without a pass over memory for each step of the way.
//
// Of each atom's `nnei` rows the first count[i] are used, the rest are treated as
// absent: what is given for them is zero. G and dG come in rows padded to whole
// vectors, `moments_row_width`, and go back into the functions below as they are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "embedding_net.hpp"

namespace deepmd {

/// Sizes that all functions here share, and how many rows of each atom are used.
struct Neighbors {
  std::int64_t natoms, nnei;
  int nr;                     // columns of R
  const std::int32_t* count;  // (natoms), or null: all

  std::int64_t of(std::int64_t atom) const { return count ? count[atom] : nnei; }
};

namespace embedding {

/// Rows of one atom that lie in a block.
struct Segment {
  std::int64_t atom, first;  // the first row's number among all edges
  int n, at;                 // how many, and where in the block
  bool starts, ends;         // whether they hold the atom's first and last row
};

/// Calls visit(segments, n) for blocks that hold the rows of the atoms begin..end;
/// an atom without rows has a segment of none.
template <class Visit>
void for_segments(const Neighbors& nei, std::int64_t begin, std::int64_t end,
                  const Visit& visit) {
  std::vector<Segment> segments;
  int n = 0;
  const auto flush = [&] {
    if (!segments.empty()) visit(segments, n);
    segments.clear();
    n = 0;
  };
  for (std::int64_t atom = begin; atom < end; ++atom) {
    const std::int64_t count = nei.of(atom);
    std::int64_t done = 0;
    do {
      if (n == block_edges) flush();
      const int take = int(std::min<std::int64_t>(block_edges - n, count - done));
      segments.push_back({atom, atom * nei.nnei + done, take, n, done == 0, done + take == count});
      done += take, n += take;
    } while (done < count);
  }
  flush();
}

template <class T>
void load_input(const std::vector<Segment>& segments, int nin, const T* x, T* to, int ld) {
  for (const auto& s : segments)
    copy_rows(s.n, nin, x + s.first * nin, nin, to + std::int64_t(s.at) * ld, ld);
}

/// Zeros in an atom's unused rows.
template <class T>
void clear_rest(const Neighbors& nei, std::int64_t atom, std::int64_t width, T* rows) {
  if (rows)
    std::fill(rows + (atom * nei.nnei + nei.of(atom)) * width, rows + (atom + 1) * nei.nnei * width,
              T(0));
}

/// b^T of an atom's (nr, width) numbers, in rows of `ld`, padded with zeros.
template <class T>
void transpose(int nr, int width, const T* b, T* to, int ld) {
  std::fill_n(to, std::int64_t(width) * ld, T(0));
  for (int c = 0; c < nr; ++c)
    for (int f = 0; f < width; ++f) to[std::int64_t(f) * ld + c] = b[std::int64_t(c) * width + f];
}

}  // namespace embedding

/// How wide the rows of G and dG are that the functions below exchange.
template <class T>
int moments_row_width(int nout) {
  int width = 0;
  with_kernels([&](auto kernels) { width = embedding::padded_width<T>(kernels, nout); });
  return width;
}

/// m (natoms, nr, nout); with g and dg not null also G and its derivative along x[:, 0].
///
/// x : (natoms, nnei, nin); r : (natoms, nnei, nr).
template <class T, class Parallel>
void embedding_moments(const std::vector<DenseLayer<T>>& layers, const Neighbors& nei, const T* x,
                       const T* r, T* m, T* g, T* dg, const Parallel& parallel) {
  with_kernels([&](auto kernels) {
    using K = decltype(kernels);
    const embedding::Net<T, K> net(layers);
    const int nout = net.nout(), ld = net.ld_out(), nr = nei.nr;
    parallel(nei.natoms, [&](std::int64_t begin, std::int64_t end) {
      T* work = embedding::workspace<T>(net.workspace_size() + std::int64_t(nr) * ld);
      T* sums = work + net.workspace_size();
      embedding::for_segments(nei, begin, end, [&](const auto& segments, int n) {
        embedding::load_input(segments, net.nin(), x, net.input(work), net.ld_in());
        net.run(n, work, dg != nullptr, false);
        for (const auto& s : segments) {
          const T* y = net.output(work) + std::int64_t(s.at) * ld;
          K::gemm(Gemm<T>{nr, ld, s.n, r + s.first * nr, 1, nr, y, ld, sums, ld, !s.starts});
          if (s.ends) embedding::copy_rows(nr, nout, sums, ld, m + s.atom * nr * nout, nout);
          if (g) std::copy_n(y, std::int64_t(s.n) * ld, g + s.first * ld);
          if (dg) std::copy_n(y + std::int64_t(n) * ld, std::int64_t(s.n) * ld, dg + s.first * ld);
        }
      });
      for (std::int64_t atom = begin; atom < end; ++atom) {
        embedding::clear_rest(nei, atom, ld, g);
        embedding::clear_rest(nei, atom, ld, dg);
      }
    });
  });
}

/// The derivatives of sum(gm * M): gx (natoms, nnei) along x[:, 0], and gr like r,
/// from G and dG.
template <class T, class Parallel>
void moments_force(const Neighbors& nei, int nout, const T* r, const T* gm, const T* g,
                   const T* dg, T* gx, T* gr, const Parallel& parallel) {
  with_kernels([&](auto kernels) {
    using K = decltype(kernels);
    const int nr = nei.nr, ld = embedding::padded_width<T>(kernels, nout);
    const int ld_r = embedding::padded_width<T>(kernels, nr);
    parallel(nei.natoms, [&](std::int64_t begin, std::int64_t end) {
      T* gm_t = embedding::workspace<T>((nout + nei.nnei) * ld_r);
      T* dots = gm_t + std::int64_t(nout) * ld_r;
      for (std::int64_t atom = begin; atom < end; ++atom) {
        const int n = int(nei.of(atom));
        const std::int64_t first = atom * nei.nnei;
        embedding::transpose(nr, nout, gm + atom * nr * nout, gm_t, ld_r);
        const auto dot_rows = [&](const T* rows) {
          K::gemm(Gemm<T>{n, ld_r, nout, rows + first * ld, ld, 1, gm_t, ld_r, dots, ld_r, false});
        };
        dot_rows(g);
        embedding::copy_rows(n, nr, dots, ld_r, gr + first * nr, nr);
        dot_rows(dg);
        for (std::int64_t j = 0; j < n; ++j) {
          T along = 0;
          for (int c = 0; c < nr; ++c) along += r[(first + j) * nr + c] * dots[j * ld_r + c];
          gx[first + j] = along;
        }
        embedding::clear_rest(nei, atom, nr, gr);
        embedding::clear_rest(nei, atom, 1, gx);
      }
    });
  });
}

/// The way back through `moments_force`: from v and w, the gradients of its gx and gr,
/// to those of gm, G and dG, and, unless null, of r.
template <class T, class Parallel>
void moments_force_backward(const Neighbors& nei, int nout, const T* r, const T* gm, const T* g,
                            const T* dg, const T* v, const T* w, T* ggm, T* gg, T* gdg, T* gr,
                            const Parallel& parallel) {
  with_kernels([&](auto kernels) {
    using K = decltype(kernels);
    const int nr = nei.nr, ld = embedding::padded_width<T>(kernels, nout);
    const int ld_r = embedding::padded_width<T>(kernels, nr);
    const std::int64_t small = std::int64_t(nr) * ld;
    parallel(nei.natoms, [&](std::int64_t begin, std::int64_t end) {
      T* rows = embedding::workspace<T>(2 * small + nout * ld_r + nei.nnei * (ld_r + nr));
      T *sums = rows + small, *gm_t = sums + small, *dots = gm_t + std::int64_t(nout) * ld_r;
      T* vr = dots + nei.nnei * ld_r;
      for (std::int64_t atom = begin; atom < end; ++atom) {
        const int n = int(nei.of(atom));
        const std::int64_t first = atom * nei.nnei, at = first * ld;
        const T* gm_i = gm + atom * nr * nout;
        embedding::pad_rows(nr, nout, gm_i, rows, ld);
        for (std::int64_t j = 0; j < n; ++j)
          for (int c = 0; c < nr; ++c) vr[j * nr + c] = v[first + j] * r[(first + j) * nr + c];
        const T* w_i = w + first * nr;
        K::gemm(Gemm<T>{n, ld, nr, w_i, nr, 1, rows, ld, gg + at, ld, false});
        K::gemm(Gemm<T>{n, ld, nr, vr, nr, 1, rows, ld, gdg + at, ld, false});
        K::gemm(Gemm<T>{nr, ld, n, w_i, 1, nr, g + at, ld, sums, ld, false});
        K::gemm(Gemm<T>{nr, ld, n, vr, 1, nr, dg + at, ld, sums, ld, true});
        embedding::copy_rows(nr, nout, sums, ld, ggm + atom * nr * nout, nout);
        embedding::clear_rest(nei, atom, ld, gg);
        embedding::clear_rest(nei, atom, ld, gdg);
        if (!gr) continue;
        embedding::transpose(nr, nout, gm_i, gm_t, ld_r);
        K::gemm(Gemm<T>{n, ld_r, nout, dg + at, ld, 1, gm_t, ld_r, dots, ld_r, false});
        for (std::int64_t j = 0; j < n; ++j)
          for (int c = 0; c < nr; ++c) gr[(first + j) * nr + c] = v[first + j] * dots[j * ld_r + c];
        embedding::clear_rest(nei, atom, nr, gr);
      }
    });
  });
}

/// The way back through `embedding_moments`: from gm, gg and gdg, the gradients of M, G
/// and dG (each null: zero), to gx like x and grad_params, each null where it is not
/// wanted; see `embedding_jet_backward`. (That of r is `moments_force`'s.)
template <class T, class Parallel>
void embedding_moments_backward(const std::vector<DenseLayer<T>>& layers, const Neighbors& nei,
                                const T* x, const T* r, const T* gm, const T* gg, const T* gdg,
                                T* gx, T* grad_params, const Parallel& parallel) {
  with_kernels([&](auto kernels) {
    using K = decltype(kernels);
    const embedding::Net<T, K> net(layers);
    const int nout = net.nout(), ld = net.ld_out(), nin = net.nin(), nr = nei.nr;
    const bool tangent = gdg != nullptr;
    const std::int64_t size = net.padded_params();
    const std::int64_t npieces = embedding::count_pieces(nei.natoms * nei.nnei, nei.natoms);
    const auto visit = [&](const auto& segments, int n, T* work, T* sums) {
      T* gm_rows = work + net.workspace_size();
      embedding::load_input(segments, nin, x, net.input(work), net.ld_in());
      net.run(n, work, tangent, true);
      const auto fill = [&](T* to) {
        for (const auto& s : segments) {
          T* rows = to + std::int64_t(s.at) * ld;
          const std::int64_t length = std::int64_t(s.n) * ld;
          if (gg)
            std::copy_n(gg + s.first * ld, length, rows);
          else
            std::fill_n(rows, length, T(0));
          if (gdg) std::copy_n(gdg + s.first * ld, length, rows + std::int64_t(n) * ld);
          if (!gm) continue;
          embedding::pad_rows(nr, nout, gm + s.atom * nr * nout, gm_rows, ld);
          K::gemm(Gemm<T>{s.n, ld, nr, r + s.first * nr, nr, 1, gm_rows, ld, rows, ld, true});
        }
      };
      const T* g = net.backward(n, work, tangent, gx != nullptr, sums, fill);
      if (!gx) return;
      for (const auto& s : segments)
        embedding::copy_rows(s.n, nin, g + std::int64_t(s.at) * net.ld_in(), net.ld_in(),
                             gx + s.first * nin, nin);
    };
    embedding::Buffer<T> partial(grad_params ? std::size_t(npieces * size) : 0);
    parallel(npieces, [&](std::int64_t begin, std::int64_t end) {
      T* work = embedding::workspace<T>(net.workspace_size() + std::int64_t(nr) * ld);
      for (std::int64_t piece = begin; piece < end; ++piece) {
        T* sums = grad_params ? partial.get() + piece * size : nullptr;
        const std::int64_t from = piece * nei.natoms / npieces;
        const std::int64_t to = (piece + 1) * nei.natoms / npieces;
        embedding::for_segments(nei, from, to, [&](const auto& segments, int n) {
          visit(segments, n, work, sums);
        });
        if (gx)
          for (std::int64_t atom = from; atom < to; ++atom)
            embedding::clear_rest(nei, atom, nin, gx);
      }
    });
    if (grad_params) net.collect(partial.get(), npieces, grad_params);
  });
}

}  // namespace deepmd
