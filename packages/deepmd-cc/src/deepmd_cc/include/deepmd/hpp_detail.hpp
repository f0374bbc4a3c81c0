// SPDX-License-Identifier: LGPL-3.0-or-later
// What the classes of deepmd/deepmd.hpp are made of: vectors in, vectors out, over deepmd/c_api.h.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "deepmd/c_api.h"

namespace deepmd::hpp {

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

// nullptr for what was left out.
template <class T>
const T* data_or_null(const std::vector<T>& numbers) {
  return numbers.empty() ? nullptr : numbers.data();
}

// Text that the C interface has allocated.
inline std::string taken(const char* text) {
  const std::string copy = text == nullptr ? "" : text;
  DP_DeleteChar(text);
  return copy;
}

// The functions of the C interface, by handle and by precision.
template <class Handle>
struct Functions;
template <class Handle, class Real>
struct Compute;

#define DEEPMD_FUNCTIONS(CLASS)                                   \
  template <>                                                     \
  struct Functions<DP_##CLASS> {                                  \
    static constexpr auto remove = &DP_Delete##CLASS;             \
    static constexpr auto check_ok = &DP_##CLASS##CheckOK;        \
    static constexpr auto cutoff = &DP_##CLASS##GetCutoff;        \
    static constexpr auto numb_types = &DP_##CLASS##GetNumbTypes; \
    static constexpr auto get_type_map = &DP_##CLASS##GetTypeMap; \
  };
#define DEEPMD_POTENTIAL_FUNCTIONS(CLASS, F, REAL)                               \
  template <>                                                                    \
  struct Compute<DP_##CLASS, REAL> {                                             \
    static constexpr auto compute = &DP_##CLASS##Compute##F##2;                  \
    static constexpr auto compute_nlist = &DP_##CLASS##ComputeNList##F##2;       \
    static constexpr auto compute_mixed_type = &DP_##CLASS##ComputeMixedType##F; \
    static constexpr auto dim_fparam = &DP_##CLASS##GetDimFParam;                \
    static constexpr auto dim_aparam = &DP_##CLASS##GetDimAParam;                \
    static constexpr auto is_aparam_nall = &DP_##CLASS##IsAParamNAll;            \
    static constexpr auto has_default_fparam = &DP_##CLASS##HasDefaultFParam;    \
  };
DEEPMD_FUNCTIONS(DeepPot)
DEEPMD_FUNCTIONS(DeepPotModelDevi)
DEEPMD_FUNCTIONS(DeepTensor)
DEEPMD_POTENTIAL_FUNCTIONS(DeepPot, , double)
DEEPMD_POTENTIAL_FUNCTIONS(DeepPot, f, float)
DEEPMD_POTENTIAL_FUNCTIONS(DeepPotModelDevi, , double)
DEEPMD_POTENTIAL_FUNCTIONS(DeepPotModelDevi, f, float)
#undef DEEPMD_FUNCTIONS
#undef DEEPMD_POTENTIAL_FUNCTIONS

// Models that are open, of any class.
template <class Handle>
class Open {
 public:
  Open() = default;
  ~Open() { reset(nullptr); }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

  double cutoff() const { return Functions<Handle>::cutoff(handle()); }
  int numb_types() const { return Functions<Handle>::numb_types(handle()); }
  // Names of the types with blanks between them.
  void get_type_map(std::string& type_map) const {
    type_map = taken(Functions<Handle>::get_type_map(handle()));
  }

 protected:
  Handle* handle() const {
    if (handle_ == nullptr) throw deepmd_exception("no model is open; call init first.");
    return handle_;
  }
  void reset(Handle* handle) {
    if (handle_ != nullptr) Functions<Handle>::remove(handle_);
    handle_ = handle;
  }
  // Throws the reason of the last failure.
  void check() const {
    const std::string error = taken(Functions<Handle>::check_ok(handle_));
    if (!error.empty()) throw deepmd_exception(error);
  }

 private:
  Handle* handle_ = nullptr;
};

// Parameters of all frames, (nframes, nrows, dim), of which the caller may give those of one frame
// or of one row, the same for all; empty: none.
template <class Real>
std::vector<Real> parameters(const char* name, const std::vector<Real>& given, std::size_t nframes,
                             std::size_t nrows, std::size_t dim) {
  const std::size_t n = given.size(), total = nframes * nrows * dim;
  if (n > 0 && (dim == 0 || (n != dim && n != nrows * dim && n != total)))
    throw deepmd_exception(std::string(name) + " has " + std::to_string(n) +
                           " numbers; the model takes " + std::to_string(dim) + ".");
  std::vector<Real> all;
  while (n > 0 && all.size() < total) all.insert(all.end(), given.begin(), given.end());
  return all;
}

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
  int nframes_of_types = -1;  // where each frame has its types; -1: all have the same

  int natoms() const { return static_cast<int>(atype.size()) / std::max(nframes_of_types, 1); }
  int nframes() const {
    if (nframes_of_types >= 0) return nframes_of_types;
    return natoms() == 0 ? 1 : std::max(static_cast<int>(coord.size()) / natoms() / 3, 1);
  }

  void check() const {
    const std::size_t n = nframes(), all = n * natoms();
    if (coord.size() != 3 * all || (nframes_of_types >= 0 && atype.size() != all))
      throw deepmd_exception("coord has " + std::to_string(coord.size()) + " numbers, atype " +
                             std::to_string(atype.size()) + "; expected 3 for each of " +
                             std::to_string(natoms()) + " atoms in " + std::to_string(n) +
                             " frames.");
    if (nghost < 0 || nghost > natoms())
      throw deepmd_exception("nghost is " + std::to_string(nghost) + ", of " +
                             std::to_string(natoms()) + " atoms.");
    if (!box.empty() && box.size() != n * 9)
      throw deepmd_exception("box has " + std::to_string(box.size()) +
                             " numbers; expected 9 a frame, or none.");
  }
};

// Results as the caller wants them: of the only frame, of all, or a vector for each model.
inline void assign(double& target, const std::vector<double>& from, std::size_t) {
  if (from.size() != 1)
    throw deepmd_exception("there are " + std::to_string(from.size()) +
                           " energies; give a std::vector<double> for them.");
  target = from[0];
}
template <class T>
void assign(std::vector<T>& target, const std::vector<T>& from, std::size_t) {
  target = from;
}
template <class T>
void assign(std::vector<std::vector<T>>& target, const std::vector<T>& from, std::size_t nmodels) {
  target.clear();
  const std::size_t size = from.size() / nmodels;
  for (auto part = from.begin(); target.size() < nmodels; part += size)
    target.emplace_back(part, part + size);
}

}  // namespace detail

}  // namespace deepmd::hpp
