// SPDX-License-Identifier: LGPL-3.0-or-later
// How much several models disagree, in the file that deepmd-kit writes and dpgen reads.
#pragma once

#include <array>
#include <fstream>
#include <vector>

#include "pair_options.hpp"
#include "pointers.h"

namespace deepmd_lammps {

using Virial = std::array<double, 9>;

class ModelDeviation : protected LAMMPS_NS::Pointers {
 public:
  // Opens the file on the first rank, with its header; a run that goes on from a restart file goes
  // on in the same file. Throws std::runtime_error where it can't be opened.
  ModelDeviation(LAMMPS_NS::LAMMPS* lmp, const PairOptions& options);

  // A line for this step; called by all ranks. Of each model the forces (nlocal, 3) and this rank's
  // part of the virial, in LAMMPS's units.
  void write(const std::vector<const double*>& forces, const std::vector<Virial>& virials);

 private:
  PairOptions options_;
  std::ofstream file_;
};

}  // namespace deepmd_lammps
