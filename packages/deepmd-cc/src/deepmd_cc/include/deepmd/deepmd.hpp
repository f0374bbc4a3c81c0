// SPDX-License-Identifier: LGPL-3.0-or-later
// Models from C++ under the names of deepmd-kit's header-only interface, over deepmd/c_api.h. Link
// libdeepmd_cc; no C++ type crosses its boundary, so that any compiler and standard library will
// do.
//
// Lengths in Å, energies in eV; several frames lie one after the other. Each function throws
// deepmd_exception, whose text is one line, where something fails.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/hpp_detail.hpp"

namespace deepmd::hpp {

namespace detail {

// Potentials, one or several of the same types. REAL is double or float. Results of one model:
// ENERGY is double, of one frame, or std::vector<double>, ROWS std::vector<REAL>; of several:
// std::vector<double>, and ROWS a vector of those.
template <class Handle>
class Potential : public Open<Handle> {
 public:
  template <class REAL, class ENERGY, class ROWS>
  void compute(ENERGY& ener, ROWS& force, ROWS& virial, const std::vector<REAL>& coord,
               const std::vector<int>& atype, const std::vector<REAL>& box,
               const std::vector<REAL>& fparam = {}, const std::vector<REAL>& aparam = {}) {
    run<REAL>({coord, atype, box, fparam, aparam}, ener, force, virial);
  }

  template <class REAL, class ENERGY, class ROWS>
  void compute(ENERGY& ener, ROWS& force, ROWS& virial, ROWS& atom_energy, ROWS& atom_virial,
               const std::vector<REAL>& coord, const std::vector<int>& atype,
               const std::vector<REAL>& box, const std::vector<REAL>& fparam = {},
               const std::vector<REAL>& aparam = {}) {
    run<REAL>({coord, atype, box, fparam, aparam}, ener, force, virial, &atom_energy, &atom_virial);
  }

  template <class REAL, class ENERGY, class ROWS>
  void compute(ENERGY& ener, ROWS& force, ROWS& virial, const std::vector<REAL>& coord,
               const std::vector<int>& atype, const std::vector<REAL>& box, int nghost,
               const InputNlist& lmp_list, int /*ago*/, const std::vector<REAL>& fparam = {},
               const std::vector<REAL>& aparam = {}) {
    run<REAL>({coord, atype, box, fparam, aparam, nghost, &lmp_list}, ener, force, virial);
  }

  template <class REAL, class ENERGY, class ROWS>
  void compute(ENERGY& ener, ROWS& force, ROWS& virial, ROWS& atom_energy, ROWS& atom_virial,
               const std::vector<REAL>& coord, const std::vector<int>& atype,
               const std::vector<REAL>& box, int nghost, const InputNlist& lmp_list, int /*ago*/,
               const std::vector<REAL>& fparam = {}, const std::vector<REAL>& aparam = {}) {
    run<REAL>({coord, atype, box, fparam, aparam, nghost, &lmp_list}, ener, force, virial,
              &atom_energy, &atom_virial);
  }

  // Frames with types of their own, atype (nframes, natoms).
  template <class REAL, class ENERGY, class ROWS>
  void compute_mixed_type(ENERGY& ener, ROWS& force, ROWS& virial, int nframes,
                          const std::vector<REAL>& coord, const std::vector<int>& atype,
                          const std::vector<REAL>& box, const std::vector<REAL>& fparam = {},
                          const std::vector<REAL>& aparam = {}) {
    run<REAL>({coord, atype, box, fparam, aparam, 0, nullptr, std::max(nframes, 0)}, ener, force,
              virial);
  }

  int dim_fparam() const { return Compute<Handle, double>::dim_fparam(this->handle()); }
  int dim_aparam() const { return Compute<Handle, double>::dim_aparam(this->handle()); }
  bool is_aparam_nall() const { return Compute<Handle, double>::is_aparam_nall(this->handle()); }
  bool has_default_fparam() const {
    return Compute<Handle, double>::has_default_fparam(this->handle());
  }

