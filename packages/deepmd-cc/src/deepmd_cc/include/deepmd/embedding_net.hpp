// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The embedding net of DeepPot-SE with its derivative along the first input,
// and the way back through both.
//
// Layers map x to f(x w + b) * idt, plus x, or x twice side by side, where
// `resnet` and the widths allow it. Edges are worked on in blocks whose
// intermediate values stay in the cache; the way back computes them anew
// instead of reading them from memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "simd_kernels.hpp"

namespace deepmd {

/// One layer; arrays are row-major and stay the caller's.
template <class T>
struct DenseLayer {
  int nin, nout;
  const T* w;    // (nin, nout)
  const T* b;    // (nout), or null
  const T* idt;  // (nout), or null
  Activation activation;
  bool resnet;

  /// How many times the input is added to the output, side by side.
  int skips() const { return !resnet ? 0 : nout == nin ? 1 : nout == 2 * nin ? 2 : 0; }
  std::int64_t nparams() const {
    return std::int64_t(nin) * nout + (b ? nout : 0) + (idt ? nout : 0);
  }
};

namespace embedding {

constexpr int block_edges = 64;
constexpr int max_vector_bytes = 64;

/// Zeroed memory on a vector's boundary.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t size = 0) { reserve(size); }
  T* get() const { return data_.get(); }

  /// At least this much; what it held is lost if it must grow.
  void reserve(std::size_t size) {
    if (size <= size_) return;
    constexpr std::align_val_t alignment{max_vector_bytes};
    data_.reset(static_cast<T*>(::operator new(size * sizeof(T), alignment)));
    std::fill_n(data_.get(), size, T(0));
    size_ = size;
  }

 private:
  struct Free {
    void operator()(T* p) const { ::operator delete(p, std::align_val_t{max_vector_bytes}); }
  };
  std::unique_ptr<T[], Free> data_;
  std::size_t size_ = 0;
};

/// A layer's parameters in rows of whole vectors, padded with zeros.
template <class T>
struct PackedLayer {
  DenseLayer<T> layer;
  int ld_in, ld_out;
  const T *w, *w_t, *b, *idt;  // (nin, ld_out), (nout, ld_in), (ld_out), (ld_out) or null
  // Where its gradients are among all, padded: of w, b and idt.
  std::int64_t grad_w, grad_b, grad_idt;
};

/// Where one layer's arrays lie in a thread's workspace.
struct LayerSpace {
  std::int64_t y, d1, d2_zd, f;
};

template <class T>
void copy_rows(int n, int width, const T* from, std::int64_t ld_from, T* to, std::int64_t ld_to) {
  for (int e = 0; e < n; ++e) std::copy_n(from + e * ld_from, width, to + e * ld_to);
}

/// `width` columns, then zeros; all zeros where there is nothing to copy.
template <class T>
void pad_rows(int n, int width, const T* from, T* to, std::int64_t ld_to) {
  for (int e = 0; e < n; ++e, to += ld_to) {
    if (from) std::copy_n(from + std::int64_t(e) * width, width, to);
    std::fill(to + (from ? width : 0), to + ld_to, T(0));
  }
}

/// The width in whole vectors.
template <class T, class Kernels>
int padded_width(Kernels, int width) {
  constexpr int lanes = Kernels::template lanes<T>;
  return (width + lanes - 1) / lanes * lanes;
}

template <class T, class Kernels>
class Net {
 public:
  explicit Net(const std::vector<DenseLayer<T>>& layers) {
    for (const auto& layer : layers) add(layer);
    pack();
    lay_out();
  }

  std::int64_t workspace_size() const { return workspace_size_; }
  std::int64_t padded_params() const { return padded_params_; }
  int nin() const { return layers_.front().layer.nin; }
  int nout() const { return layers_.back().layer.nout; }
  int ld_in() const { return layers_.front().ld_in; }
  int ld_out() const { return layers_.back().ld_out; }

  /// Where the values of the input's rows go before `run`: (n, ld_in).
  T* input(T* work) const { return work + input_space_; }
  /// Where `run` leaves G, and below its n rows dG: (n, ld_out) each.
  const T* output(const T* work) const { return work + space_.back().y; }

