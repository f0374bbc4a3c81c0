/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What plug-ins in C that go from pair to pair have in common.
 */
#ifndef PAIRS_H
#define PAIRS_H

#include "deepmd/backend_plugin.h"

/* Vector and squared distance of a pair; 0: one of them is no atom, or they are too far apart. */
static int measure(const deepmd_atoms* atoms, int64_t i, int64_t j, double rcut, double r[3],
                   double* squared) {
  int a;
  if (atoms->type[i] < 0 || atoms->type[j] < 0) return 0;
  *squared = 0;
  for (a = 0; a < 3; ++a) {
    r[a] = atoms->coord[3 * j + a] - atoms->coord[3 * i + a];
    *squared += r[a] * r[a];
  }
  return *squared < rcut * rcut;
}

/* Adds what an edge pushes its ends apart with; its virial is its neighbor's. */
static void push(int64_t i, int64_t j, const double r[3], double force_by_r, double* force,
                 double* virial, double* atom_virial) {
  int a, b;
  for (a = 0; a < 3; ++a) {
    force[3 * i + a] -= force_by_r * r[a];
    force[3 * j + a] += force_by_r * r[a];
    for (b = 0; b < 3; ++b) {
      virial[3 * a + b] += force_by_r * r[a] * r[b];
      atom_virial[9 * j + 3 * a + b] += force_by_r * r[a] * r[b];
    }
  }
}

/* Hands on a result of so many rows; 0: it has no rows. */
static void give(deepmd_take take, void* receiver, const char* name, int64_t rows, int64_t columns,
                 const double* data) {
  const int64_t shape[2] = {rows, columns};
  const deepmd_array one = {name, DEEPMD_FLOAT64, 1, shape + 1, data};
  const deepmd_array two = {name, DEEPMD_FLOAT64, 2, shape, data};
  take(receiver, rows == 0 ? &one : &two);
}

#endif
