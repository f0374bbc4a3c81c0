// SPDX-License-Identifier: LGPL-3.0-or-later
// compute deeptensor/atom: an output of each atom, such as its dipole.
#pragma once

namespace deepmd_lammps {

// For LAMMPS's register of styles.
void* new_compute_deeptensor_atom(void* lmp, int narg, char** arg);

}  // namespace deepmd_lammps
