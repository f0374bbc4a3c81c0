// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A descriptor's embedding as matrices: for centres of a type the moments of the embedded neighbors
// are A C. A (columns, segments * Q) are sums of functions of an edge, Chebyshev polynomials or the
// nets themselves; C holds the nets' parameters.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "chebyshev_fit.hpp"
#include "kernels.hpp"
#include "model_spec.hpp"

namespace deepmd::engine {

/// C for centres of each type, of neighbors of the types that are present.
template <class T>
struct EmbeddingMatrices {
  std::vector<std::int32_t> segment_of;  // by type: its sum
  std::int64_t nsegments = 0;
  EdgeSettings settings;
  std::map<std::int32_t, MatrixPair<T>> c;  // by centre's type
  bool are_nets = false;                    // no few polynomials represent them

  /// `plain`: keep the nets in any case.
  static EmbeddingMatrices make(const DescriptorSpec& spec, const Kernels<T>& kernels,
                                const std::vector<std::int32_t>& present, bool plain);
};

/// What is added to the moments for slots without a neighbor, and for neighbors left out.
class ConstantMoments {
 public:
  explicit ConstantMoments(const DescriptorSpec& spec);

  /// Adds them to the moments m (columns, ldm) of an atom.
  template <class T>
  void add(const DescriptorSpec& spec, std::int32_t center, std::int32_t empty_type,
           const std::int32_t* occupied, const std::int32_t* left_out, T* m,
           std::int64_t ldm) const;

 private:
  using Moments = std::vector<double>;  // (columns, width)
  Moments of_slot(const DescriptorSpec& spec, std::int64_t center, std::int64_t neighbor,
                  std::int64_t slot) const;

  bool are_zero_ = true;
  // by centre and type of the section, or of empty slots: where slots differ the sum of the slots
  // from each on, else that of one slot
  std::vector<std::vector<Moments>> empty_;
  std::vector<Moments> left_out_;  // by centre and neighbor; empty where there are none
};

}  // namespace deepmd::engine