  /// G, and dG with `tangent`, of n <= block_edges edges; `save` what `backward` needs.
  void run(int n, T* work, bool tangent, bool save) const {
    T* y = work + input_space_;
    if (tangent) {
      T* yd = y + std::int64_t(n) * ld_in();
      std::fill_n(yd, std::int64_t(n) * ld_in(), T(0));
      for (int e = 0; e < n; ++e) yd[std::int64_t(e) * ld_in()] = T(1);
    }
    for (std::size_t l = 0; l < layers_.size(); ++l)
      run_layer(int(l), n, input_of(int(l), work), work, tangent, save);
  }

  /// The way back after `run`. fill(g) writes the gradient of G, (n, ld_out) padded with
  /// zeros, and below it with `tangent` that of dG. Adds to grad_params (padded), unless
  /// null; returns the gradient of the input, (n, ld_in), where it is wanted.
  template <class Fill>
  const T* backward(int n, T* work, bool tangent, bool need_x, T* grad_params,
                    const Fill& fill) const {
    T* g = work + gradient_space_;
    T* spare = g + 2 * std::int64_t(block_edges) * widest_;
    fill(g);
    for (int l = int(layers_.size()) - 1; l >= 0; --l) {
      layer_backward(l, n, tangent, work, g, l > 0 || need_x ? spare : nullptr, grad_params);
      std::swap(g, spare);
    }
    return g;
  }

  /// The sum of all pieces' padded gradients, in the caller's order: w, b, idt of each
  /// layer in turn, without gaps. The first piece is overwritten.
  void collect(T* pieces, std::int64_t npieces, T* out) const {
    for (std::int64_t piece = 1; piece < npieces; ++piece)
      for (std::int64_t i = 0; i < padded_params_; ++i)
        pieces[i] += pieces[piece * padded_params_ + i];
    for (const auto& p : layers_) {
      const int nout = p.layer.nout;
      for (int i = 0; i < p.layer.nin; ++i, out += nout)
        std::copy_n(pieces + p.grad_w + std::int64_t(i) * p.ld_out, nout, out);
      if (p.layer.b) out = std::copy_n(pieces + p.grad_b, nout, out);
      if (p.layer.idt) out = std::copy_n(pieces + p.grad_idt, nout, out);
    }
  }

 private:
  std::vector<PackedLayer<T>> layers_;
  std::vector<LayerSpace> space_;
  Buffer<T> packed_;
  std::int64_t input_space_ = 0, gradient_space_ = 0, workspace_size_ = 0, padded_params_ = 0;
  int widest_ = 0;

  static int pad(int width) { return padded_width<T>(Kernels{}, width); }

  void add(const DenseLayer<T>& layer) {
    PackedLayer<T> p{};
    p.layer = layer;
    p.ld_in = pad(layer.nin);
    p.ld_out = pad(layer.nout);
    p.grad_w = padded_params_;
    p.grad_b = p.grad_w + std::int64_t(layer.nin) * p.ld_out;
    p.grad_idt = p.grad_b + p.ld_out;
    padded_params_ = p.grad_idt + p.ld_out;
    widest_ = std::max({widest_, p.ld_in, p.ld_out});
    layers_.push_back(p);
  }

  void pack() {
    std::int64_t size = 0;
    for (const auto& p : layers_)
      size += std::int64_t(p.layer.nin + 2) * p.ld_out + std::int64_t(p.layer.nout) * p.ld_in;
    packed_.reserve(size);
    T* at = packed_.get();
    for (auto& p : layers_) at = pack_layer(p, at);
  }

  static T* pack_layer(PackedLayer<T>& p, T* at) {
    const int nin = p.layer.nin, nout = p.layer.nout;
    T *w = at, *w_t = w + std::int64_t(nin) * p.ld_out;
    T *b = w_t + std::int64_t(nout) * p.ld_in, *idt = b + p.ld_out;
    for (int i = 0; i < nin; ++i)
      for (int o = 0; o < nout; ++o)
        w[i * p.ld_out + o] = w_t[o * p.ld_in + i] = p.layer.w[std::int64_t(i) * nout + o];
    if (p.layer.b) std::copy_n(p.layer.b, nout, b);
    if (p.layer.idt) std::copy_n(p.layer.idt, nout, idt);
    p.w = w, p.w_t = w_t, p.b = b, p.idt = p.layer.idt ? idt : nullptr;
    return idt + p.ld_out;
  }

