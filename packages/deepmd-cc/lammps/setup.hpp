// SPDX-License-Identifier: LGPL-3.0-or-later
// LAMMPS's set-up as models need it: units, and neighbor lists that are whole.
#pragma once

#include <cstdint>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace deepmd_lammps {

// An eV in LAMMPS's unit of energy; lengths are Å. Throws std::invalid_argument, in one line, for
// units other than metal and real.
double energy_unit(LAMMPS_NS::LAMMPS* lmp);

// Throws std::runtime_error, in one line with what to write, where neighbors that the model needs
// are left out of the lists: forces would be wrong without a sign of it. types: of LAMMPS's type
// the model's, negative where there is none.
void check_neighbor_list(LAMMPS_NS::LAMMPS* lmp, const std::vector<std::int32_t>& types);

// Bits of the groups in which fixes like gcmc put atoms that are not there in a trial, by leaving
// them out of the neighbor lists.
int bits_of_absent_atoms(LAMMPS_NS::LAMMPS* lmp);

}  // namespace deepmd_lammps
