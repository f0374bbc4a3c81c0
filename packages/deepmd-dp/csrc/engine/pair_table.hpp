// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Tabulated energies of pairs: E_i = 1/2 sum of E(t_i, t_j, r_ij) over the neighbors j.
#pragma once

#include <vector>

#include "block_model.hpp"

namespace deepmd::engine {

class PairTable final : public BlockModel {
 public:
  PairTable(const ModelSpec& spec, std::size_t nworkers) : BlockModel(spec), work_(nworkers) {}

 private:
  struct Work {
    BlockEdges edges;
    std::vector<double> slope;  // of half an edge's energy by the distance, over the distance
  };

  void add_values(const Frame& frame, const Block& block, Worker& worker, double* values) override;
  void add_derivatives(const Frame& frame, const Block& block, Worker& worker, int component,
                       const double* weights, const Derivatives& out) override;

  std::vector<Work> work_;
};

}  // namespace deepmd::engine
