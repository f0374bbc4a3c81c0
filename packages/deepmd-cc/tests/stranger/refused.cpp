// SPDX-License-Identifier: LGPL-3.0-or-later
// Mistakes of a program, each of which is a line of text.
#include <cstdio>

#include "deepmd/deepmd.hpp"

namespace {

using deepmd::hpp::DeepPot;
using deepmd::hpp::DeepTensor;
using Numbers = std::vector<double>;

template <class Call>
void tell(const Call& call) {
  try {
    call();
    std::puts("taken");
  } catch (const deepmd::hpp::deepmd_exception& error) {
    std::puts(error.what());
  }
}

void tell_null(DP_DeepPot* potential, const double* coord, const int* atype) {
  double energy;
  DP_DeepPotCompute(potential, 2, coord, atype, nullptr, &energy, nullptr, nullptr, nullptr,
                    nullptr);
  const char* error = DP_DeepPotCheckOK(potential);
  std::puts(error);
  DP_DeleteChar(error);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  DeepPot potential(argv[1]);
  const Numbers one = {0, 0, 0, 3.9, 0.2, 0.1}, two = {0, 0, 0, 3.9, 0.2, 0.1, 0, 0, 0, 4, 0, 0};
  const std::vector<int> atype = {0, 0};
  double energy;
  Numbers energies, force, virial;
  tell([&] { potential.compute(energy, force, virial, one, atype, {}, {1.0}); });
  tell([&] { potential.compute(energy, force, virial, one, atype, {}, {}, {1.0, 1.0}); });
  tell([&] { potential.compute(energy, force, virial, two, atype, {}); });
  tell([&] { potential.compute(energy, force, virial, Numbers(), atype, {}); });
  tell([&] { potential.compute(energies, force, virial, two, atype, {}); });
  const Numbers overlap = {0, 0, 0, 3.9, 0.2, 0.1, 0, 0, 0, 0, 0, 0};
  tell([&] { potential.compute(energies, force, virial, overlap, atype, {}); });
  for (const int nframes : {2, 4, 3, 0, -1})
    tell([&] {
      potential.compute_mixed_type(energies, force, virial, nframes, two, {0, 1, 1, 0}, {});
    });
  tell([&] {
    const deepmd::hpp::InputNlist nlist(0, nullptr, nullptr, nullptr);
    Numbers atom_energy, atom_virial;
    potential.compute(energy, force, virial, atom_energy, atom_virial, one, atype, {}, 3, nlist, 0);
  });
  tell([&] { DeepTensor tensor(argv[1]); });
  DP_DeepPot* const handle = DP_NewDeepPot(argv[1]);
  tell_null(handle, nullptr, atype.data());
  tell_null(handle, one.data(), nullptr);
  tell_null(handle, one.data(), atype.data());
  DP_DeleteDeepPot(handle);
}