  void lay_out() {
    const std::int64_t rows = block_edges;
    std::int64_t at = 2 * rows * layers_.front().ld_in;
    for (const auto& p : layers_) {
      const std::int64_t size = rows * p.ld_out;
      space_.push_back({at, at + 2 * size, at + 3 * size, at + 4 * size});
      at += (p.idt ? 6 : 4) * size;
    }
    gradient_space_ = at;
    workspace_size_ = at + 4 * rows * widest_;
  }

  const T* input_of(int l, const T* work) const {
    return work + (l ? space_[l - 1].y : input_space_);
  }

  void run_layer(int l, int n, const T* x, T* work, bool tangent, bool save) const {
    const auto& p = layers_[l];
    const auto& s = space_[l];
    const int rows = tangent ? 2 * n : n;
    T* y = work + s.y;
    const std::int64_t half = std::int64_t(n) * p.ld_out;
    const bool save_f = save && p.idt;
    Kernels::gemm(Gemm<T>{rows, p.ld_out, p.layer.nin, x, p.ld_in, 1,
                          p.w, p.ld_out, y, p.ld_out, false});
    Kernels::activate(Activate<T>{n, p.ld_out, p.layer.activation, p.b, p.idt, y,
                                  tangent ? y + half : nullptr, save ? work + s.d1 : nullptr,
                                  save ? work + s.d2_zd : nullptr, save_f ? work + s.f : nullptr,
                                  save_f ? work + s.f + half : nullptr});
    for (int k = 0; k < p.layer.skips(); ++k)
      Kernels::add_columns(AddColumns<T>{rows, p.layer.nin, x, p.ld_in, y + k * p.layer.nin,
                                         p.ld_out});
  }

  /// From the gradient g of a layer's output, overwritten, to that of its input.
  void layer_backward(int l, int n, bool tangent, const T* work, T* g, T* g_in,
                      T* grad_params) const {
    const auto& p = layers_[l];
    const auto& s = space_[l];
    const int rows = tangent ? 2 * n : n;
    const int rows_in = l > 0 ? rows : n;  // the first layer's input tangent is a constant
    const int skips = p.layer.skips();
    const std::int64_t half = std::int64_t(n) * p.ld_out;
    if (g_in && skips) {
      std::fill_n(g_in, std::int64_t(rows_in) * p.ld_in, T(0));
      for (int k = 0; k < skips; ++k)
        Kernels::add_columns(AddColumns<T>{rows_in, p.layer.nin, g + k * p.layer.nin, p.ld_out,
                                           g_in, p.ld_in});
    }
    Kernels::activate_backward(ActivateBackward<T>{
        n, p.ld_out, p.idt, g, tangent ? g + half : nullptr, work + s.d1, work + s.d2_zd,
        work + s.f, work + s.f + half, grad_params ? grad_params + p.grad_b : nullptr,
        grad_params && p.idt ? grad_params + p.grad_idt : nullptr});
    if (grad_params)
      Kernels::gemm(Gemm<T>{p.layer.nin, p.ld_out, rows, input_of(l, work), 1, p.ld_in, g,
                            p.ld_out, grad_params + p.grad_w, p.ld_out, true});
    if (g_in)
      Kernels::gemm(Gemm<T>{rows_in, p.ld_in, p.layer.nout, g, p.ld_out, 1, p.w_t, p.ld_in,
                            g_in, p.ld_in, skips > 0});
  }
};

/// This thread's workspace, kept from call to call.
template <class T>
T* workspace(std::int64_t size) {
  thread_local Buffer<T> buffer;
  buffer.reserve(std::size_t(size));
  return buffer.get();
}

inline std::int64_t count_blocks(std::int64_t nedge) {
  return (nedge + block_edges - 1) / block_edges;
}

/// In how many pieces parameter gradients are summed: enough for many threads, each
/// with work for a while, and a number that depends on the sizes only.
inline std::int64_t count_pieces(std::int64_t nedge, std::int64_t most) {
  const std::int64_t pieces = std::min<std::int64_t>(count_blocks(nedge) / 4, 64);
  return std::max<std::int64_t>(1, std::min(pieces, most));
}

/// Calls visit(first, n) for the blocks begin..end of all edges.
template <class Visit>
void for_blocks(std::int64_t begin, std::int64_t end, std::int64_t nedge, const Visit& visit) {
  for (std::int64_t block = begin; block < end; ++block) {
    const std::int64_t first = block * block_edges;
    visit(first, int(std::min<std::int64_t>(block_edges, nedge - first)));
  }
}

}  // namespace embedding

