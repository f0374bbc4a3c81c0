/* SPDX-License-Identifier: LGPL-3.0-or-later
 * The same in C, by the names of deepmd-kit. */
#include <stdio.h>

#include "deepmd/c_api.h"

int main(int argc, char** argv) {
  const double coord[] = {0, 0, 0, 3.9, 0.2, 0.1};
  const int atype[] = {0, 0};
  double energy = 0, force[6], virial[9];
  const char* error;
  DP_DeepPot* potential = DP_NewDeepPot(argc < 2 ? "none" : argv[1]);
  DP_DeepPotCompute(potential, 2, coord, atype, NULL, &energy, force, virial, NULL, NULL);
  error = DP_DeepPotCheckOK(potential);
  printf("%.12f %.12f %s\n", energy, force[0], error);
  DP_DeleteChar(error);
  DP_DeleteDeepPot(potential);
  return 0;
}
