// SPDX-License-Identifier: LGPL-3.0-or-later
// pair_style deepmd: energies, forces and virials of a model, and how much several models disagree.
#pragma once

namespace deepmd_lammps {

// For LAMMPS's register of styles.
void* new_pair_deepmd(void* lmp);

}  // namespace deepmd_lammps
