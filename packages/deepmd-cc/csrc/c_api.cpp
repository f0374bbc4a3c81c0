// SPDX-License-Identifier: LGPL-3.0-or-later
// deepmd-kit's C interface.
#include "deepmd/c_api.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "deepmd/guarded.hpp"
#include "model.hpp"
#include "result_rows.hpp"

struct DP_Nlist {
  int inum;
  const int* ilist;
  const int* numneigh;
  int* const* firstneigh;
  int mask = -1;
  const int* mapping = nullptr;
};

namespace {

using deepmd::Model;

// Models with the reason of the last failure; none where they could not be opened.
struct Models {
  std::vector<std::unique_ptr<Model>> models;
  std::string error, why_none = "no model is open.";

  const deepmd::Record& record() const {
    static const deepmd::Record empty;
    return models.empty() ? empty : models.front()->record();
  }
};

}  // namespace

struct DP_DeepPot : Models {};
struct DP_DeepPotModelDevi : Models {};
struct DP_DeepTensor : Models {};

namespace {

template <class Function>
void guarded(Models& models, const Function& function) {
  deepmd_error error{};
  deepmd::guarded(&error, 0, [&] { return function(), 0; });
  models.error = error.text;
}

template <class Handle>
Handle* open_all(const char* const* paths, int count, bool has_content = false) {
  auto handle = std::make_unique<Handle>();
  guarded(*handle, [&] {
    if (has_content)
      throw std::invalid_argument(
          "models are read from their files; leave the file's content out.");
    for (int k = 0; k < count; ++k)
      handle->models.push_back(std::make_unique<Model>(paths[k], deepmd_open_options{0, -1}));
    for (int k = 0; k < count; ++k) {
      const deepmd::Record& record = handle->models[k]->record();
      if constexpr (std::is_same_v<Handle, DP_DeepTensor>)
        record.require_tensor(paths[k]);
      else
        record.require_potential(paths[k]);
      record.require_inputs_of(handle->record(), paths[k]);
    }
  });
  if (!handle->error.empty()) {
    handle->models.clear();
    handle->why_none = handle->error;
  }
  return handle.release();
}

char* copy_of(const std::string& text) {
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy != nullptr) std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

// Frames as the caller has them.
template <class Real>
struct Inputs {
  std::int64_t nframes, natoms;
  const Real* coord;
  const int* type;
  const Real* cell;
  const Real* fparam = nullptr;
  const Real* aparam = nullptr;
  std::int64_t nghost = 0;
  const DP_Nlist* nlist = nullptr;
  bool type_of_frames = false;
};

// Where results of each kind go; null where they are not wanted.
template <class Real>
struct Outputs {
  double* sum;
  Real *force, *virial, *atom, *atom_virial;

  std::int32_t wanted() const {
    return (atom != nullptr ? DEEPMD_ATOMIC_VALUES : 0) |
           (atom_virial != nullptr ? DEEPMD_ATOMIC_VIRIALS : 0);
  }

  // Keeps a result of one of several models or frames, the first of a kind that a model gives.
  void keep(const deepmd_array& result, const deepmd::Record& record, std::int64_t place) const {
    const deepmd::OutputSpec* output = record.main_output(result.name);
    if (output == nullptr) return;
    const auto copy_to = [&](auto* target) {
      const std::int64_t size = deepmd::size_of(result.shape, result.ndim);
      if (target != nullptr)
        std::copy_n(static_cast<const double*>(result.data), size, target + place * size);
    };
    if (output->kind == "sum") copy_to(sum);
    if (output->kind == "force") copy_to(force);
    if (output->kind == "virial") copy_to(virial);
    if (output->kind == "atom") copy_to(atom);
    if (output->kind == "atom_virial") copy_to(atom_virial);
  }
};

template <class Real>
std::vector<double> doubles(const Real* numbers, std::int64_t frame, std::int64_t size) {
  if (numbers == nullptr || size == 0) return {};
  return std::vector<double>(numbers + frame * size, numbers + (frame + 1) * size);
}

const double* data_or_null(const std::vector<double>& numbers) {
  return numbers.empty() ? nullptr : numbers.data();
}

// One frame of the inputs in double precision.
struct Frame {
  std::vector<double> coord, cell, fparam, aparam;
  const int* type;