/// G (nedge, nout) and, unless dg is null, its derivative along x[:, 0].
///
/// x : (nedge, nin). parallel(count, body) must call body(begin, end) for ranges
/// that make up 0..count, on any threads.
template <class T, class Parallel>
void embedding_jet(const std::vector<DenseLayer<T>>& layers, std::int64_t nedge, const T* x, T* g,
                   T* dg, const Parallel& parallel) {
  with_kernels([&](auto kernels) {
    const embedding::Net<T, decltype(kernels)> net(layers);
    const std::int64_t nin = net.nin(), nout = net.nout();
    parallel(embedding::count_blocks(nedge), [&](std::int64_t begin, std::int64_t end) {
      T* work = embedding::workspace<T>(net.workspace_size());
      embedding::for_blocks(begin, end, nedge, [&](std::int64_t first, int n) {
        embedding::copy_rows(n, int(nin), x + first * nin, nin, net.input(work), net.ld_in());
        net.run(n, work, dg != nullptr, false);
        const T* y = net.output(work);
        embedding::copy_rows(n, int(nout), y, net.ld_out(), g + first * nout, nout);
        if (dg)
          embedding::copy_rows(n, int(nout), y + std::int64_t(n) * net.ld_out(), net.ld_out(),
                               dg + first * nout, nout);
      });
    });
  });
}

/// The way back: from gg and gdg, the gradients of G and dG (null: zero), to
/// gx (nedge, nin) and grad_params, each null where it is not wanted.
///
/// grad_params holds w, b, idt of each layer in turn, what is absent left out.
/// Edges are summed in pieces that depend on their number only: the result is
/// the same, to the bit, for any number of threads.
template <class T, class Parallel>
void embedding_jet_backward(const std::vector<DenseLayer<T>>& layers, std::int64_t nedge,
                            const T* x, const T* gg, const T* gdg, T* gx, T* grad_params,
                            const Parallel& parallel) {
  with_kernels([&](auto kernels) {
    const embedding::Net<T, decltype(kernels)> net(layers);
    const std::int64_t nin = net.nin(), nout = net.nout(), size = net.padded_params();
    const std::int64_t nblocks = embedding::count_blocks(nedge);
    const std::int64_t npieces = embedding::count_pieces(nedge, nblocks);
    const auto visit = [&](std::int64_t first, int n, T* work, T* sums) {
      embedding::copy_rows(n, int(nin), x + first * nin, nin, net.input(work), net.ld_in());
      net.run(n, work, gdg != nullptr, true);
      const auto fill = [&](T* g) {
        embedding::pad_rows(n, int(nout), gg ? gg + first * nout : nullptr, g, net.ld_out());
        if (gdg)
          embedding::pad_rows(n, int(nout), gdg + first * nout,
                              g + std::int64_t(n) * net.ld_out(), net.ld_out());
      };
      const T* g = net.backward(n, work, gdg != nullptr, gx != nullptr, sums, fill);
      if (gx) embedding::copy_rows(n, int(nin), g, net.ld_in(), gx + first * nin, nin);
    };
    embedding::Buffer<T> partial(grad_params ? std::size_t(npieces * size) : 0);
    parallel(npieces, [&](std::int64_t begin, std::int64_t end) {
      T* work = embedding::workspace<T>(net.workspace_size());
      for (std::int64_t piece = begin; piece < end; ++piece) {
        T* sums = grad_params ? partial.get() + piece * size : nullptr;
        embedding::for_blocks(piece * nblocks / npieces, (piece + 1) * nblocks / npieces, nedge,
                              [&](std::int64_t first, int n) { visit(first, n, work, sums); });
      }
    });
    if (grad_params) net.collect(partial.get(), npieces, grad_params);
  });
}

/// out[r] = sum_c a[r, c] b[r, c]: what the chain rule makes of dG.
template <class T, class Parallel>
void row_dot(std::int64_t nrows, int width, const T* a, const T* b, T* out,
             const Parallel& parallel) {
  with_kernels([&](auto kernels) {
    parallel(nrows, [&](std::int64_t begin, std::int64_t end) {
      kernels.row_dot(
          RowDot<T>{end - begin, width, a + begin * width, b + begin * width, out + begin});
    });
  });
}

}  // namespace deepmd
