// SPDX-License-Identifier: LGPL-3.0-or-later
#include "setup.hpp"

#include <mpi.h>

#include <stdexcept>
#include <string>

#include "atom.h"
#include "comm.h"
#include "group.h"
#include "lammps.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

namespace deepmd_lammps {

namespace utils = LAMMPS_NS::utils;

double energy_unit(LAMMPS_NS::LAMMPS* lmp) {
  const std::string units = lmp->update->unit_style;
  if (units == "metal") return 1;
  if (units == "real") return utils::get_conversion_factor(utils::ENERGY, utils::METAL2REAL);
  throw std::invalid_argument("units are " + units +
                              "; write `units metal` (eV) or `units real` (kcal/mol).");
}

namespace {

// Groups that fixes gcmc, widom and charge/regulation exclude from `all`.
bool is_of_absent_atoms(const LAMMPS_NS::LAMMPS* lmp, int exclusion) {
  const std::string name = lmp->group->names[lmp->neighbor->ex1_group[exclusion]];
  return name.rfind("Fix", 0) == 0 && name.find("exclusion_group") != std::string::npos;
}

// Whether pairs are left out that `neigh_modify exclude` names by types, molecules or groups.
bool excludes_pairs(const LAMMPS_NS::LAMMPS* lmp, const std::vector<std::int32_t>& types) {
  const LAMMPS_NS::Neighbor& neighbor = *lmp->neighbor;
  bool excludes = neighbor.nex_mol > 0;
  for (int k = 0; k < neighbor.nex_group; ++k) excludes = excludes || !is_of_absent_atoms(lmp, k);
  for (int k = 0; k < neighbor.nex_type; ++k)
    excludes = excludes || (types[neighbor.ex1_type[k]] >= 0 && types[neighbor.ex2_type[k]] >= 0);
  return excludes;
}

// Whether any atom of the model has bonded neighbors.
bool has_bonds(const LAMMPS_NS::LAMMPS* lmp, const std::vector<std::int32_t>& types) {
  const LAMMPS_NS::Atom& atom = *lmp->atom;
  int mine = atom.molecular == LAMMPS_NS::Atom::TEMPLATE, any = 0;
  if (atom.molecular == LAMMPS_NS::Atom::MOLECULAR)
    for (int i = 0; i < atom.nlocal && mine == 0; ++i)
      mine = types[atom.type[i]] >= 0 && atom.nspecial[i][2] > 0;
  MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, lmp->world);
  return any != 0;
}

}  // namespace

int bits_of_absent_atoms(LAMMPS_NS::LAMMPS* lmp) {
  int bits = 0;
  for (int k = 0; k < lmp->neighbor->nex_group; ++k)
    if (is_of_absent_atoms(lmp, k)) bits |= lmp->group->bitmask[lmp->neighbor->ex1_group[k]];
  return bits;
}

void check_neighbor_list(LAMMPS_NS::LAMMPS* lmp, const std::vector<std::int32_t>& types) {
  if (excludes_pairs(lmp, types))
    throw std::runtime_error(
        "`neigh_modify exclude` leaves out neighbors that the model needs; remove it "
        "(`neigh_modify exclude none`), and write NULL in pair_coeff for types without the model.");
  bool drops = false;
  for (int k = 1; k <= 3; ++k) drops = drops || lmp->neighbor->special_flag[k] == 0;
  if (drops && has_bonds(lmp, types))
    throw std::runtime_error(
        "bonded neighbors are left out of the neighbor lists, and the forces would be wrong; write "
        "`special_bonds lj/coul 1 1 1`.");
}

}  // namespace deepmd_lammps
