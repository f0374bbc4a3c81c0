// SPDX-License-Identifier: LGPL-3.0-or-later
// Which type of the model each type of LAMMPS is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deepmd_lammps {

constexpr std::int32_t no_type = -1;

// The model's type of each LAMMPS type, from 1 (the first entry stands for none).
//
// elements: one for each type, from the first, NULL for those that are no atoms of the model; types
// beyond them are none either. Empty: types by their position in the type map. Throws
// std::invalid_argument, in one line, for an element that the model does not have.
std::vector<std::int32_t> types_of_elements(const std::vector<std::string>& elements,
                                            const std::vector<std::string>& type_map, int ntypes);

// "2 3": those that are no atoms of the model although nobody said NULL.
std::string types_beyond(const std::vector<std::string>& elements,
                         const std::vector<std::string>& type_map, int ntypes);

// A sentence on two types whose masses are the other way round than their elements', which
// pair_coeff in another order than the types leaves; empty where there are none.
//
// mass: [g/mol], of each LAMMPS type, from 1; null where types have none.
std::string exchanged_masses(const std::vector<std::int32_t>& types,
                             const std::vector<std::string>& type_map, const double* mass);

}  // namespace deepmd_lammps
