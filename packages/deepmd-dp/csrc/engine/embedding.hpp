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
#include "descriptor_spec.hpp"

namespace deepmd::engine {

/// C for centres of each type, of neighbors of the types that are present. Of three-body
/// descriptors a segment is a pair of neighbors' types t <= u, those of the first t first.
template <class T>
struct EmbeddingMatrices {
  std::vector<std::int32_t> present;
  std::vector<std::int32_t> segment_of;  // by type: its sum
  std::int64_t nsegments = 0;
  EdgeSettings settings;
  std::map<std::int32_t, MatrixPair<T>> c;  // by centre's type; of three-body ones at 0, for all
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
           std::int64_t ldm) const {
    if (are_zero_) return;
    const std::int64_t width = spec.width();
    const auto add_times = [&](double factor, const Moments& moments) {
      for (std::int64_t c = 0; c < spec.columns; ++c)
        for (std::int64_t k = 0; k < width; ++k)
          m[c * ldm + k] += T(factor * moments[c * width + k]);
    };
    for (std::size_t section = 0; section < spec.sel.size(); ++section) {
      const std::int64_t type = spec.is_by_type ? std::int64_t(section) : empty_type;
      const auto& sums = empty_[center * spec.ntypes + type];
      if (spec.slots_differ)
        add_times(1.0, sums[occupied[section]]);
      else
        add_times(double(spec.sel[section] - occupied[section]), sums[0]);
    }
    for (std::int64_t t = 0; t < spec.ntypes && !left_out_.empty(); ++t)
      if (left_out[t] != 0) add_times(double(left_out[t]), left_out_[center * spec.ntypes + t]);
  }

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