  template <class Real>
  Frame(const Inputs<Real>& in, std::int64_t f, const deepmd::Record& record)
      : coord(doubles(in.coord, f, 3 * in.natoms)),
        cell(doubles(in.cell, f, 9)),
        fparam(doubles(in.fparam, f, record.dim_fparam)),
        aparam(doubles(in.aparam, f, (in.natoms - in.nghost) * record.dim_aparam)),
        type(in.type + (in.type_of_frames ? f * in.natoms : 0)) {}
};

// The neighbor list of the caller, whose rows are those of ilist, by atoms.
struct ListedAtoms {
  deepmd_atoms atoms{};

  ListedAtoms(const Frame& frame, std::int64_t natoms, std::int64_t nghost, const DP_Nlist& list)
      : count_(natoms - nghost, 0), neighbor_(natoms - nghost, nullptr) {
    for (int k = 0; k < list.inum; ++k) {
      if (list.ilist[k] < 0 || list.ilist[k] >= natoms - nghost)
        throw std::invalid_argument("the neighbor list has a row for atom " +
                                    std::to_string(list.ilist[k]) + ", of " +
                                    std::to_string(natoms - nghost) + " local atoms.");
      count_[list.ilist[k]] = list.numneigh[k];
      neighbor_[list.ilist[k]] = list.firstneigh[k];
    }
    if (list.mapping != nullptr) mapping_.assign(list.mapping, list.mapping + natoms);
    atoms.nloc = atoms.nowned = natoms - nghost;
    atoms.nall = natoms;
    atoms.coord = frame.coord.data();
    atoms.type = frame.type;
    atoms.mapping = mapping_.empty() ? nullptr : mapping_.data();
    atoms.ncenter = list.inum;
    atoms.center = list.ilist;
    atoms.nneighbor = count_.data();
    atoms.neighbor = neighbor_.data();
    atoms.index_mask = list.mask;
    atoms.empty_type = natoms > 0 ? std::max(frame.type[0], 0) : 0;
    atoms.fparam = data_or_null(frame.fparam);
    atoms.aparam = data_or_null(frame.aparam);
  }

 private:
  std::vector<std::int32_t> count_;
  std::vector<const std::int32_t*> neighbor_;
  std::vector<std::int64_t> mapping_;
};

template <class Real>
void compute_frame(const Model& model, const Inputs<Real>& in, std::int64_t f, std::int32_t wanted,
                   const deepmd::Take& take) {
  const Frame frame(in, f, model.record());
  if (in.nlist != nullptr)
    return model.compute(ListedAtoms(frame, in.natoms, in.nghost, *in.nlist).atoms, wanted, take);
  const deepmd_frame plain{in.natoms,
                           frame.coord.data(),
                           frame.type,
                           data_or_null(frame.cell),
                           data_or_null(frame.fparam),
                           data_or_null(frame.aparam)};
  model.compute(plain, wanted, take);
}

template <class Real>
void compute(Models& models, const Inputs<Real>& in, const Outputs<Real>& out) {
  std::int64_t frame = -1;  // none yet
  guarded(models, [&] {
    if (models.models.empty()) throw std::runtime_error(models.why_none);
    if (in.natoms < 0 || in.nghost < 0 || in.nghost > in.natoms)
      throw std::invalid_argument("there are " + std::to_string(in.nghost) + " ghosts among " +
                                  std::to_string(in.natoms) + " atoms.");
    if (in.natoms > 0 && (in.coord == nullptr || in.type == nullptr))
      throw std::invalid_argument("coord or atype is NULL; give them for each atom.");
    std::int64_t place = 0;
    for (const auto& model : models.models)
      for (frame = 0; frame < in.nframes; ++frame, ++place)
        compute_frame(*model, in, frame, out.wanted(), [&](const deepmd_array& result) {
          out.keep(result, model->record(), place);
        });
  });
  if (!models.error.empty() && frame >= 0 && in.nframes > 1)
    models.error = "frame " + std::to_string(frame) + ": " + models.error;
}

int output_dim(const Models& models) {
  const deepmd::OutputSpec* output = models.record().output_of_kind("atom");
  return output == nullptr ? 0 : static_cast<int>(output->ncomponents);
}

// Values of the atoms go to memory that the caller frees.
void compute_tensor(DP_DeepTensor& dt, const Inputs<double>& in, Outputs<double> out,
                    double** atomic, int* size) {
  const std::int64_t count = std::max<std::int64_t>(in.natoms - in.nghost, 0) * output_dim(dt);
  if (atomic != nullptr)
    out.atom = *atomic = static_cast<double*>(std::calloc(count + 1, sizeof(double)));
  if (size != nullptr) *size = static_cast<int>(count);
  compute(dt, in, out);
}

}  // namespace

