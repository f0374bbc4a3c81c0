// SPDX-License-Identifier: LGPL-3.0-or-later
#include "ghosts.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "result_rows.hpp"

namespace deepmd {

GhostFrame::GhostFrame(const deepmd_frame& frame, double rcut, int nthreads)
    : coord_(frame.coord, frame.coord + 3 * frame.natoms),
      type_(frame.type, frame.type + frame.natoms),
      center_(frame.natoms),
      nneighbor_(frame.natoms),
      neighbor_(frame.natoms),
      mapping_(frame.natoms) {
  const bool periodic = frame.cell != nullptr;
  const Cell cell(frame.cell, Flags3{periodic, periodic, periodic});
  NeighborOptions options;
  options.rcut = rcut;
  options.nthreads = std::max(nthreads, 1);
  NeighborPairs pairs = build_neighbor_pairs(frame.coord, frame.natoms, cell, frame.type, options);
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

void GhostFrame::add_ghosts(const deepmd_frame& frame, const Cell& cell, NeighborPairs& pairs) {
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

void GhostFrame::take_folded(const deepmd_array& result, const Take& take) const {
  take_rows(result, atoms_.nloc, [&](std::int64_t atom) { return mapping_[atom]; }, take);
}

}  // namespace deepmd
