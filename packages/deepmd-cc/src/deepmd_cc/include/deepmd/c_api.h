/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Models from C under the names that deepmd-kit's C interface has, so that programs written for it
 * build with this header and link libdeepmd_cc. `deepmd/model.h` is what it is made of.
 *
 * Lengths in Å, energies in eV. `cell`: (nframes, 3, 3), rows are cell vectors; NULL: open
 * boundaries. Results are written where a pointer is given: energy (nframes), force (nframes,
 * natoms, 3), virial (nframes, 9), atomic_energy (nframes, natoms), atomic_virial (nframes, natoms,
 * 9). With a neighbor list natoms counts the nghost ghosts too, which are last.
 *
 * Nothing is thrown and nothing aborts: after each call `..._CheckOK` gives the reason of a
 * failure, or "" where there was none; free it with DP_DeleteChar. `New...` never gives NULL.
 */
#ifndef DEEPMD_C_API_H
#define DEEPMD_C_API_H

#include "deepmd/model.h"

#ifdef __cplusplus
extern "C" {
#else
#include <stdbool.h>
#endif

#define DP_C_API_VERSION 29

typedef struct DP_Nlist DP_Nlist;
typedef struct DP_DeepPot DP_DeepPot;
typedef struct DP_DeepPotModelDevi DP_DeepPotModelDevi;
typedef struct DP_DeepTensor DP_DeepTensor;

/* Neighbor lists: of the first inum local atoms their numbers, numbers of neighbors, and neighbors.
 * The arrays stay the caller's. */
DEEPMD_EXPORT DP_Nlist* DP_NewNlist(int inum, int* ilist, int* numneigh, int** firstneigh);
DEEPMD_EXPORT void DP_NlistSetMask(DP_Nlist* nlist, int mask);
DEEPMD_EXPORT void DP_NlistSetMapping(DP_Nlist* nlist, int* mapping);
DEEPMD_EXPORT const char* DP_NlistCheckOK(DP_Nlist* nlist);
DEEPMD_EXPORT void DP_DeleteNlist(DP_Nlist* nlist);

/* What models of each class have; names of types with blanks between them, free with DP_DeleteChar.
 */
#define DEEPMD_HANDLE_FUNCTIONS(CLASS)                           \
  DEEPMD_EXPORT void DP_Delete##CLASS(DP_##CLASS* dp);           \
  DEEPMD_EXPORT const char* DP_##CLASS##CheckOK(DP_##CLASS* dp); \
  DEEPMD_EXPORT double DP_##CLASS##GetCutoff(DP_##CLASS* dp);    \
  DEEPMD_EXPORT int DP_##CLASS##GetNumbTypes(DP_##CLASS* dp);    \
  DEEPMD_EXPORT const char* DP_##CLASS##GetTypeMap(DP_##CLASS* dp);
/* And potentials. */
#define DEEPMD_PARAMETER_FUNCTIONS(CLASS)                      \
  DEEPMD_EXPORT int DP_##CLASS##GetDimFParam(DP_##CLASS* dp);  \
  DEEPMD_EXPORT int DP_##CLASS##GetDimAParam(DP_##CLASS* dp);  \
  DEEPMD_EXPORT bool DP_##CLASS##IsAParamNAll(DP_##CLASS* dp); \
  DEEPMD_EXPORT bool DP_##CLASS##HasDefaultFParam(DP_##CLASS* dp);

DEEPMD_HANDLE_FUNCTIONS(DeepPot)
DEEPMD_HANDLE_FUNCTIONS(DeepPotModelDevi)
DEEPMD_HANDLE_FUNCTIONS(DeepTensor)
DEEPMD_PARAMETER_FUNCTIONS(DeepPot)
DEEPMD_PARAMETER_FUNCTIONS(DeepPotModelDevi)

/* Potentials. `c_file_content` must be NULL or empty: models are read from their files. */
DEEPMD_EXPORT DP_DeepPot* DP_NewDeepPot(const char* c_model);
DEEPMD_EXPORT DP_DeepPot* DP_NewDeepPotWithParam(const char* c_model, int gpu_rank,
                                                 const char* c_file_content);
DEEPMD_EXPORT DP_DeepPot* DP_NewDeepPotWithParam2(const char* c_model, int gpu_rank,
                                                  const char* c_file_content,
                                                  int size_file_content);

/* Potentials of several models at once: results are (nmodels, nframes, ...). */
DEEPMD_EXPORT DP_DeepPotModelDevi* DP_NewDeepPotModelDevi(const char** c_models, int n_models);
DEEPMD_EXPORT DP_DeepPotModelDevi* DP_NewDeepPotModelDeviWithParam(const char** c_models,
                                                                   int n_models, int gpu_rank,
                                                                   const char** c_file_contents,
                                                                   int n_file_contents,
                                                                   const int* size_file_contents);

/* Arguments of the functions that compute: atoms, a neighbor list, parameters, results. */
#define DEEPMD_ATOMS(REAL) int natom, const REAL *coord, const int *atype, const REAL *cell
#define DEEPMD_NLIST int nghost, const DP_Nlist *nlist
#define DEEPMD_PARAMETERS(REAL) const REAL *fparam, const REAL *aparam
#define DEEPMD_RESULTS(REAL) \
  double *energy, REAL *force, REAL *virial, REAL *atomic_energy, REAL *atomic_virial

/* The functions that compute, for numbers of double precision and, with f in their names, of single
 * precision; energies are double in both. 2: several frames, with fparam (nframes, dim_fparam) and
 * aparam (nframes, nloc, dim_aparam). MixedType: atype is (nframes, natoms). */
#define DEEPMD_COMPUTE_FUNCTIONS(CLASS, F, REAL)                                                   \
  DEEPMD_EXPORT void DP_##CLASS##Compute##F(DP_##CLASS* dp, DEEPMD_ATOMS(REAL),                    \
                                            DEEPMD_RESULTS(REAL));                                 \
  DEEPMD_EXPORT void DP_##CLASS##ComputeNList##F(DP_##CLASS* dp, DEEPMD_ATOMS(REAL), DEEPMD_NLIST, \
                                                 int ago, DEEPMD_RESULTS(REAL));                   \
  DEEPMD_EXPORT void DP_##CLASS##Compute##F##2(DP_##CLASS * dp, int nframes, DEEPMD_ATOMS(REAL),   \
                                               DEEPMD_PARAMETERS(REAL), DEEPMD_RESULTS(REAL));     \
  DEEPMD_EXPORT void DP_##CLASS##ComputeNList##F##2(                                               \
      DP_##CLASS * dp, int nframes, DEEPMD_ATOMS(REAL), DEEPMD_NLIST, int ago,                     \
      DEEPMD_PARAMETERS(REAL), DEEPMD_RESULTS(REAL));                                              \
  DEEPMD_EXPORT void DP_##CLASS##ComputeMixedType##F(DP_##CLASS* dp, int nframes,                  \
                                                     DEEPMD_ATOMS(REAL), DEEPMD_PARAMETERS(REAL),  \
                                                     DEEPMD_RESULTS(REAL));

