// SPDX-License-Identifier: LGPL-3.0-or-later
// What the classes of deepmd/deepmd.hpp are made of: vectors in, vectors out, over deepmd/c_api.h.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "deepmd/c_api.h"

namespace deepmd {
namespace hpp {

struct deepmd_exception : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The neighbor list of an MD program: of each of the first inum local atoms its number, the number
// of its neighbors, and their indices. The arrays stay the caller's.
struct InputNlist {
  InputNlist() = default;
  InputNlist(int inum, int* ilist, int* numneigh, int** firstneigh)
      : nl(DP_NewNlist(inum, ilist, numneigh, firstneigh)) {}
  ~InputNlist() {
    if (nl != nullptr) DP_DeleteNlist(nl);
  }
  InputNlist(const InputNlist&) = delete;
  InputNlist& operator=(const InputNlist&) = delete;

  // Bits of an entry that are the index of a neighbor.
  void set_mask(int mask) { DP_NlistSetMask(nl, mask); }
  // Of which local atom each atom is an image, for all atoms; models that pass messages need it.
  void set_mapping(int* mapping) { DP_NlistSetMapping(nl, mapping); }

  DP_Nlist* nl = nullptr;
};

namespace detail {

inline void check(const char* text) {
  const std::string error = text;
  DP_DeleteChar(text);
  if (!error.empty()) throw deepmd_exception(error);
}

// nullptr for what was left out.
template <class T>
const T* data_or_null(const std::vector<T>& numbers) {
  return numbers.empty() ? nullptr : numbers.data();
}

inline std::size_t frames_of(std::size_t ncoord, std::size_t natoms) {
  return natoms == 0 ? 1 : ncoord / natoms / 3;
}

// The functions of the C interface, by handle and by precision.
template <class Handle, class Real>
struct Functions;

#define DEEPMD_FUNCTIONS(CLASS, F, REAL)                                         \
  template <>                                                                    \
  struct Functions<DP_##CLASS, REAL> {                                           \
    static constexpr auto compute = &DP_##CLASS##Compute##F##2;                  \
    static constexpr auto compute_nlist = &DP_##CLASS##ComputeNList##F##2;       \
    static constexpr auto compute_mixed_type = &DP_##CLASS##ComputeMixedType##F; \
  };
DEEPMD_FUNCTIONS(DeepPot, , double)
DEEPMD_FUNCTIONS(DeepPot, f, float)
DEEPMD_FUNCTIONS(DeepPotModelDevi, , double)
DEEPMD_FUNCTIONS(DeepPotModelDevi, f, float)
#undef DEEPMD_FUNCTIONS

// Results of all models and frames, one after the other.
template <class Real>
struct Results {
  std::vector<double> energy;
  std::vector<Real> force, virial, atom_energy, atom_virial;

  Results(std::size_t count, std::size_t natoms, std::size_t nloc, bool atomic)
      : energy(count), force(count * natoms * 3), virial(count * 9) {
    if (!atomic) return;
    atom_energy.resize(count * nloc);
    atom_virial.resize(count * natoms * 9);
  }
};

// What the caller gives.
template <class Real>
struct Arguments {
  const std::vector<Real>& coord;
  const std::vector<int>& atype;
  const std::vector<Real>& box;
  const std::vector<Real>& fparam;
  const std::vector<Real>& aparam;
  int nghost = 0;
  const InputNlist* nlist = nullptr;
  bool mixed_type = false;
  int nframes = 0;  // of mixed types; else found from the coordinates

  std::size_t frames() const {
    return mixed_type ? static_cast<std::size_t>(nframes) : frames_of(coord.size(), atype.size());
  }
  std::size_t natoms() const { return mixed_type ? atype.size() / frames() : atype.size(); }
};

template <class Handle, class Real>
Results<Real> run(Handle* handle, const Arguments<Real>& in, std::size_t nmodels, bool atomic) {
  using Call = Functions<Handle, Real>;
  const std::size_t natoms = in.natoms(), nframes = in.frames();
  if (in.coord.size() != nframes * natoms * 3)
    throw deepmd_exception("coord has " + std::to_string(in.coord.size()) +
                           " numbers; expected 3 for each of " + std::to_string(natoms) +
                           " atoms.");
  if (!in.box.empty() && in.box.size() != nframes * 9)
    throw deepmd_exception("box has " + std::to_string(in.box.size()) +
                           " numbers; expected 9 a frame, or none.");
  Results<Real> out(nmodels * nframes, natoms, natoms - in.nghost, atomic);
  Real* atom_energy = atomic ? out.atom_energy.data() : nullptr;
  Real* atom_virial = atomic ? out.atom_virial.data() : nullptr;
  const Real *box = data_or_null(in.box), *fparam = data_or_null(in.fparam),
             *aparam = data_or_null(in.aparam);
  const int frames = static_cast<int>(nframes), atoms = static_cast<int>(natoms);
  if (in.nlist != nullptr)
    Call::compute_nlist(handle, frames, atoms, in.coord.data(), in.atype.data(), box, in.nghost,
                        in.nlist->nl, 0, fparam, aparam, out.energy.data(), out.force.data(),
                        out.virial.data(), atom_energy, atom_virial);
  else
    (in.mixed_type ? Call::compute_mixed_type : Call::compute)(
        handle, frames, atoms, in.coord.data(), in.atype.data(), box, fparam, aparam,
        out.energy.data(), out.force.data(), out.virial.data(), atom_energy, atom_virial);
  return out;
}

inline void assign(double& target, const std::vector<double>& values) { target = values.at(0); }
inline void assign(std::vector<double>& target, const std::vector<double>& values) {
  target = values;
}

// The part of each model.
template <class T>
std::vector<std::vector<T>> split(const std::vector<T>& all, std::size_t nmodels) {
  std::vector<std::vector<T>> parts;
  const std::size_t size = nmodels == 0 ? 0 : all.size() / nmodels;
  for (std::size_t m = 0; m < nmodels; ++m)
    parts.emplace_back(all.begin() + m * size, all.begin() + (m + 1) * size);
  return parts;
}

}  // namespace detail

}  // namespace hpp
}  // namespace deepmd
