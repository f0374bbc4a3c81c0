/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * A plug-in for the tests: a model with all that a program has to hand on, small enough to be
 * derived by hand. With w_ij = (1 + type_j / 10) (1 - r²/rcut²)³ and ρ_i = Σ_j w_ij,
 *
 *     E = f Σ_i (ρ_i² + Σ_j w_ij q_j ρ_j) + empty_type N,   d_i = Σ_j w_ij r_ij,
 *
 * where ρ_j is what a message brings, f is fparam and q_j is aparam, 1 where the file asks for
 * none. A file NAME.messages has words and numbers: `rcut 4 fparam 1 aparam 1 dipole 0`, and
 * `selected 1` for a record that says that type 1 alone has the first output.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deepmd/backend_plugin.h"
#include "pairs.h" /* of the example of a plug-in */

typedef struct model {
  double rcut;
  int dim_fparam, dim_aparam, is_dipole;
  char record[2048];
} model;

static const char energy_outputs[] =
    "{\"name\": \"energy\", \"kind\": \"sum\", \"axes\": [\"nframes\", 1]}, "
    "{\"name\": \"atom_energy\", \"kind\": \"atom\", \"axes\": [\"nframes\", \"nloc\", 1]}, "
    "{\"name\": \"force\", \"kind\": \"force\", \"axes\": [\"nframes\", \"nall\", 3]}, "
    "{\"name\": \"virial\", \"kind\": \"virial\", \"axes\": [\"nframes\", 9]}, "
    "{\"name\": \"atom_virial\", \"kind\": \"atom_virial\", \"axes\": [\"nframes\", \"nall\", 9]}";
static const char dipole_outputs[] =
    "{\"name\": \"dipole\", \"kind\": \"atom\", \"axes\": [\"nframes\", \"nloc\", 3]}";

static void* open_model(const char* path, const deepmd_open_options* options, deepmd_error* error) {
  char word[64], selected[64] = "";
  double value;
  FILE* file = fopen(path, "r");
  model* self = calloc(1, sizeof(model));
  (void)options;
  while (fscanf(file, "%63s %lf", word, &value) == 2) {
    if (strcmp(word, "rcut") == 0) self->rcut = value;
    if (strcmp(word, "fparam") == 0) self->dim_fparam = (int)value;
    if (strcmp(word, "aparam") == 0) self->dim_aparam = (int)value;
    if (strcmp(word, "dipole") == 0) self->is_dipole = (int)value;
    if (strcmp(word, "selected") == 0)
      snprintf(selected, sizeof(selected), "\"sel_types\": [%d], ", (int)value);
  }
  fclose(file);
  snprintf(self->record, sizeof(self->record),
           "{\"format\": \"deepmd frozen model\", \"version\": 1, \"model\": {\"type_map\": "
           "[\"O\", \"H\"], \"rcut\": %g, \"is_message_passing\": true, \"receptive_field\": %g, "
           "\"pair_exclude_types\": [], %s\"dim_fparam\": %d, \"dim_aparam\": %d, "
           "\"default_fparam\": null}, \"lists\": [{\"rcut\": %g, \"by_type\": false, "
           "\"widths\": null}], \"inputs\": [], \"outputs\": [%s]}",
           self->rcut, 2 * self->rcut, selected, self->dim_fparam, self->dim_aparam, self->rcut,
           self->is_dipole ? dipole_outputs : energy_outputs);
  if (self->rcut > 0) return self;
  snprintf(error->text, sizeof(error->text), "no rcut in the file.");
  free(self);
  return NULL;
}

typedef struct edge {
  int64_t i, j;
  double w, dw, r[3];
} edge;

/* w of an edge, its derivative by r² and the vector; 0: there is none. */
static int weigh(const model* self, const deepmd_atoms* a, edge* e) {
  double squared, t;
  const double factor = 1 + 0.1 * a->type[e->j], rc2 = self->rcut * self->rcut;
  if (!measure(a, e->i, e->j, self->rcut, e->r, &squared)) return 0;
  t = 1 - squared / rc2;
  e->w = factor * t * t * t;
  e->dw = -3 * factor * t * t / rc2;
  return 1;
}

