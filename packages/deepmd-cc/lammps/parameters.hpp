// SPDX-License-Identifier: LGPL-3.0-or-later
// Parameters of the frame and of the atoms, from the input or from LAMMPS's computes and fixes.
#pragma once

#include <vector>

#include "pair_options.hpp"
#include "pointers.h"

namespace LAMMPS_NS {
class Compute;
class Fix;
}  // namespace LAMMPS_NS

namespace deepmd_lammps {

class Parameters : protected LAMMPS_NS::Pointers {
 public:
  explicit Parameters(LAMMPS_NS::LAMMPS* lmp) : Pointers(lmp) {}

  // Where they come from and how many the model takes. Throws std::invalid_argument, in one line,
  // where numbers given in the input are not as many.
  void configure(const PairOptions& options, int dim_fparam, int dim_aparam, bool has_default);

  // Looks up the compute or fix. Throws std::invalid_argument where it does not give what is
  // needed.
  void find_sources();

  int dim_aparam() const { return dim_aparam_; }

  // (dim_fparam); nullptr: the model takes none, or its default.
  const double* fparam();

  // (nlocal, dim_aparam); with room for the ghosts.
  std::vector<double>& aparam();

 private:
  ParameterSource fparam_source_, aparam_source_;
  int dim_fparam_ = 0, dim_aparam_ = 0;
  LAMMPS_NS::Compute* fparam_compute_ = nullptr;
  LAMMPS_NS::Fix* fparam_fix_ = nullptr;
  LAMMPS_NS::Compute* aparam_compute_ = nullptr;
  std::vector<double> fparam_, aparam_;
};

}  // namespace deepmd_lammps