 protected:
  std::size_t nmodels_ = 1;

 private:
  template <class REAL, class ENERGY, class ROWS>
  void run(const Arguments<REAL>& in, ENERGY& ener, ROWS& force, ROWS& virial,
           ROWS* atom_energy = nullptr, ROWS* atom_virial = nullptr) {
    using Call = Compute<Handle, REAL>;
    in.check();
    const int nframes = in.nframes(), natoms = in.natoms();
    const std::size_t n = nmodels_ * nframes, per_atom = atom_energy == nullptr ? 0 : n;
    const auto fparam = parameters("fparam", in.fparam, nframes, 1, dim_fparam());
    const auto aparam = parameters("aparam", in.aparam, nframes, natoms - in.nghost, dim_aparam());
    // results of all models and frames, one after the other
    std::vector<double> e(n);
    std::vector<REAL> f(n * natoms * 3), v(n * 9);
    std::vector<REAL> atom_e(per_atom * (natoms - in.nghost)), atom_v(per_atom * natoms * 9);
    // what stands before and behind the parameters in all functions
    const auto call = [&](auto function, auto... list) {
      function(this->handle(), nframes, natoms, in.coord.data(), in.atype.data(),
               data_or_null(in.box), list..., data_or_null(fparam), data_or_null(aparam), e.data(),
               f.data(), v.data(), per_atom == 0 ? nullptr : atom_e.data(),
               per_atom == 0 ? nullptr : atom_v.data());
    };
    if (in.nlist != nullptr)
      call(Call::compute_nlist, in.nghost, in.nlist->nl, 0);
    else
      call(in.nframes_of_types >= 0 ? Call::compute_mixed_type : Call::compute);
    this->check();
    assign(ener, e, nmodels_);
    assign(force, f, nmodels_);
    assign(virial, v, nmodels_);
    if (atom_energy != nullptr) assign(*atom_energy, atom_e, nmodels_);
    if (atom_virial != nullptr) assign(*atom_virial, atom_v, nmodels_);
  }
};

}  // namespace detail

class DeepPot : public detail::Potential<DP_DeepPot> {
 public:
  DeepPot() = default;
  explicit DeepPot(const std::string& model, int gpu_rank = 0,
                   const std::string& file_content = "") {
    init(model, gpu_rank, file_content);
  }

  void init(const std::string& model, int gpu_rank = 0, const std::string& file_content = "") {
    reset(DP_NewDeepPotWithParam2(model.c_str(), gpu_rank, file_content.data(),
                                  static_cast<int>(file_content.size())));
    check();
  }

  void print_summary(const std::string& pre) const {
    std::string types;
    get_type_map(types);
    std::printf("%stypes: %s, cut-off: %g Å\n", pre.c_str(), types.c_str(), cutoff());
  }
};

// Several potentials, and how far they differ.
class DeepPotModelDevi : public detail::Potential<DP_DeepPotModelDevi> {
 public:
  DeepPotModelDevi() = default;
  explicit DeepPotModelDevi(const std::vector<std::string>& models, int gpu_rank = 0) {
    init(models, gpu_rank);
  }

  void init(const std::vector<std::string>& models, int gpu_rank = 0,
            const std::vector<std::string>& /*file_contents*/ = {}) {
    std::vector<const char*> names;
    for (const std::string& model : models) names.push_back(model.c_str());
    nmodels_ = models.size();
    reset(DP_NewDeepPotModelDeviWithParam(names.data(), static_cast<int>(nmodels_), gpu_rank,
                                          nullptr, 0, nullptr));
    check();
  }