extern "C" {

DP_Nlist* DP_NewNlist(int inum, int* ilist, int* numneigh, int** firstneigh) {
  return new DP_Nlist{inum, ilist, numneigh, firstneigh};
}
void DP_NlistSetMask(DP_Nlist* nlist, int mask) { nlist->mask = mask; }
void DP_NlistSetMapping(DP_Nlist* nlist, int* mapping) { nlist->mapping = mapping; }
const char* DP_NlistCheckOK(DP_Nlist*) { return copy_of(""); }
void DP_DeleteNlist(DP_Nlist* nlist) { delete nlist; }

DP_DeepPot* DP_NewDeepPot(const char* c_model) { return open_all<DP_DeepPot>(&c_model, 1); }
DP_DeepPot* DP_NewDeepPotWithParam(const char* c_model, int, const char* c_file_content) {
  const bool has_content = c_file_content != nullptr && c_file_content[0] != 0;
  return open_all<DP_DeepPot>(&c_model, 1, has_content);
}
DP_DeepPot* DP_NewDeepPotWithParam2(const char* c_model, int, const char*, int size_file_content) {
  return open_all<DP_DeepPot>(&c_model, 1, size_file_content > 0);
}
DP_DeepPotModelDevi* DP_NewDeepPotModelDevi(const char** c_models, int n_models) {
  return open_all<DP_DeepPotModelDevi>(c_models, n_models);
}
DP_DeepPotModelDevi* DP_NewDeepPotModelDeviWithParam(const char** c_models, int n_models, int,
                                                     const char**, int n_file_contents,
                                                     const int*) {
  return open_all<DP_DeepPotModelDevi>(c_models, n_models, n_file_contents > 0);
}
DP_DeepTensor* DP_NewDeepTensor(const char* c_model) {
  return open_all<DP_DeepTensor>(&c_model, 1);
}
DP_DeepTensor* DP_NewDeepTensorWithParam(const char* c_model, int, const char*) {
  return open_all<DP_DeepTensor>(&c_model, 1);
}

#define DEEPMD_HANDLE_BODIES(CLASS)                                              \
  void DP_Delete##CLASS(DP_##CLASS* dp) { delete dp; }                           \
  const char* DP_##CLASS##CheckOK(DP_##CLASS* dp) { return copy_of(dp->error); } \
  double DP_##CLASS##GetCutoff(DP_##CLASS* dp) { return dp->record().rcut; }     \
  int DP_##CLASS##GetNumbTypes(DP_##CLASS* dp) { return dp->record().ntypes(); } \
  const char* DP_##CLASS##GetTypeMap(DP_##CLASS* dp) {                           \
    return copy_of(deepmd::joined(dp->record().type_map));                       \
  }

#define DEEPMD_PARAMETER_BODIES(CLASS)                         \
  int DP_##CLASS##GetDimFParam(DP_##CLASS* dp) {               \
    return static_cast<int>(dp->record().dim_fparam);          \
  }                                                            \
  int DP_##CLASS##GetDimAParam(DP_##CLASS* dp) {               \
    return static_cast<int>(dp->record().dim_aparam);          \
  }                                                            \
  bool DP_##CLASS##IsAParamNAll(DP_##CLASS*) { return false; } \
  bool DP_##CLASS##HasDefaultFParam(DP_##CLASS* dp) { return dp->record().has_default_fparam(); }