static edge* edges_of(const model* self, const deepmd_atoms* a, int64_t* count) {
  int64_t capacity = 1, c;
  int32_t k;
  edge* edges;
  *count = 0;
  for (c = 0; c < a->ncenter; ++c) capacity += a->nneighbor[a->center[c]];
  edges = malloc(capacity * sizeof(edge));
  for (c = 0; c < a->ncenter; ++c) {
    const int64_t i = a->center[c];
    for (k = 0; k < a->nneighbor[i]; ++k) {
      edge* e = edges + *count;
      e->i = i;
      e->j = a->neighbor[i][k] & a->index_mask;
      *count += weigh(self, a, e);
    }
  }
  return edges;
}

static int compute(void* handle, const deepmd_atoms* a, int32_t wanted, deepmd_take take,
                   void* receiver, deepmd_error* error) {
  const model* self = handle;
  const double f = self->dim_fparam > 0 ? a->fparam[0] : 1;
  int64_t n, k;
  int x;
  edge* edges = edges_of(self, a, &n);
  double* rho = calloc(a->nloc, sizeof(double));
  double* by_rho = calloc(a->nloc, sizeof(double)); /* dE/dρ */
  double* energies = calloc(3 * a->nloc, sizeof(double));
  double* force = calloc(3 * a->nall, sizeof(double));
  double* virials = calloc(9 * a->nall, sizeof(double));
  double energy = 0, virial[9] = {0};
  (void)error;
  for (k = 0; k < n; ++k) rho[edges[k].i] += edges[k].w;
  for (k = 0; k < n && self->is_dipole; ++k)
    for (x = 0; x < 3; ++x) energies[3 * edges[k].i + x] += edges[k].w * edges[k].r[x];
  if (self->is_dipole) {
    give(take, receiver, "dipole", a->nloc, 3, energies);
  } else {
    for (k = 0; k < a->nowned; ++k) {
      energies[k] = f * rho[k] * rho[k] + (a->type[k] >= 0 ? a->empty_type : 0);
      by_rho[k] = 2 * f * rho[k];
    }
    for (k = 0; k < n; ++k) {
      const int64_t m = a->mapping[edges[k].j];
      const double q = self->dim_aparam > 0 ? a->aparam[m] : 1;
      if (edges[k].i >= a->nowned) continue;
      energies[edges[k].i] += f * edges[k].w * q * rho[m];
      by_rho[m] += f * edges[k].w * q;
    }
    for (k = 0; k < a->nowned; ++k) energy += energies[k];
    for (k = 0; k < n; ++k) {
      const edge* e = edges + k;
      const int64_t m = a->mapping[e->j];
      const double q = self->dim_aparam > 0 ? a->aparam[m] : 1;
      const double g = 2 * e->dw * (by_rho[e->i] + (e->i < a->nowned ? f * q * rho[m] : 0));
      push(e->i, e->j, e->r, -g, force, virial, virials);
    }
    give(take, receiver, "energy", 0, 1, &energy);
    give(take, receiver, "force", a->nall, 3, force);
    give(take, receiver, "virial", 0, 9, virial);
    if (wanted & DEEPMD_ATOMIC_VALUES) give(take, receiver, "atom_energy", a->nloc, 1, energies);
    if (wanted & DEEPMD_ATOMIC_VIRIALS) give(take, receiver, "atom_virial", a->nall, 9, virials);
  }
  free(edges);
  free(rho);
  free(by_rho);
  free(energies);
  free(force);
  free(virials);
  return 0;
}

static const char* record_of(void* handle) { return ((model*)handle)->record; }

static void close_model(void* handle) { free(handle); }

const deepmd_plugin* deepmd_backend_plugin(void) {
  static const deepmd_plugin plugin = {DEEPMD_PLUGIN_ABI, "messages", ".messages", open_model,
                                       record_of,         NULL,       NULL,        compute,
                                       close_model};
  return &plugin;
}
