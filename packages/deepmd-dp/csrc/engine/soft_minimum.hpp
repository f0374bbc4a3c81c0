// SPDX-License-Identifier: LGPL-3.0-or-later
//
// How much a table of pairs counts beside a net, by the distance of an atom's nearest neighbor as a
// soft minimum: deepmd_dp/model/zbl.py (Wang et al., Appl. Phys. Lett. 114, 244101 (2019), eqs.
// 3-5).
#pragma once

#include <vector>

#include "frame.hpp"
#include "model_spec.hpp"

namespace deepmd::engine {

/// Weights of a block's atoms, by one thread.
class SoftMinimum {
 public:
  /// The table's weights (size).
  void compute(const Frame& frame, const Block& block, const NearSpec& spec,
               const std::vector<char>& excluded_of_model, double* weights);

  /// Adds the derivatives of the atoms' weights times factors (size).
  void derive(const Block& block, const double* factors, const Derivatives& out) {
    edges_.scatter_radial(block, slope_, factors, out);
  }

 private:
  BlockEdges edges_;
  std::vector<double> distance_, term_;  // of an atom's edges
  std::vector<double> slope_;            // of the weight by an edge's distance, over the distance
};

}  // namespace deepmd::engine
