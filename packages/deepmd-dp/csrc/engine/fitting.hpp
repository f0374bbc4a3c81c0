// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A fitting net of a block of atoms, and its derivative.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels.hpp"
#include "model_spec.hpp"

namespace deepmd::engine {

/// Which columns of a net's input each of ours stands for; see `Descriptor::columns`.
using InputColumns = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// What a thread keeps between the ways to and fro.
template <class T>
struct FittingWork {
  std::vector<std::vector<T>> values, slopes;  // of each layer, (size, padded width)
  std::vector<T> by_value, by_input;           // gradients of a layer's result and input
};

/// Rows of w (nin, nout) for our columns; a column that stands for two has their sum.
inline std::vector<double> rows_for(const InputColumns& columns, std::int64_t nout,
                                    const std::vector<double>& w) {
  std::vector<double> result;
  for (const auto& [first, second] : columns)
    for (std::int64_t j = 0; j < nout; ++j) {
      const double more = second >= 0 ? w[second * nout + j] : 0.0;
      result.push_back(w[first * nout + j] + more);
    }
  return result;
}

/// x or (x, x) as a product of x.
inline std::vector<double> skip_matrix(const Layer& layer) {
  std::vector<double> matrix(layer.nin * layer.nout, 0.0);
  for (int copy = 0; copy < layer.skips(); ++copy)
    for (std::int64_t k = 0; k < layer.nin; ++k)
      matrix[k * layer.nout + copy * layer.nin + k] = 1.0;
  return matrix;
}

template <class T>
std::vector<T> padded_row(const std::vector<double>& row, std::int64_t size) {
  std::vector<T> result(row.begin(), row.end());
  if (!row.empty()) result.resize(size, T(0));
  return result;
}

template <class T>
class FittingNet {
 public:
  FittingNet(const Net& net, const InputColumns& columns, const Kernels<T>& kernels)
      : kernels_(kernels) {
    for (const Layer& layer : net.layers) {
      const bool is_first = layers_.empty();
      PackedLayer own;
      own.nin = is_first ? std::int64_t(columns.size()) : layer.nin;
      own.nout = layer.nout;
      const auto packed = [&](const std::vector<double>& w) {
        return pack(kernels, own.nin, own.nout, is_first ? rows_for(columns, own.nout, w) : w);
      };
      own.w = packed(layer.w);
      if (is_first && layer.skips() > 0)
        own.skip = packed(skip_matrix(layer));
      else
        own.skips = layer.skips();
      own.b = padded_row<T>(layer.b, own.w.forward.padded);
      own.idt = padded_row<T>(layer.idt, own.w.forward.padded);
      own.activation = layer.activation;
      layers_.push_back(std::move(own));
    }
  }

  std::int64_t nout() const { return layers_.back().nout; }
  /// Distance of two atoms' results.
  std::int64_t ld() const { return layers_.back().w.forward.padded; }
  /// Distance of two atoms' gradients of the input.
  std::int64_t ld_input() const { return layers_.front().w.backward.padded; }

  /// Results (n, ld()) of inputs (n, ldx); they stay in `work`.
  const T* forward(std::int64_t n, const T* x, std::int64_t ldx, FittingWork<T>& work) const {
    work.values.resize(layers_.size()), work.slopes.resize(layers_.size());
    for (std::size_t k = 0; k < layers_.size(); ++k) {
      const PackedLayer& layer = layers_[k];
      const std::int64_t ld = layer.w.forward.padded;
      auto& y = work.values[k];
      const bool has_bias = !layer.b.empty();
      y.resize(n * ld), work.slopes[k].resize(y.size());
      for (std::int64_t i = 0; i < n && has_bias; ++i) std::copy_n(layer.b.data(), ld, &y[i * ld]);
      kernels_.product(n, x, ldx, layer.w.forward, y.data(), ld, has_bias);
      activate(layer, n, y.data(), work.slopes[k].data());
      if (layer.skip.forward.rows > 0)
        kernels_.product(n, x, ldx, layer.skip.forward, y.data(), ld, true);
      for (int copy = 0; copy < layer.skips; ++copy)
        for (std::int64_t i = 0; i < n; ++i)
          for (std::int64_t j = 0; j < layer.nin; ++j)
            y[i * ld + copy * layer.nin + j] += x[i * ldx + j];
      x = y.data(), ldx = ld;
    }
    return x;
  }

  /// The gradient of the inputs (n, ld_input()) from that of the results, by (n, ld()).
  T* backward(std::int64_t n, const T* by, FittingWork<T>& work) const {
    work.by_value.assign(by, by + n * ld());
    for (std::size_t k = layers_.size(); k-- > 0;) {
      // both are padded to whole vectors, so that a layer's input is the one before it's result
      pass_back(layers_[k], n, work.by_value, work.slopes[k].data(), work.by_input);
      work.by_value.swap(work.by_input);
    }
    return work.by_value.data();
  }

 private:
  struct PackedLayer {
    std::int64_t nin, nout;
    MatrixPair<T> w, skip;  // skip, of a first layer: what it passes on of its input
    std::vector<T> b, idt;  // (padded) or empty
    Activation activation;
    int skips = 0;  // how often the input is added side by side, where it is that of another layer
  };

  void activate(const PackedLayer& layer, std::int64_t n, T* y, T* slope) const {
    const std::int64_t ld = layer.w.forward.padded;
    if (layer.activation.function == Function::linear)
      std::fill_n(slope, n * ld, T(1));
    else
      kernels_.activate(layer.activation, n * ld, y, y, slope);
    if (layer.idt.empty()) return;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < ld; ++j) {
        y[i * ld + j] *= layer.idt[j];
        slope[i * ld + j] *= layer.idt[j];
      }
  }

  /// The gradient of a layer's input, in `result` (n, backward.padded).
  void pass_back(const PackedLayer& layer, std::int64_t n, std::vector<T>& by, const T* slope,
                 std::vector<T>& result) const {
    const std::int64_t ld = layer.w.forward.padded, ldr = layer.w.backward.padded;
    const bool has_skip = layer.skips > 0 || layer.skip.forward.rows > 0;
    result.resize(n * ldr);
    if (has_skip) std::fill(result.begin(), result.end(), T(0));
    for (int copy = 0; copy < layer.skips; ++copy)
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < layer.nin; ++j)
          result[i * ldr + j] += by[i * ld + copy * layer.nin + j];
    if (layer.skip.forward.rows > 0)
      kernels_.product(n, by.data(), ld, layer.skip.backward, result.data(), ldr, true);
    for (std::int64_t k = 0; k < n * ld; ++k) by[k] *= slope[k];
    kernels_.product(n, by.data(), ld, layer.w.backward, result.data(), ldr, has_skip);
  }

  const Kernels<T>& kernels_;
  std::vector<PackedLayer> layers_;
};

}  // namespace deepmd::engine
