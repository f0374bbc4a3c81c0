/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * A model file of any backend, from C: opened by its ending, computed for the atoms of an MD
 * program or for frames with a cell. `deepmd/c_api.h` and `deepmd/deepmd.hpp` have deepmd-kit's
 * names instead.
 *
 * Functions that can fail return 0 for success, NULL for no model; then `error` holds one line for
 * people. Models may be opened, used and closed in several threads at once, each of them by one
 * thread at a time.
 */
#ifndef DEEPMD_MODEL_H
#define DEEPMD_MODEL_H

#include "deepmd/backend_plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DEEPMD_EXPORT __attribute__((visibility("default")))

typedef struct deepmd_model deepmd_model;

/* A frame without a neighbor list. */
typedef struct deepmd_frame {
  int64_t natoms;
  const double* coord;  /* (natoms, 3) [Å], anywhere in space */
  const int32_t* type;  /* (natoms); negative: no atom for the model */
  const double* cell;   /* (3, 3) [Å], rows are cell vectors; NULL: open boundaries */
  const double* fparam; /* (dim_fparam) or NULL */
  const double* aparam; /* (natoms, dim_aparam) or NULL */
} deepmd_frame;

/* options: NULL for one thread a core, on the CPU. */
DEEPMD_EXPORT deepmd_model* deepmd_open(const char* path, const deepmd_open_options* options,
                                        deepmd_error* error);

/* The model's record: JSON, see docs/files.md. */
DEEPMD_EXPORT const char* deepmd_record(const deepmd_model* model);

/* What computes it: "native", "torch", ... */
DEEPMD_EXPORT const char* deepmd_backend_name(const deepmd_model* model);

/* The total charge [e] and the spin of the frames from now on, for a model that takes them: see
 * `default_charge_spin` in the record, which counts until then. */
DEEPMD_EXPORT int deepmd_set_charge_spin(deepmd_model* model, int64_t charge, int64_t spin,
                                         deepmd_error* error);

/* Gives each output of the record to `take`, without the axis of the frames: forces and atomic
 * virials of all atoms, local ones and ghosts. */
DEEPMD_EXPORT int deepmd_compute(deepmd_model* model, const deepmd_atoms* atoms, int32_t wanted,
                                 deepmd_take take, void* receiver, deepmd_error* error);

/* The same for a frame; forces and virials of images are those of the atoms. */
DEEPMD_EXPORT int deepmd_compute_frame(deepmd_model* model, const deepmd_frame* frame,
                                       int32_t wanted, deepmd_take take, void* receiver,
                                       deepmd_error* error);

DEEPMD_EXPORT void deepmd_close(deepmd_model* model);

/* Gives name and file of each plug-in that is found, without loading it. */
DEEPMD_EXPORT void deepmd_find_plugins(void (*take)(void* receiver, const char* name,
                                                    const char* file),
                                       void* receiver);

/* Loads a plug-in, and its framework with it, to see whether that works. */
DEEPMD_EXPORT int deepmd_load_plugin(const char* file, deepmd_error* error);

#ifdef __cplusplus
}
#endif

#endif
