// SPDX-License-Identifier: LGPL-3.0-or-later
#include "electron_configuration.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "document.hpp"

namespace deepmd {
namespace engine {
namespace {

const char* const kElements =
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br "
    "Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho "
    "Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es "
    "Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og";
const char* const kSubshells = "1s 2s 2p 3s 3p 3d 4s 4p 4d 4f 5s 5p 5d 5f 6s 6p 6d 7s 7p";
const char* const kFillingOrder = "1s 2s 2p 3s 3p 4s 3d 4p 5s 4d 5p 6s 4f 5d 6p 7s 5f 6d 7p";

/// Where the order of filling (Madelung's rule) does not give the ground state.
const struct {
  const char *element, *subshell;
  int electrons;
} kExceptions[] = {
    {"Cr", "4s", 1},  {"Cr", "3d", 5}, {"Cu", "4s", 1}, {"Cu", "3d", 10}, {"Nb", "5s", 1},
    {"Nb", "4d", 4},  {"Mo", "5s", 1}, {"Mo", "4d", 5}, {"Ru", "5s", 1},  {"Ru", "4d", 7},
    {"Rh", "5s", 1},  {"Rh", "4d", 8}, {"Pd", "5s", 0}, {"Pd", "4d", 10}, {"Ag", "5s", 1},
    {"Ag", "4d", 10}, {"La", "4f", 0}, {"La", "5d", 1}, {"Ce", "4f", 1},  {"Ce", "5d", 1},
    {"Gd", "4f", 7},  {"Gd", "5d", 1}, {"Pt", "6s", 1}, {"Pt", "5d", 9},  {"Au", "6s", 1},
    {"Au", "5d", 10}, {"Ac", "5f", 0}, {"Ac", "6d", 1}, {"Th", "5f", 0},  {"Th", "6d", 2},
    {"Pa", "5f", 2},  {"Pa", "6d", 1}, {"U", "5f", 3},  {"U", "6d", 1},   {"Np", "5f", 4},
    {"Np", "6d", 1},  {"Cm", "5f", 7}, {"Cm", "6d", 1}, {"Ds", "7s", 1},  {"Ds", "6d", 9},
    {"Rg", "7s", 1},  {"Rg", "6d", 10}};

std::vector<std::string> words(const char* text) {
  std::istringstream stream(text);
  std::vector<std::string> found;
  for (std::string word; stream >> word;) found.push_back(word);
  return found;
}

int capacity(const std::string& subshell) {
  return subshell[1] == 's' ? 2 : subshell[1] == 'p' ? 6 : subshell[1] == 'd' ? 10 : 14;
}

/// Electrons in a subshell of the neutral atom.
int occupation(const std::string& element, int electrons, const std::string& subshell) {
  for (const auto& each : kExceptions)
    if (element == each.element && subshell == each.subshell) return each.electrons;
  for (const auto& name : words(kFillingOrder)) {
    const int filled = std::min(electrons, capacity(name));
    if (name == subshell) return filled;
    electrons -= filled;
  }
  return 0;
}

}  // namespace

std::vector<double> electron_configuration(const std::vector<std::string>& elements) {
  const auto known = words(kElements);
  const double size = std::sqrt(double(kSpinOrbitals));
  std::vector<double> rows;
  for (const auto& element : elements) {
    const auto found = std::find(known.begin(), known.end(), element);
    if (found == known.end())
      throw Error("use_econf_tebd needs chemical elements in type_map; " + element + " is none");
    for (const auto& subshell : words(kSubshells)) {
      const int electrons = occupation(element, int(found - known.begin()) + 1, subshell);
      const int orbitals = capacity(subshell) / 2;
      // 1 for an occupied spin orbital, -1 for an empty one; one spin fills all orbitals first
      for (int k = 0; k < orbitals; ++k) {
        rows.push_back((k < electrons - orbitals ? 1.0 : -1.0) / size);
        rows.push_back((k < electrons ? 1.0 : -1.0) / size);
      }
    }
  }
  return rows;
}

}  // namespace engine
}  // namespace deepmd
