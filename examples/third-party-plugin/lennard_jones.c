/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * A third party's plug-in for C++ and LAMMPS in C: the Lennard-Jones potential
 *
 *     E = Σ_pairs 4 ε [(σ/r)¹² - (σ/r)⁶] - E(rcut),   r < rcut,
 *
 * read from a text file `NAME.lj` with four lines:
 *
 *     type_map Ar Kr
 *     rcut 8.5
 *     epsilon 0.0104
 *     sigma 3.40
 *
 * The one header of deepmd-cc that it needs is deepmd/backend_plugin.h.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deepmd/backend_plugin.h"
#include "pairs.h"

typedef struct model {
  double rcut, epsilon, sigma; /* [Å], [eV], [Å] */
  char record[4096];
  double* force; /* of the last computation: (nall, 3), (nall, 9), (nloc) */
  double* atom_virial;
  double* atom_energy;
} model;

static int fail(deepmd_error* error, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof(error->text), format, arguments);
  va_end(arguments);
  return 1;
}

/* The record that every model has: docs/files.md. */
static void write_record(model* self, const char* type_map) {
  snprintf(self->record, sizeof(self->record),
           "{\"format\": \"deepmd frozen model\", \"version\": 1, \"model\": {\"type_map\": [%s], "
           "\"rcut\": %.17g, \"is_message_passing\": false, \"pair_exclude_types\": [], "
           "\"dim_fparam\": 0, \"dim_aparam\": 0, \"default_fparam\": null}, \"lists\": [], "
           "\"inputs\": [], \"outputs\": ["
           "{\"name\": \"energy\", \"kind\": \"sum\", \"axes\": [\"nframes\", 1]}, "
           "{\"name\": \"atom_energy\", \"kind\": \"atom\", \"axes\": [\"nframes\", \"nloc\", 1]}, "
           "{\"name\": \"force\", \"kind\": \"force\", \"axes\": [\"nframes\", \"nall\", 3]}, "
           "{\"name\": \"virial\", \"kind\": \"virial\", \"axes\": [\"nframes\", 9]}, "
           "{\"name\": \"atom_virial\", \"kind\": \"atom_virial\", "
           "\"axes\": [\"nframes\", \"nall\", 9]}]}",
           type_map, self->rcut);
}

/* Reads a line of the file; `type_map` becomes the names with quotes and commas. */
static void read_line(model* self, char* line, char* type_map, size_t size) {
  char* rest; /* strtok would share it between threads */
  const char* key = strtok_r(line, " \t\n", &rest);
  const char* word;
  if (key == NULL) return;
  while ((word = strtok_r(NULL, " \t\n", &rest)) != NULL) {
    if (strcmp(key, "rcut") == 0) self->rcut = atof(word);
    if (strcmp(key, "epsilon") == 0) self->epsilon = atof(word);
    if (strcmp(key, "sigma") == 0) self->sigma = atof(word);
    if (strcmp(key, "type_map") == 0) {
      const size_t used = strlen(type_map);
      snprintf(type_map + used, size - used, "%s\"%s\"", used > 0 ? ", " : "", word);
    }
  }
}

static void* open_model(const char* path, const deepmd_open_options* options, deepmd_error* error) {
  char line[1024], type_map[2048] = "";
  FILE* file = fopen(path, "r");
  model* self = calloc(1, sizeof(model));
  (void)options;
  if (file == NULL || self == NULL) {
    fail(error, "%s: cannot be opened.", path);
    free(self);
    return NULL;
  }
  while (fgets(line, sizeof(line), file) != NULL) read_line(self, line, type_map, sizeof(type_map));
  fclose(file);
  if (self->rcut <= 0 || self->sigma <= 0 || type_map[0] == 0) {
    fail(error, "%s: expected lines with type_map, rcut, epsilon and sigma.", path);
    free(self);
    return NULL;
  }
  write_record(self, type_map);
  return self;
}

static const char* record_of(void* handle) { return ((model*)handle)->record; }

/* Energy of a pair at this squared distance and -dE/dr / r. */
static double pair_energy(const model* self, double squared, double* force_by_r) {
  const double s6 = pow(self->sigma * self->sigma / squared, 3);
  const double c6 = pow(self->sigma / self->rcut, 6);
  *force_by_r = 24 * self->epsilon * (2 * s6 * s6 - s6) / squared;
  return 4 * self->epsilon * (s6 * s6 - s6 - (c6 * c6 - c6));
}

/* Adds the half of each pair that is atom i's. */
static void add_atom(model* self, const deepmd_atoms* atoms, int32_t i, double* energy,
                     double* virial) {
  int32_t k;
  for (k = 0; k < atoms->nneighbor[i]; ++k) {
    const int64_t j = atoms->neighbor[i][k] & atoms->index_mask;
    double r[3], squared, force_by_r, half;
    if (!measure(atoms, i, j, self->rcut, r, &squared)) continue;
    half = 0.5 * pair_energy(self, squared, &force_by_r);
    *energy += half;
    self->atom_energy[i] += half;
    push(i, j, r, 0.5 * force_by_r, self->force, virial, self->atom_virial);
  }
}

static int compute(void* handle, const deepmd_atoms* atoms, int32_t wanted, deepmd_take take,
                   void* receiver, deepmd_error* error) {
  model* self = handle;
  double energy = 0, virial[9] = {0};
  int64_t k;
  self->force = calloc(3 * atoms->nall + 1, sizeof(double));
  self->atom_virial = calloc(9 * atoms->nall + 1, sizeof(double));
  self->atom_energy = calloc(atoms->nloc + 1, sizeof(double));
  if (self->force != NULL && self->atom_virial != NULL && self->atom_energy != NULL) {
    for (k = 0; k < atoms->ncenter; ++k) add_atom(self, atoms, atoms->center[k], &energy, virial);
    give(take, receiver, "energy", 0, 1, &energy);
    give(take, receiver, "force", atoms->nall, 3, self->force);
    give(take, receiver, "virial", 0, 9, virial);
    if (wanted & DEEPMD_ATOMIC_VALUES)
      give(take, receiver, "atom_energy", atoms->nloc, 1, self->atom_energy);
    if (wanted & DEEPMD_ATOMIC_VIRIALS)
      give(take, receiver, "atom_virial", atoms->nall, 9, self->atom_virial);
  } else {
    fail(error, "out of memory for %lld atoms.", (long long)atoms->nall);
  }
  free(self->force);
  free(self->atom_virial);
  free(self->atom_energy);
  return error->text[0] != 0;
}

static void close_model(void* handle) { free(handle); }

const deepmd_plugin* deepmd_backend_plugin(void) {
  static const deepmd_plugin plugin = {
      DEEPMD_PLUGIN_ABI, "lennard-jones", ".lj", open_model, record_of, NULL, NULL,
      compute,           close_model};
  return &plugin;
}
