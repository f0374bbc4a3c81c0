// SPDX-License-Identifier: LGPL-3.0-or-later
#include "wide_ghosts.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace deepmd_lammps {
namespace {

// The box around some atoms.
struct Bounds {
  double low[3], high[3];

  Bounds(const double* coord, std::int64_t natoms) {
    std::fill_n(low, 3, std::numeric_limits<double>::max());
    std::fill_n(high, 3, std::numeric_limits<double>::lowest());
    for (std::int64_t i = 0; i < natoms; ++i)
      for (int axis = 0; axis < 3; ++axis) {
        low[axis] = std::min(low[axis], coord[3 * i + axis]);
        high[axis] = std::max(high[axis], coord[3 * i + axis]);
      }
  }

  double squared_distance(const double* r) const {
    double squared = 0;
    for (int axis = 0; axis < 3; ++axis) {
      const double outside = std::max({low[axis] - r[axis], r[axis] - high[axis], 0.0});
      squared += outside * outside;
    }
    return squared;
  }
};

}  // namespace

void WideGhosts::arrange(deepmd_atoms& atoms, double reach) {
  order_atoms(atoms, reach);
  coord_.assign(atoms.coord, atoms.coord + 3 * atoms.nall);
  arrange(coord_, 3);
  type_.resize(atoms.nall);
  id_.resize(atoms.nall);
  for (std::int64_t k = 0; k < atoms.nall; ++k) {
    type_[k] = atoms.type[order_[k]];
    id_[k] = atoms.id[order_[k]];  // models that pass messages need them
  }
  arrange_lists(atoms);
  atoms.nloc = nnear_;
  atoms.coord = coord_.data();
  atoms.type = type_.data();
  atoms.id = id_.data();
  atoms.ncenter = static_cast<std::int64_t>(center_.size());
  atoms.center = center_.data();
  atoms.nneighbor = nneighbor_.data();
  atoms.neighbor = neighbor_.data();
  atoms.index_mask = -1;
}

void WideGhosts::order_atoms(const deepmd_atoms& atoms, double reach) {
  const Bounds own(atoms.coord, atoms.nowned);
  order_.resize(atoms.nall);
  std::iota(order_.begin(), order_.end(), 0);
  const auto near_end =
      std::stable_partition(order_.begin() + atoms.nowned, order_.end(), [&](std::int64_t i) {
        return atoms.nowned > 0 && own.squared_distance(atoms.coord + 3 * i) <= reach * reach;
      });
  nnear_ = near_end - order_.begin();
  place_.resize(atoms.nall);
  for (std::int64_t k = 0; k < atoms.nall; ++k) place_[order_[k]] = static_cast<std::int32_t>(k);
}

void WideGhosts::arrange_lists(const deepmd_atoms& atoms) {
  center_.clear();
  index_.clear();
  nneighbor_.assign(nnear_, 0);
  neighbor_.assign(nnear_, nullptr);
  for (std::int64_t c = 0; c < atoms.ncenter; ++c) {
    const std::int32_t i = atoms.center[c], place = place_[i];
    if (place >= nnear_) continue;
    center_.push_back(place);
    nneighbor_[place] = atoms.nneighbor[i];
    for (std::int32_t k = 0; k < atoms.nneighbor[i]; ++k)
      index_.push_back(place_[atoms.neighbor[i][k] & atoms.index_mask]);
  }
  const std::int32_t* next = index_.data();
  for (const std::int32_t place : center_) {
    neighbor_[place] = next;
    next += nneighbor_[place];
  }
}

void WideGhosts::arrange(std::vector<double>& rows, int width) const {
  std::vector<double> arranged(rows.size());
  for (std::size_t k = 0; k < order_.size(); ++k)
    std::copy_n(rows.data() + order_[k] * width, width, arranged.data() + k * width);
  rows.swap(arranged);
}

void WideGhosts::restore(std::vector<double>& rows, int width) const {
  std::vector<double> restored(rows.size());
  for (std::size_t k = 0; k < order_.size(); ++k)
    std::copy_n(rows.data() + k * width, width, restored.data() + order_[k] * width);
  rows.swap(restored);
}

}  // namespace deepmd_lammps
