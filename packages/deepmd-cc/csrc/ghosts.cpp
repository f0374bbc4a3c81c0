// SPDX-License-Identifier: LGPL-3.0-or-later
#include "ghosts.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace deepmd {
namespace {

// The frame's type of empty slots: with deepmd-kit that of its first atom.
std::int32_t empty_type_of(const deepmd_frame& frame) {
  return frame.natoms > 0 ? std::max(frame.type[0], 0) : 0;
}

}  // namespace

GhostFrame::GhostFrame(const deepmd_frame& frame, const Record& record, int nthreads)
    : coord_(frame.coord, frame.coord + 3 * frame.natoms),
      type_(frame.type, frame.type + frame.natoms),
      center_(frame.natoms),
      nneighbor_(frame.natoms),
      neighbor_(frame.natoms),
      mapping_(frame.natoms) {
  const bool periodic = frame.cell != nullptr;
  const Cell cell(frame.cell, Flags3{periodic, periodic, periodic});
  NeighborOptions options;
  options.rcut = record.rcut;
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
  atoms_.empty_type = empty_type_of(frame);
  atoms_.fparam = frame.fparam;
  atoms_.aparam = frame.aparam;
}

void GhostFrame::add_ghosts(const deepmd_frame& frame, const Cell& cell, NeighborPairs& pairs) {
  std::map<std::pair<Image, std::int32_t>, std::int32_t> ghosts;
  for (std::size_t k = 0; k < pairs.index.size(); ++k) {
    const Image& image = pairs.shift[k];
    if (image == Image{0, 0, 0}) continue;
    const std::int32_t atom = pairs.index[k];
    const auto next = static_cast<std::int32_t>(type_.size());
    const auto [found, is_new] = ghosts.try_emplace({image, atom}, next);
    pairs.index[k] = found->second;
    if (!is_new) continue;
    const Vec3 t = cell.translation(image);
    for (int axis = 0; axis < 3; ++axis) coord_.push_back(frame.coord[3 * atom + axis] + t[axis]);
    type_.push_back(frame.type[atom]);
    mapping_.push_back(atom);
  }
}

void GhostFrame::take_folded(const deepmd_array& result, const Record& record,
                             const Take& take) const {
  const OutputSpec* output = record.output(result.name);
  const bool of_all =
      output != nullptr && (output->kind == "force" || output->kind == "atom_virial");
  if (!of_all) return take(result);
  std::vector<std::int64_t> shape(result.shape, result.shape + result.ndim);
  const std::size_t axis = shape.size() - 2;
  const std::int64_t width = shape.back(), ncomponents = axis == 1 ? shape[0] : 1;
  shape[axis] = atoms_.nloc;
  std::vector<double> folded(ncomponents * atoms_.nloc * width, 0.0);
  const auto* row = static_cast<const double*>(result.data);
  for (std::int64_t c = 0; c < ncomponents; ++c)
    for (std::int64_t i = 0; i < atoms_.nall; ++i, row += width) {
      double* to = folded.data() + (c * atoms_.nloc + mapping_[i]) * width;
      for (std::int64_t k = 0; k < width; ++k) to[k] += row[k];
    }
  deepmd_array plain = result;
  plain.shape = shape.data();
  plain.data = folded.data();
  take(plain);
}

}  // namespace deepmd
