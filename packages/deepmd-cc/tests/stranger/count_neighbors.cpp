// SPDX-License-Identifier: LGPL-3.0-or-later
#include <iostream>

#include "deepmd/neighbor_list.hpp"

// Neighbors of an atom in simple cubic polonium, a = 3.35 Å, within 5 Å.
int main() {
  const double vectors[9] = {3.35, 0, 0, 0, 3.35, 0, 0, 0, 3.35};
  const double coord[3] = {0, 0, 0};
  deepmd::NeighborOptions options;
  options.rcut = 5.0;
  const auto pairs = deepmd::build_neighbor_pairs(
      coord, 1, deepmd::Cell(vectors, {true, true, true}), nullptr, options);
  std::cout << pairs.index.size() << std::endl;
}
