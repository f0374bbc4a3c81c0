// SPDX-License-Identifier: LGPL-3.0-or-later
// Whether atoms are what a model takes.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>

#include "deepmd/backend_plugin.h"
#include "record.hpp"

namespace deepmd {

inline void check_parameters(const deepmd_atoms& atoms, const Record& record) {
  if (record.dim_fparam > 0 && atoms.fparam == nullptr && !record.has_default_fparam)
    throw std::invalid_argument("the model needs fparam of " + std::to_string(record.dim_fparam) +
                                " numbers; give it.");
  if (record.dim_aparam > 0 && atoms.aparam == nullptr)
    throw std::invalid_argument("the model needs aparam of " + std::to_string(record.dim_aparam) +
                                " numbers an atom; give it.");
}

// Throws std::invalid_argument, in one line.
inline void check_atoms(const deepmd_atoms& atoms, const Record& record) {
  if (atoms.nloc < 0 || atoms.nall < atoms.nloc || atoms.nowned > atoms.nloc)
    throw std::invalid_argument("numbers of atoms are " + std::to_string(atoms.nowned) +
                                " owned, " + std::to_string(atoms.nloc) + " local and " +
                                std::to_string(atoms.nall) + " in all; expected them to grow.");
  for (std::int64_t i = 0; i < atoms.nall; ++i) {
    if (atoms.type[i] >= record.ntypes())
      throw std::invalid_argument("atom " + std::to_string(i) + " has type " +
                                  std::to_string(atoms.type[i]) + ", but the model has " +
                                  std::to_string(record.ntypes()) + " types, from 0.");
    const double* r = atoms.coord + 3 * i;
    if (!std::isfinite(r[0]) || !std::isfinite(r[1]) || !std::isfinite(r[2]))
      throw std::invalid_argument("the coordinates of atom " + std::to_string(i) +
                                  " are not finite; the simulation has blown up before.");
  }
  check_parameters(atoms, record);
  if (record.is_message_passing && atoms.mapping == nullptr && atoms.nall > atoms.nloc)
    throw std::invalid_argument(
        "the model passes messages between atoms: it needs to know of which local atom each ghost "
        "is an image (mapping).");
}

}  // namespace deepmd
