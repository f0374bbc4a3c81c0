// SPDX-License-Identifier: LGPL-3.0-or-later
// A program written for deepmd-kit's C++ interface: two atoms, then the same with a neighbor list.
#include <cstdio>

#include "deepmd/deepmd.hpp"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  try {
    deepmd::hpp::DeepPot potential(argv[1]);
    std::string types;
    potential.get_type_map(types);
    std::printf("types %s, cut-off %g\n", types.c_str(), potential.cutoff());
    const std::vector<double> coord = {0, 0, 0, 3.9, 0.2, 0.1};
    const std::vector<int> atype = {0, 0};
    double energy, listed;
    std::vector<double> force, virial, atom_energy, atom_virial;
    potential.compute(energy, force, virial, atom_energy, atom_virial, coord, atype, {});
    int ilist[] = {0, 1}, numneigh[] = {1, 1}, first[] = {1}, second[] = {0};
    int* firstneigh[] = {first, second};
    const deepmd::hpp::InputNlist nlist(2, ilist, numneigh, firstneigh);
    potential.compute(listed, force, virial, coord, atype, {}, 0, nlist, 0);
    std::printf("%.12f %.12f %.12f %.12f\n", energy, listed, atom_energy[0], force[0]);
    deepmd::hpp::DeepPotModelDevi both({argv[1], argv[1]});
    std::vector<double> energies, average, deviation;
    std::vector<std::vector<double>> forces, virials;
    both.compute(energies, forces, virials, coord, atype, {}, 0, nlist, 0);
    both.compute_avg(average, forces);
    both.compute_std_f(deviation, average, forces);
    std::printf("%zu models, deviation %g\n", energies.size(), deviation[0]);
    const std::vector<float> single(coord.begin(), coord.end());
    std::vector<float> force32, virial32;
    potential.compute(energy, force32, virial32, single, atype, {});
    potential.compute(energy, force, virial, coord, {0, 9}, {});
  } catch (const deepmd::hpp::deepmd_exception& error) {
    std::printf("%s\n", error.what());
  }
}
