// SPDX-License-Identifier: LGPL-3.0-or-later
#include "elements.hpp"

#include <algorithm>
#include <stdexcept>

#include "deepmd/record.hpp"

namespace deepmd_lammps {

using deepmd::joined;

namespace {

// By their numbers, from 1.
const std::string symbols =
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy "
    "Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf "
    "Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og ";

// 0: it is no element.
int number_of(const std::string& symbol) {
  const auto found = (" " + symbols).find(" " + symbol + " ");
  if (found == std::string::npos) return 0;
  return 1 + static_cast<int>(std::count(symbols.begin(), symbols.begin() + found, ' '));
}

// Neighbors in the periodic table may have exchanged masses (Ar and K), and isotopes others.
constexpr double clearly = 1.5;

}  // namespace

std::vector<std::int32_t> types_of_elements(const std::vector<std::string>& elements,
                                            const std::vector<std::string>& type_map, int ntypes) {
  if (static_cast<int>(elements.size()) > ntypes)
    throw std::invalid_argument(std::to_string(elements.size()) + " elements (" + joined(elements) +
                                ") for " + std::to_string(ntypes) +
                                " types of atoms; give one for each type.");
  const std::vector<std::string>& names = elements.empty() ? type_map : elements;
  std::vector<std::int32_t> types(ntypes + 1, no_type);
  for (int type = 1; type <= ntypes && type <= static_cast<int>(names.size()); ++type) {
    const std::string& name = names[type - 1];
    const auto found = std::find(type_map.begin(), type_map.end(), name);
    if (found != type_map.end())
      types[type] = static_cast<std::int32_t>(found - type_map.begin());
    else if (name != "NULL")
      throw std::invalid_argument("element " + name + " of type " + std::to_string(type) +
                                  " is not in the model, which has " + joined(type_map) +
                                  "; write NULL for types without the model.");
  }
  return types;
}

std::string types_beyond(const std::vector<std::string>& elements,
                         const std::vector<std::string>& type_map, int ntypes) {
  const std::size_t known = elements.empty() ? type_map.size() : elements.size();
  std::vector<std::string> beyond;
  for (int type = static_cast<int>(known) + 1; type <= ntypes; ++type)
    beyond.push_back(std::to_string(type));
  return joined(beyond);
}

std::string exchanged_masses(const std::vector<std::int32_t>& types,
                             const std::vector<std::string>& type_map, const double* mass) {
  if (mass == nullptr) return "";  // each atom has its own
  const auto number = [&](std::size_t type) {
    return types[type] == no_type ? 0 : number_of(type_map[types[type]]);
  };
  const auto described = [&](std::size_t type) {
    return std::to_string(type) + " is " + type_map[types[type]] + " and has the mass " +
           std::to_string(mass[type]);
  };
  for (std::size_t i = 1; i < types.size(); ++i)
    for (std::size_t j = 1; j < types.size(); ++j)
      if (number(i) > number(j) && number(j) > 0 && mass[i] * clearly < mass[j])
        return "type " + described(j) + ", type " + described(i) +
               ": pair_coeff names the elements in the order of the types";
  return "";
}

}  // namespace deepmd_lammps
