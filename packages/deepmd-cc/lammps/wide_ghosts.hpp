// SPDX-License-Identifier: LGPL-3.0-or-later
// Ghosts of a model that passes messages, on several ranks: those that messages reach an own atom
// from are computed like local atoms whose outputs do not count.
#pragma once

#include <cstdint>
#include <vector>

#include "deepmd/model.h"

namespace deepmd_lammps {

class WideGhosts {
 public:
  // Puts near ghosts behind the own atoms, the others last, and the neighbor lists accordingly; in:
  // atoms in LAMMPS's order, with lists of the ghosts too. reach: how far messages go [Å].
  void arrange(deepmd_atoms& atoms, double reach);

  // Rows of all atoms, (nall, width), from LAMMPS's order to this one, and back.
  void arrange(std::vector<double>& rows, int width) const;
  void restore(std::vector<double>& rows, int width) const;

 private:
  void order_atoms(const deepmd_atoms& atoms, double reach);
  void arrange_lists(const deepmd_atoms& atoms);

  std::int64_t nnear_ = 0;           // own atoms and near ghosts
  std::vector<std::int64_t> order_;  // atom at each place
  std::vector<std::int32_t> place_;  // of each atom
  std::vector<double> coord_;
  std::vector<std::int64_t> id_;
  std::vector<std::int32_t> type_, center_, nneighbor_, index_;
  std::vector<const std::int32_t*> neighbor_;
};

}  // namespace deepmd_lammps
