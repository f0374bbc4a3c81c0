// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Some of the atoms of an MD program in an order of their own, with the atoms of their neighbor
// lists: all that the local ones' outputs depend on where a model passes no messages.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "deepmd/backend_plugin.h"

namespace deepmd {

class AtomPart {
 public:
  /// `local`: which of all atoms are local here, those owned there first; neighbors that are not
  /// among them become ghosts. Parameters are given of all that are local.
  AtomPart(const deepmd_atoms& all, std::vector<std::int64_t> local, std::int64_t dim_aparam)
      : order_(std::move(local)), nneighbor_(order_.size()), neighbor_(order_.size()), atoms_(all) {
    atoms_.nloc = order_.size();
    atoms_.nowned = std::count_if(order_.begin(), order_.end(),
                                  [&](std::int64_t atom) { return atom < all.nowned; });
    if (all.aparam != nullptr) take_rows(all.aparam, dim_aparam, aparam_, atoms_.aparam);
    add_neighbors(all);
    atoms_.nall = order_.size();
    take_rows(all.coord, 3, coord_, atoms_.coord);
    take_rows(all.type, 1, type_, atoms_.type);
    if (all.id != nullptr) take_rows(all.id, 1, id_, atoms_.id);
    atoms_.mapping = nullptr;
    atoms_.ncenter = center_.size();
    atoms_.center = center_.data();
    atoms_.nneighbor = nneighbor_.data();
    atoms_.neighbor = neighbor_.data();
    atoms_.index_mask = -1;
  }
  AtomPart(const AtomPart&) = delete;
  AtomPart& operator=(const AtomPart&) = delete;

  /// Valid while this object and the parameters of the frame are.
  const deepmd_atoms& atoms() const { return atoms_; }
  /// The atom of all that each of the part's is.
  const std::vector<std::int64_t>& order() const { return order_; }

 private:
  /// Those of the part's atoms, of all atoms' rows.
  template <class T>
  void take_rows(const T* rows, std::int64_t width, std::vector<T>& own, const T*& place) const {
    for (const std::int64_t atom : order_)
      own.insert(own.end(), rows + atom * width, rows + (atom + 1) * width);
    place = own.data();
  }

  /// Neighbors by the part's numbers; those that are not in it yet are added.
  void add_neighbors(const deepmd_atoms& all) {
    std::vector<std::int32_t> place(all.nall, -1);
    for (std::int32_t i = 0; i < atoms_.nloc; ++i) place[order_[i]] = i;
    for (std::int64_t c = 0; c < all.ncenter; ++c) {
      const std::int32_t atom = all.center[c], i = place[atom];
      if (i < 0 || i >= atoms_.nloc) continue;
      center_.push_back(i);
      nneighbor_[i] = all.nneighbor[atom];
      for (std::int32_t k = 0; k < nneighbor_[i]; ++k) {
        const std::int32_t j = all.neighbor[atom][k] & all.index_mask;
        if (place[j] < 0) {
          place[j] = static_cast<std::int32_t>(order_.size());
          order_.push_back(j);
        }
        index_.push_back(place[j]);
      }
    }
    const std::int32_t* next = index_.data();
    for (const std::int32_t i : center_) {
      neighbor_[i] = next;
      next += nneighbor_[i];
    }
  }

  std::vector<std::int64_t> order_, id_;
  std::vector<double> coord_, aparam_;
  std::vector<std::int32_t> type_, center_, nneighbor_, index_;
  std::vector<const std::int32_t*> neighbor_;
  deepmd_atoms atoms_;
};

}  // namespace deepmd
