// SPDX-License-Identifier: LGPL-3.0-or-later
#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>
#include <utility>

#include "net.hpp"

namespace deepmd::engine {
namespace {

using Subshell = std::pair<int, int>;  // n and l

const char kElements[] =
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy "
    "Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf "
    "Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og";

/// Where Madelung's rule does not give the ground state: electrons in two subshells.
const std::map<std::string, std::map<Subshell, int>> kExceptions = {
    {"Cr", {{{4, 0}, 1}, {{3, 2}, 5}}},  {"Cu", {{{4, 0}, 1}, {{3, 2}, 10}}},
    {"Nb", {{{5, 0}, 1}, {{4, 2}, 4}}},  {"Mo", {{{5, 0}, 1}, {{4, 2}, 5}}},
    {"Ru", {{{5, 0}, 1}, {{4, 2}, 7}}},  {"Rh", {{{5, 0}, 1}, {{4, 2}, 8}}},
    {"Pd", {{{5, 0}, 0}, {{4, 2}, 10}}}, {"Ag", {{{5, 0}, 1}, {{4, 2}, 10}}},
    {"La", {{{4, 3}, 0}, {{5, 2}, 1}}},  {"Ce", {{{4, 3}, 1}, {{5, 2}, 1}}},
    {"Gd", {{{4, 3}, 7}, {{5, 2}, 1}}},  {"Pt", {{{6, 0}, 1}, {{5, 2}, 9}}},
    {"Au", {{{6, 0}, 1}, {{5, 2}, 10}}}, {"Ac", {{{5, 3}, 0}, {{6, 2}, 1}}},
    {"Th", {{{5, 3}, 0}, {{6, 2}, 2}}},  {"Pa", {{{5, 3}, 2}, {{6, 2}, 1}}},
    {"U", {{{5, 3}, 3}, {{6, 2}, 1}}},   {"Np", {{{5, 3}, 4}, {{6, 2}, 1}}},
    {"Cm", {{{5, 3}, 7}, {{6, 2}, 1}}},  {"Ds", {{{7, 0}, 1}, {{6, 2}, 9}}},
    {"Rg", {{{7, 0}, 1}, {{6, 2}, 10}}},
};

/// Number of an element; 0: there is none of this symbol.
int atomic_number(const std::string& symbol) {
  std::istringstream elements(kElements);
  std::string each;
  for (int number = 1; elements >> each; ++number)
    if (each == symbol) return number;
  return 0;
}

}  // namespace

std::vector<double> electron_configuration(const std::string& symbol) {
  int left = atomic_number(symbol);
  if (left == 0)
    throw Error("use_econf_tebd needs chemical elements in type_map; " + symbol + " is not");
  std::map<Subshell, int> electrons;
  // Madelung's rule: by n + l, then by n
  for (int sum = 1; sum <= 8; ++sum)
    for (int n = sum / 2 + 1; n <= std::min(sum, 7); ++n) {
      const int filled = std::min(left, 2 * (2 * (sum - n) + 1));
      electrons[{n, sum - n}] = filled, left -= filled;
    }
  if (const auto found = kExceptions.find(symbol); found != kExceptions.end())
    for (const auto& [subshell, count] : found->second) electrons[subshell] = count;
  std::vector<double> spins;
  for (const auto& [subshell, count] : electrons) {
    const int norbitals = 2 * subshell.second + 1;
    for (int k = 0; k < norbitals; ++k)  // Hund's rule: one spin fills all orbitals first
      for (const int occupied_from : {norbitals + k, k})
        spins.push_back((count > occupied_from ? 1.0 : -1.0) / std::sqrt(double(kSpinOrbitals)));
  }
  return spins;
}

}  // namespace deepmd::engine