DEEPMD_COMPUTE_FUNCTIONS(DeepPot, , double)
DEEPMD_COMPUTE_FUNCTIONS(DeepPot, f, float)
DEEPMD_COMPUTE_FUNCTIONS(DeepPotModelDevi, , double)
DEEPMD_COMPUTE_FUNCTIONS(DeepPotModelDevi, f, float)

/* Models whose output is a vector, such as dipoles. The output's components are k:
 * global_tensor (k), force (k, natoms, 3), virial (k, 9), atomic_tensor (natoms, k), allocated here
 * and to be freed with DP_DeleteDouble, atomic_virial (k, natoms, 9). Atoms whose type is not
 * selected have 0. */
DEEPMD_EXPORT DP_DeepTensor* DP_NewDeepTensor(const char* c_model);
DEEPMD_EXPORT DP_DeepTensor* DP_NewDeepTensorWithParam(const char* c_model, int gpu_rank,
                                                       const char* c_name_scope);
DEEPMD_EXPORT int DP_DeepTensorGetOutputDim(DP_DeepTensor* dt);
/* The types whose atoms have values; the model's, until it is deleted. */
DEEPMD_EXPORT int DP_DeepTensorGetNumbSelTypes(DP_DeepTensor* dt);
DEEPMD_EXPORT const int* DP_DeepTensorGetSelTypes(DP_DeepTensor* dt);
#define DEEPMD_TENSOR_RESULTS                                                   \
  double *global_tensor, double *force, double *virial, double **atomic_tensor, \
      double *atomic_virial, int *size_at
DEEPMD_EXPORT void DP_DeepTensorCompute(DP_DeepTensor* dt, DEEPMD_ATOMS(double),
                                        DEEPMD_TENSOR_RESULTS);
DEEPMD_EXPORT void DP_DeepTensorComputeNList(DP_DeepTensor* dt, DEEPMD_ATOMS(double), DEEPMD_NLIST,
                                             DEEPMD_TENSOR_RESULTS);

DEEPMD_EXPORT void DP_DeleteChar(const char* text);
DEEPMD_EXPORT void DP_DeleteDouble(double* numbers);

#ifdef __cplusplus
}
#endif

#endif
