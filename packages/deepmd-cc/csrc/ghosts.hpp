// SPDX-License-Identifier: LGPL-3.0-or-later
// A frame with a cell as the atoms of an MD program: the images within the cut-off become ghosts.
#pragma once

#include <cstdint>
#include <vector>

#include "deepmd/model.h"
#include "deepmd/neighbor_list.hpp"
#include "model.hpp"

namespace deepmd {

class GhostFrame {
 public:
  // Throws std::invalid_argument for coordinates that are not finite or a flat cell.
  GhostFrame(const deepmd_frame& frame, double rcut, int nthreads);
  GhostFrame(const GhostFrame&) = delete;
  GhostFrame& operator=(const GhostFrame&) = delete;

  // Valid while this object and the frame are.
  const deepmd_atoms& atoms() const { return atoms_; }

  // Hands on a result of all atoms after adding what belongs to images to the atoms.
  void take_folded(const deepmd_array& result, const Take& take) const;

 private:
  void add_ghosts(const deepmd_frame& frame, const Cell& cell, NeighborPairs& pairs);

  std::vector<double> coord_;
  std::vector<std::int32_t> type_, center_, nneighbor_, index_;
  std::vector<const std::int32_t*> neighbor_;
  std::vector<std::int64_t> mapping_;
  deepmd_atoms atoms_{};
};

}  // namespace deepmd
