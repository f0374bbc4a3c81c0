// SPDX-License-Identifier: LGPL-3.0-or-later
#include "checks.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "result_rows.hpp"

namespace deepmd {
namespace {

// Square of a distance below which two atoms are taken to be at the same place [Å^2], as in
// deepmd/infer/finite.py.
constexpr double kOverlapSquared = 1e-6;

// What messages call an atom; a ghost is called as the atom that it is an image of.
std::string name_of(const deepmd_atoms& atoms, std::int64_t i) {
  if (atoms.id != nullptr) return "atom " + std::to_string(atoms.id[i]);
  return "atom " + std::to_string(atoms.mapping != nullptr ? atoms.mapping[i] : i);
}

void check_numbers(const deepmd_atoms& atoms) {
  if (atoms.nloc < 0 || atoms.nall < atoms.nloc || atoms.nowned > atoms.nloc)
    throw std::invalid_argument("numbers of atoms are " + std::to_string(atoms.nowned) +
                                " owned, " + std::to_string(atoms.nloc) + " local and " +
                                std::to_string(atoms.nall) + " in all; expected them to grow.");
}

void check_types_and_places(const deepmd_atoms& atoms, std::int32_t ntypes) {
  for (std::int64_t i = 0; i < atoms.nall; ++i) {
    if (atoms.type[i] >= ntypes)
      throw std::invalid_argument(name_of(atoms, i) + " has type " + std::to_string(atoms.type[i]) +
                                  ", but the model has " + std::to_string(ntypes) +
                                  " types, from 0.");
    const double* r = atoms.coord + 3 * i;
    if (!std::isfinite(r[0]) || !std::isfinite(r[1]) || !std::isfinite(r[2]))
      throw std::invalid_argument("the coordinates of " + name_of(atoms, i) +
                                  " are not finite; the simulation has blown up before.");
  }
}

void check_neighbors(const deepmd_atoms& atoms) {
  for (std::int64_t k = 0; k < atoms.ncenter; ++k) {
    const std::int32_t i = atoms.center[k];
    if (i < 0 || i >= atoms.nloc)
      throw std::invalid_argument("atom " + std::to_string(i) + " has neighbors but is not local.");
    for (std::int32_t n = 0; n < atoms.nneighbor[i]; ++n) {
      const std::int64_t j = atoms.neighbor[i][n] & atoms.index_mask;
      if (j < 0 || j >= atoms.nall)
        throw std::invalid_argument(name_of(atoms, i) + " has the neighbor " + std::to_string(j) +
                                    ", of " + std::to_string(atoms.nall) + " atoms.");
    }
  }
}

// Models that pass messages take the features of ghosts from local atoms.
void check_mapping(const deepmd_atoms& atoms) {
  if (atoms.mapping == nullptr && atoms.nall > atoms.nloc)
    throw std::invalid_argument(
        "the model passes messages between atoms: it needs to know of which local atom each ghost "
        "is an image (mapping).");
  for (std::int64_t i = atoms.nloc; i < atoms.nall; ++i)
    if (atoms.nloc > 0 && (atoms.mapping[i] < 0 || atoms.mapping[i] >= atoms.nloc))
      throw std::invalid_argument("the mapping of atom " + std::to_string(i) + " is " +
                                  std::to_string(atoms.mapping[i]) + ", of " +
                                  std::to_string(atoms.nloc) + " local atoms.");
}

void check_parameters(const deepmd_atoms& atoms, const Record& record) {
  if (atoms.empty_type < 0 || atoms.empty_type >= record.ntypes())
    throw std::invalid_argument("empty_type is " + std::to_string(atoms.empty_type) +
                                "; expected a type of the model.");
  if (record.dim_fparam > 0 && atoms.fparam == nullptr)
    throw std::invalid_argument("the model needs fparam of " + std::to_string(record.dim_fparam) +
                                " numbers; give it.");
  if (record.dim_aparam > 0 && atoms.aparam == nullptr)
    throw std::invalid_argument("the model needs aparam of " + std::to_string(record.dim_aparam) +
                                " numbers an atom; give it.");
  if (record.takes_charge_spin && record.charge_spin.empty())
    throw std::invalid_argument("the model needs charge_spin of 2 numbers; give it.");
}

// "atom 3 and atom 5" of the first neighbors at the same place; empty where there are none.
std::string overlapping_pair(const deepmd_atoms& atoms) {
  for (std::int64_t k = 0; k < atoms.ncenter; ++k) {
    const std::int32_t i = atoms.center[k];
    for (std::int32_t n = 0; n < atoms.nneighbor[i]; ++n) {
      const std::int64_t j = atoms.neighbor[i][n] & atoms.index_mask;
      double squared = 0;
      for (int axis = 0; axis < 3; ++axis)
        squared += std::pow(atoms.coord[3 * j + axis] - atoms.coord[3 * i + axis], 2);
      if (squared < kOverlapSquared && atoms.type[i] >= 0 && atoms.type[j] >= 0)
        return name_of(atoms, i) + " and " + name_of(atoms, j);
    }
  }
  return "";
}

}  // namespace

void check_atoms(const deepmd_atoms& atoms, const Record& record) {
  check_numbers(atoms);
  check_types_and_places(atoms, record.ntypes());
  check_neighbors(atoms);
  check_parameters(atoms, record);
  if (record.is_message_passing) check_mapping(atoms);
}

bool is_finite(const deepmd_array& result) {
  const auto* numbers = static_cast<const double*>(result.data);
  return std::all_of(numbers, numbers + size_of(result.shape, result.ndim),
                     [](double number) { return std::isfinite(number); });
}

void refuse_result(const std::string& name, const deepmd_atoms& atoms) {
  const std::string pair = overlapping_pair(atoms);
  throw std::runtime_error(
      "the model's " + name + " is not finite; " +
      (pair.empty() ? "no two atoms are at the same place, so look at the coordinates and at the "
                      "model's parameters."
                    : pair + " are at the same place; move one."));
}

}  // namespace deepmd