#define DEEPMD_OUTPUTS {energy, force, virial, atomic_energy, atomic_virial}
#define DEEPMD_COMPUTE_BODIES(CLASS, F, REAL)                                                  \
  void DP_##CLASS##Compute##F(DP_##CLASS* dp, DEEPMD_ATOMS(REAL), DEEPMD_RESULTS(REAL)) {      \
    compute<REAL>(*dp, {1, natom, coord, atype, cell}, DEEPMD_OUTPUTS);                        \
  }                                                                                            \
  void DP_##CLASS##ComputeNList##F(DP_##CLASS* dp, DEEPMD_ATOMS(REAL), DEEPMD_NLIST, int,      \
                                   DEEPMD_RESULTS(REAL)) {                                     \
    compute<REAL>(*dp, {1, natom, coord, atype, cell, nullptr, nullptr, nghost, nlist},        \
                  DEEPMD_OUTPUTS);                                                             \
  }                                                                                            \
  void DP_##CLASS##Compute##F##2(DP_##CLASS * dp, int nframes, DEEPMD_ATOMS(REAL),             \
                                 DEEPMD_PARAMETERS(REAL), DEEPMD_RESULTS(REAL)) {              \
    compute<REAL>(*dp, {nframes, natom, coord, atype, cell, fparam, aparam}, DEEPMD_OUTPUTS);  \
  }                                                                                            \
  void DP_##CLASS##ComputeNList##F##2(DP_##CLASS * dp, int nframes, DEEPMD_ATOMS(REAL),        \
                                      DEEPMD_NLIST, int, DEEPMD_PARAMETERS(REAL),              \
                                      DEEPMD_RESULTS(REAL)) {                                  \
    compute<REAL>(*dp, {nframes, natom, coord, atype, cell, fparam, aparam, nghost, nlist},    \
                  DEEPMD_OUTPUTS);                                                             \
  }                                                                                            \
  void DP_##CLASS##ComputeMixedType##F(DP_##CLASS* dp, int nframes, DEEPMD_ATOMS(REAL),        \
                                       DEEPMD_PARAMETERS(REAL), DEEPMD_RESULTS(REAL)) {        \
    compute<REAL>(*dp, {nframes, natom, coord, atype, cell, fparam, aparam, 0, nullptr, true}, \
                  DEEPMD_OUTPUTS);                                                             \
  }

DEEPMD_HANDLE_BODIES(DeepPot)
DEEPMD_HANDLE_BODIES(DeepPotModelDevi)
DEEPMD_HANDLE_BODIES(DeepTensor)
DEEPMD_PARAMETER_BODIES(DeepPot)
DEEPMD_PARAMETER_BODIES(DeepPotModelDevi)
DEEPMD_COMPUTE_BODIES(DeepPot, , double)
DEEPMD_COMPUTE_BODIES(DeepPot, f, float)
DEEPMD_COMPUTE_BODIES(DeepPotModelDevi, , double)
DEEPMD_COMPUTE_BODIES(DeepPotModelDevi, f, float)

int DP_DeepTensorGetOutputDim(DP_DeepTensor* dt) { return output_dim(*dt); }
int DP_DeepTensorGetNumbSelTypes(DP_DeepTensor* dt) {
  return static_cast<int>(dt->record().sel_types.size());
}
const int* DP_DeepTensorGetSelTypes(DP_DeepTensor* dt) { return dt->record().sel_types.data(); }

void DP_DeepTensorCompute(DP_DeepTensor* dt, DEEPMD_ATOMS(double), DEEPMD_TENSOR_RESULTS) {
  compute_tensor(*dt, {1, natom, coord, atype, cell},
                 {global_tensor, force, virial, nullptr, atomic_virial}, atomic_tensor, size_at);
}

void DP_DeepTensorComputeNList(DP_DeepTensor* dt, DEEPMD_ATOMS(double), DEEPMD_NLIST,
                               DEEPMD_TENSOR_RESULTS) {
  compute_tensor(*dt, {1, natom, coord, atype, cell, nullptr, nullptr, nghost, nlist},
                 {global_tensor, force, virial, nullptr, atomic_virial}, atomic_tensor, size_at);
}

void DP_DeleteChar(const char* text) { std::free(const_cast<char*>(text)); }
void DP_DeleteDouble(double* numbers) { std::free(numbers); }

}  // extern "C"