  // Mean over the models of numbers or vectors.
  template <class REAL>
  void compute_avg(std::vector<REAL>& avg, const std::vector<std::vector<REAL>>& all) const {
    avg.assign(all.empty() ? 0 : all.front().size(), REAL(0));
    for (const auto& each : all)
      for (std::size_t k = 0; k < avg.size(); ++k) avg[k] += each[k] / REAL(all.size());
  }

  // Root mean square, over the models, of the distance from their mean, of groups of `stride`
  // numbers.
  template <class REAL>
  void compute_std(std::vector<REAL>& std, const std::vector<REAL>& avg,
                   const std::vector<std::vector<REAL>>& all, int stride) const {
    std.assign(avg.size() / stride, REAL(0));
    for (const auto& each : all)
      for (std::size_t k = 0; k < avg.size(); ++k)
        std[k / stride] += (each[k] - avg[k]) * (each[k] - avg[k]) / REAL(all.size());
    for (REAL& value : std) value = std::sqrt(value);
  }

  template <class REAL>
  void compute_std_e(std::vector<REAL>& std, const std::vector<REAL>& avg,
                     const std::vector<std::vector<REAL>>& all) const {
    compute_std(std, avg, all, 1);
  }

  template <class REAL>
  void compute_std_f(std::vector<REAL>& std, const std::vector<REAL>& avg,
                     const std::vector<std::vector<REAL>>& all) const {
    compute_std(std, avg, all, 3);
  }

  // Deviations divided by the length of the mean plus eps.
  template <class REAL>
  void compute_relative_std_f(std::vector<REAL>& std, const std::vector<REAL>& avg,
                              REAL eps) const {
    for (std::size_t k = 0; k < std.size(); ++k) {
      const REAL* f = avg.data() + 3 * k;
      std[k] /= std::sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2]) + eps;
    }
  }
};

// A model whose output is a vector of k components: a dipole.
class DeepTensor : public detail::Open<DP_DeepTensor> {
 public:
  DeepTensor() = default;
  explicit DeepTensor(const std::string& model, int gpu_rank = 0) { init(model, gpu_rank); }

  void init(const std::string& model, int gpu_rank = 0, const std::string& name_scope = "") {
    reset(DP_NewDeepTensorWithParam(model.c_str(), gpu_rank, name_scope.c_str()));
    check();
    const int* types = DP_DeepTensorGetSelTypes(handle());
    sel_types_.assign(types, types + DP_DeepTensorGetNumbSelTypes(handle()));
  }

  // global_tensor (k), force (k, natoms, 3), virial (k, 9), atom_tensor (natoms, k), atom_virial
  // (k, natoms, 9).
  void compute(std::vector<double>& global_tensor, std::vector<double>& force,
               std::vector<double>& virial, std::vector<double>& atom_tensor,
               std::vector<double>& atom_virial, const std::vector<double>& coord,
               const std::vector<int>& atype, const std::vector<double>& box) {
    const std::vector<double> none;
    const detail::Arguments<double> in{coord, atype, box, none, none};
    in.check();
    if (in.nframes() != 1) throw deepmd_exception("coord is of several frames; give one.");
    const int natoms = in.natoms();
    const std::size_t k = output_dim();
    global_tensor.assign(k, 0);
    force.assign(k * natoms * 3, 0);
    virial.assign(k * 9, 0);
    atom_virial.assign(k * natoms * 9, 0);
    double* values = nullptr;
    int size = 0;
    DP_DeepTensorCompute(handle(), natoms, coord.data(), atype.data(), detail::data_or_null(box),
                         global_tensor.data(), force.data(), virial.data(), &values,
                         atom_virial.data(), &size);
    if (values != nullptr) atom_tensor.assign(values, values + size);
    DP_DeleteDouble(values);
    check();
  }

  int output_dim() const { return DP_DeepTensorGetOutputDim(handle()); }
  // The types whose atoms have values.
  const std::vector<int>& sel_types() const { return sel_types_; }

 private:
  std::vector<int> sel_types_;
};

}  // namespace deepmd::hpp
