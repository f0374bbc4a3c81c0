/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What libdeepmd_cc and the plug-in of a backend say to each other. Plain C, and the one header
 * that a plug-in needs: both sides may be built by different compilers against different standard
 * libraries.
 *
 * A plug-in is a shared library `libdeepmd_backend_NAME.so` that exports `deepmd_backend_plugin`.
 * It is one of two kinds. A *graph* runs what is in a frozen file: named arrays in, named arrays
 * out, as the file's record says
 * (`docs/files.md`); libdeepmd_cc makes the neighbor lists' arrays. An *engine* takes atoms and
 * their neighbors as an MD program has them.
 *
 * No function throws or aborts. Those that can fail return 0 for success and put one line for
 * people into `error`. A model is used by one thread at a time; several models may be used at the
 * same time.
 */
#ifndef DEEPMD_BACKEND_PLUGIN_H
#define DEEPMD_BACKEND_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when a change breaks plug-ins that were built before it; libdeepmd_cc refuses any other. */
#define DEEPMD_PLUGIN_ABI 1

enum deepmd_dtype { DEEPMD_FLOAT64 = 0, DEEPMD_INT64 = 1 };

/* Numbers in memory, one after the other, the last axis fastest. They stay their maker's. */
typedef struct deepmd_array {
  const char* name;
  int32_t dtype; /* enum deepmd_dtype */
  int32_t ndim;
  const int64_t* shape;
  const void* data;
} deepmd_array;

/* Gets a result while a plug-in computes; the array is valid until it returns. */
typedef void (*deepmd_take)(void* receiver, const deepmd_array* result);

/* Why something failed: text that ends in a zero byte. */
typedef struct deepmd_error {
  char text[2048];
} deepmd_error;

/* How a model is opened. */
typedef struct deepmd_open_options {
  int32_t nthreads; /* threads for one computation; 0: as the plug-in's runtime would */
  int32_t device;   /* number of the GPU; -1: the CPU */
} deepmd_open_options;

/* One frame as an MD program has it. The local atoms come first; the others are their images
 * (ghosts), which make a periodic cell. Lengths in Å. */
typedef struct deepmd_atoms {
  int64_t nloc;
  int64_t nall;
  int64_t nowned; /* the first atoms, whose outputs count; of further local ones only the features
                     are needed, by models that pass messages. Else nloc */
  const double* coord; /* (nall, 3) */
  const int32_t*
      type; /* (nall): index into the model's type map; negative: no atom for the model */
  const int64_t* mapping;   /* (nall): local atom of which each is an image; NULL: not known */
  int64_t ncenter;          /* local atoms that have neighbors listed; the others count as alone */
  const int32_t* center;    /* (ncenter) */
  const int32_t* nneighbor; /* by local atom */
  const int32_t* const*
      neighbor; /* by local atom: indices into all atoms, both i->j and j->i, cut-off or farther */
  int32_t index_mask; /* bits of a neighbor that are its index: LAMMPS uses those above; -1: all */
  int32_t empty_type; /* type that empty slots of lists have (see Environment.empty_type) */
  const double* fparam; /* (dim_fparam) or NULL */
  const double* aparam; /* (nloc, dim_aparam) or NULL */
  const int64_t* id;    /* (nall): what messages call the atoms, such as LAMMPS's tags; NULL: their
                           indices, of ghosts those of their local atoms where these are known */
} deepmd_atoms;

/* Results beside sums and forces; bits. */
enum deepmd_wanted { DEEPMD_ATOMIC_VALUES = 1, DEEPMD_ATOMIC_VIRIALS = 2 };

typedef struct deepmd_plugin {
  uint32_t abi;         /* DEEPMD_PLUGIN_ABI */
  const char* name;     /* of the backend, for people: "native" */
  const char* suffixes; /* endings of its files, blanks between them: ".safetensors .dp" */

  /* A model; NULL where it fails. */
  void* (*open)(const char* path, const deepmd_open_options* options, deepmd_error* error);

  /* The model's record, JSON (`docs/files.md`). */
  const char* (*record)(void* model);

  /* Of a graph, else NULL: all outputs of the record. */
  int (*run_graph)(void* model, const deepmd_array* inputs, int32_t ninputs, deepmd_take take,
                   void* receiver, deepmd_error* error);

  /* Of a graph: whether each new shape of the inputs costs a compilation, so that libdeepmd_cc pads
   * them to few sizes: atoms of type -1, empty slots. NULL: it does not. */
  int (*compiles_shapes)(void* model);

  /* Of an engine, else NULL: the outputs of the record by name, without the axis of the frames; of
   * atomic ones only those wanted. Forces and atomic virials are those of all nall atoms. */
  int (*compute)(void* model, const deepmd_atoms* atoms, int32_t wanted, deepmd_take take,
                 void* receiver, deepmd_error* error);

  void (*close)(void* model);
} deepmd_plugin;

/* The plug-in; the symbol that libdeepmd_cc looks for. NULL: what it needs does not load; why is
 * left to dlerror(). */
const deepmd_plugin* deepmd_backend_plugin(void);

#ifdef __cplusplus
}
#endif

#endif
