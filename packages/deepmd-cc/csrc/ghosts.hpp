// SPDX-License-Identifier: LGPL-3.0-or-later
// A frame with a cell as the atoms of an MD program: the images within the cut-off become ghosts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "deepmd/model.h"
#include "deepmd/neighbor_list.hpp"
#include "model.hpp"
#include "result_rows.hpp"

namespace deepmd {

class GhostFrame {
 public:
  // Throws std::invalid_argument for coordinates that are not finite or a flat cell.
  GhostFrame(const deepmd_frame& frame, double rcut, int nthreads)
      : coord_(frame.coord, frame.coord + 3 * frame.natoms),
        type_(frame.type, frame.type + frame.natoms),
        center_(frame.natoms),
        nneighbor_(frame.natoms),
        neighbor_(frame.natoms),
        mapping_(frame.natoms) {
    const bool periodic = frame.cell != nullptr;
    const Cell cell(frame.cell, Flags3{periodic, periodic, periodic});
    NeighborPairs pairs = build_neighbor_pairs(frame.coord, frame.natoms, cell, frame.type,
                                               {rcut, false, {}, std::max(nthreads, 1)});
    std::iota(center_.begin(), center_.end(), 0);
    std::iota(mapping_.begin(), mapping_.end(), 0);
    add_ghosts(frame, cell, pairs);
    index_ = std::move(pairs.index);
    for (std::int64_t i = 0; i < frame.natoms; ++i) {
      neighbor_[i] = index_.data() + pairs.first[i];
      nneighbor_[i] = static_cast<std::int32_t>(pairs.first[i + 1] - pairs.first[i]);
    }
    atoms_.nloc = atoms_.nowned = atoms_.ncenter = frame.natoms;
    atoms_.nall = static_cast<std::int64_t>(type_.size());
    atoms_.coord = coord_.data();
    atoms_.type = type_.data();
    atoms_.mapping = mapping_.data();
    atoms_.center = center_.data();
    atoms_.nneighbor = nneighbor_.data();
    atoms_.neighbor = neighbor_.data();
    atoms_.index_mask = -1;
    // with deepmd-kit the type of empty slots is that of the first atom
    atoms_.empty_type = frame.natoms > 0 ? std::max(frame.type[0], 0) : 0;
    atoms_.fparam = frame.fparam;
    atoms_.aparam = frame.aparam;
  }

  GhostFrame(const GhostFrame&) = delete;
  GhostFrame& operator=(const GhostFrame&) = delete;

  // Valid while this object and the frame are.
  const deepmd_atoms& atoms() const { return atoms_; }

  // Hands on a result of all atoms after adding what belongs to images to the atoms.
  void take_folded(const deepmd_array& result, const Take& take) const {
    take_rows(result, atoms_.nloc, [&](std::int64_t atom) { return mapping_[atom]; }, take);
  }

 private:
  void add_ghosts(const deepmd_frame& frame, const Cell& cell, NeighborPairs& pairs) {
    std::map<Image, std::vector<std::int32_t>> ghosts;  // there are few images, of many atoms each
    for (std::size_t k = 0; k < pairs.index.size(); ++k) {
      const Image& image = pairs.shift[k];
      if (image == Image{0, 0, 0}) continue;
      const std::int32_t atom = pairs.index[k];
      std::vector<std::int32_t>& of_image = ghosts[image];
      of_image.resize(frame.natoms, -1);
      std::int32_t& ghost = of_image[atom];
      const bool is_new = ghost < 0;
      if (is_new) ghost = static_cast<std::int32_t>(type_.size());
      pairs.index[k] = ghost;
      if (!is_new) continue;
      const Vec3 t = cell.translation(image);
      for (int axis = 0; axis < 3; ++axis) coord_.push_back(frame.coord[3 * atom + axis] + t[axis]);
      type_.push_back(frame.type[atom]);
      mapping_.push_back(atom);
    }
  }

  std::vector<double> coord_;
  std::vector<std::int32_t> type_, center_, nneighbor_, index_;
  std::vector<const std::int32_t*> neighbor_;
  std::vector<std::int64_t> mapping_;
  deepmd_atoms atoms_{};
};

}  // namespace deepmd
