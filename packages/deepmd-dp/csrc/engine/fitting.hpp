// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A fitting net of a block of atoms, and its derivative.
#pragma once

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

template <class T>
class FittingNet {
 public:
  FittingNet(const Net& net, const InputColumns& columns, const Kernels<T>& kernels);

  std::int64_t nout() const { return layers_.back().nout; }
  /// Distance of two atoms' results.
  std::int64_t ld() const { return layers_.back().w.forward.padded; }
  /// Distance of two atoms' gradients of the input.
  std::int64_t ld_input() const { return layers_.front().w.backward.padded; }

  /// Results (n, ld()) of inputs (n, ldx); they stay in `work`.
  const T* forward(std::int64_t n, const T* x, std::int64_t ldx, FittingWork<T>& work) const;

  /// The gradient of the inputs (n, ld_input()) from that of the results, by (n, ld()).
  T* backward(std::int64_t n, const T* by, FittingWork<T>& work) const;

 private:
  struct PackedLayer {
    std::int64_t nin, nout;
    MatrixPair<T> w, skip;  // skip, of a first layer: what it passes on of its input
    std::vector<T> b, idt;  // (padded) or empty
    Activation activation;
    int skips = 0;  // how often the input is added side by side, where it is that of another layer
  };

  void activate(const PackedLayer& layer, std::int64_t n, T* y, T* slope) const;
  void pass_back(const PackedLayer& layer, std::int64_t n, std::vector<T>& by, const T* slope,
                 std::vector<T>& result) const;

  const Kernels<T>& kernels_;
  std::vector<PackedLayer> layers_;
};

}  // namespace deepmd::engine
