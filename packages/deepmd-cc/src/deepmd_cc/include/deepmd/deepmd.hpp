// SPDX-License-Identifier: LGPL-3.0-or-later
// Models from C++ under the names of deepmd-kit's header-only interface, over deepmd/c_api.h. Link
// libdeepmd_cc; no C++ type crosses its boundary, so that any compiler and standard library will
// do.
//
// Lengths in Å, energies in eV; several frames lie one after the other. Each function throws
// deepmd_exception, whose text is one line, where something fails.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/hpp_detail.hpp"

namespace deepmd {
namespace hpp {

// A potential. ENERGY is double, of one frame, or std::vector<double>; REAL is double or float.
class DeepPot {
 public:
  DeepPot() = default;
  explicit DeepPot(const std::string& model, int gpu_rank = 0,
                   const std::string& file_content = "") {
    init(model, gpu_rank, file_content);
  }
  ~DeepPot() { reset(); }
  DeepPot(const DeepPot&) = delete;
  DeepPot& operator=(const DeepPot&) = delete;

  void init(const std::string& model, int gpu_rank = 0, const std::string& file_content = "") {
    reset();
    dp_ = DP_NewDeepPotWithParam2(model.c_str(), gpu_rank, file_content.data(),
                                  static_cast<int>(file_content.size()));
    detail::check(DP_DeepPotCheckOK(dp_));
  }

  template <class REAL, class ENERGY>
  void compute(ENERGY& ener, std::vector<REAL>& force, std::vector<REAL>& virial,
               const std::vector<REAL>& coord, const std::vector<int>& atype,
               const std::vector<REAL>& box, const std::vector<REAL>& fparam = {},
               const std::vector<REAL>& aparam = {}) {
    take(run<REAL>({coord, atype, box, fparam, aparam}, false), ener, force, virial);
  }

  template <class REAL, class ENERGY>
  void compute(ENERGY& ener, std::vector<REAL>& force, std::vector<REAL>& virial,
               std::vector<REAL>& atom_energy, std::vector<REAL>& atom_virial,
               const std::vector<REAL>& coord, const std::vector<int>& atype,
               const std::vector<REAL>& box, const std::vector<REAL>& fparam = {},
               const std::vector<REAL>& aparam = {}) {
    take(run<REAL>({coord, atype, box, fparam, aparam}, true), ener, force, virial, atom_energy,
         atom_virial);
  }

  template <class REAL, class ENERGY>
  void compute(ENERGY& ener, std::vector<REAL>& force, std::vector<REAL>& virial,
               const std::vector<REAL>& coord, const std::vector<int>& atype,
               const std::vector<REAL>& box, int nghost, const InputNlist& lmp_list, int /*ago*/,
               const std::vector<REAL>& fparam = {}, const std::vector<REAL>& aparam = {}) {
    take(run<REAL>({coord, atype, box, fparam, aparam, nghost, &lmp_list}, false), ener, force,
         virial);
  }

  template <class REAL, class ENERGY>
  void compute(ENERGY& ener, std::vector<REAL>& force, std::vector<REAL>& virial,
               std::vector<REAL>& atom_energy, std::vector<REAL>& atom_virial,
               const std::vector<REAL>& coord, const std::vector<int>& atype,
               const std::vector<REAL>& box, int nghost, const InputNlist& lmp_list, int /*ago*/,
               const std::vector<REAL>& fparam = {}, const std::vector<REAL>& aparam = {}) {
    take(run<REAL>({coord, atype, box, fparam, aparam, nghost, &lmp_list}, true), ener, force,
         virial, atom_energy, atom_virial);
  }

  // Frames with types of their own, atype (nframes, natoms).
  template <class REAL, class ENERGY>
  void compute_mixed_type(ENERGY& ener, std::vector<REAL>& force, std::vector<REAL>& virial,
                          int nframes, const std::vector<REAL>& coord,
                          const std::vector<int>& atype, const std::vector<REAL>& box,
                          const std::vector<REAL>& fparam = {},
                          const std::vector<REAL>& aparam = {}) {
    take(run<REAL>({coord, atype, box, fparam, aparam, 0, nullptr, true, nframes}, false), ener,
         force, virial);
  }

  double cutoff() const { return DP_DeepPotGetCutoff(dp_); }
  int numb_types() const { return DP_DeepPotGetNumbTypes(dp_); }
  int dim_fparam() const { return DP_DeepPotGetDimFParam(dp_); }
  int dim_aparam() const { return DP_DeepPotGetDimAParam(dp_); }
  bool is_aparam_nall() const { return DP_DeepPotIsAParamNAll(dp_); }
  bool has_default_fparam() const { return DP_DeepPotHasDefaultFParam(dp_); }
  // Names of the types with blanks between them.
  void get_type_map(std::string& type_map) const {
    const char* text = DP_DeepPotGetTypeMap(dp_);
    type_map = text;
    DP_DeleteChar(text);
  }
  void print_summary(const std::string& pre) const {
    std::string types;
    get_type_map(types);
    std::printf("%stypes: %s, cut-off: %g Å\n", pre.c_str(), types.c_str(), cutoff());
  }

 private:
  void reset() {
    if (dp_ != nullptr) DP_DeleteDeepPot(dp_);
    dp_ = nullptr;
  }

  template <class REAL>
  detail::Results<REAL> run(const detail::Arguments<REAL>& in, bool atomic) {
    if (dp_ == nullptr) throw deepmd_exception("no model is open; call init first.");
    auto results = detail::run<DP_DeepPot, REAL>(dp_, in, 1, atomic);
    detail::check(DP_DeepPotCheckOK(dp_));
    return results;
  }

  template <class REAL, class ENERGY>
  static void take(detail::Results<REAL>&& from, ENERGY& ener, std::vector<REAL>& force,
                   std::vector<REAL>& virial) {
    detail::assign(ener, from.energy);
    force = std::move(from.force);
    virial = std::move(from.virial);
  }

  template <class REAL, class ENERGY>
  static void take(detail::Results<REAL>&& from, ENERGY& ener, std::vector<REAL>& force,
                   std::vector<REAL>& virial, std::vector<REAL>& atom_energy,
                   std::vector<REAL>& atom_virial) {
    atom_energy = std::move(from.atom_energy);
    atom_virial = std::move(from.atom_virial);
    take(std::move(from), ener, force, virial);
  }

  DP_DeepPot* dp_ = nullptr;
};

// Several potentials, and how far they differ.
class DeepPotModelDevi {
 public:
  DeepPotModelDevi() = default;
  explicit DeepPotModelDevi(const std::vector<std::string>& models, int gpu_rank = 0) {
    init(models, gpu_rank);
  }
  ~DeepPotModelDevi() { reset(); }
  DeepPotModelDevi(const DeepPotModelDevi&) = delete;
  DeepPotModelDevi& operator=(const DeepPotModelDevi&) = delete;

  void init(const std::vector<std::string>& models, int gpu_rank = 0,
            const std::vector<std::string>& /*file_contents*/ = {}) {
    reset();
    std::vector<const char*> names;
    for (const std::string& model : models) names.push_back(model.c_str());
    nmodels_ = models.size();
    dp_ = DP_NewDeepPotModelDeviWithParam(names.data(), static_cast<int>(nmodels_), gpu_rank,
                                          nullptr, 0, nullptr);
    detail::check(DP_DeepPotModelDeviCheckOK(dp_));
  }

  // Results of each model.
  template <class REAL>
  void compute(std::vector<double>& all_ener, std::vector<std::vector<REAL>>& all_force,
               std::vector<std::vector<REAL>>& all_virial, const std::vector<REAL>& coord,
               const std::vector<int>& atype, const std::vector<REAL>& box,
               const std::vector<REAL>& fparam = {}, const std::vector<REAL>& aparam = {}) {
    take(run<REAL>({coord, atype, box, fparam, aparam}, false), all_ener, all_force, all_virial);
  }

  template <class REAL>
  void compute(std::vector<double>& all_ener, std::vector<std::vector<REAL>>& all_force,
               std::vector<std::vector<REAL>>& all_virial, const std::vector<REAL>& coord,
               const std::vector<int>& atype, const std::vector<REAL>& box, int nghost,
               const InputNlist& lmp_list, int /*ago*/, const std::vector<REAL>& fparam = {},
               const std::vector<REAL>& aparam = {}) {
    take(run<REAL>({coord, atype, box, fparam, aparam, nghost, &lmp_list}, false), all_ener,
         all_force, all_virial);
  }

  template <class REAL>
  void compute(std::vector<double>& all_ener, std::vector<std::vector<REAL>>& all_force,
               std::vector<std::vector<REAL>>& all_virial,
               std::vector<std::vector<REAL>>& all_atom_energy,
               std::vector<std::vector<REAL>>& all_atom_virial, const std::vector<REAL>& coord,
               const std::vector<int>& atype, const std::vector<REAL>& box, int nghost,
               const InputNlist& lmp_list, int /*ago*/, const std::vector<REAL>& fparam = {},
               const std::vector<REAL>& aparam = {}) {
    auto results = run<REAL>({coord, atype, box, fparam, aparam, nghost, &lmp_list}, true);
    all_atom_energy = detail::split(results.atom_energy, nmodels_);
    all_atom_virial = detail::split(results.atom_virial, nmodels_);
    take(std::move(results), all_ener, all_force, all_virial);
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

  double cutoff() const { return DP_DeepPotModelDeviGetCutoff(dp_); }
  int numb_types() const { return DP_DeepPotModelDeviGetNumbTypes(dp_); }
  int dim_fparam() const { return DP_DeepPotModelDeviGetDimFParam(dp_); }
  int dim_aparam() const { return DP_DeepPotModelDeviGetDimAParam(dp_); }
  bool is_aparam_nall() const { return DP_DeepPotModelDeviIsAParamNAll(dp_); }

 private:
  void reset() {
    if (dp_ != nullptr) DP_DeleteDeepPotModelDevi(dp_);
    dp_ = nullptr;
  }

  template <class REAL>
  detail::Results<REAL> run(const detail::Arguments<REAL>& in, bool atomic) {
    if (dp_ == nullptr) throw deepmd_exception("no model is open; call init first.");
    auto results = detail::run<DP_DeepPotModelDevi, REAL>(dp_, in, nmodels_, atomic);
    detail::check(DP_DeepPotModelDeviCheckOK(dp_));
    return results;
  }

  template <class REAL>
  void take(detail::Results<REAL>&& from, std::vector<double>& all_ener,
            std::vector<std::vector<REAL>>& all_force,
            std::vector<std::vector<REAL>>& all_virial) const {
    all_ener = std::move(from.energy);
    all_force = detail::split(from.force, nmodels_);
    all_virial = detail::split(from.virial, nmodels_);
  }

  DP_DeepPotModelDevi* dp_ = nullptr;
  std::size_t nmodels_ = 0;
};

// A model whose output is a vector of k components: a dipole.
class DeepTensor {
 public:
  DeepTensor() = default;
  explicit DeepTensor(const std::string& model, int gpu_rank = 0) { init(model, gpu_rank); }
  ~DeepTensor() { reset(); }
  DeepTensor(const DeepTensor&) = delete;
  DeepTensor& operator=(const DeepTensor&) = delete;

  void init(const std::string& model, int gpu_rank = 0, const std::string& name_scope = "") {
    reset();
    dt_ = DP_NewDeepTensorWithParam(model.c_str(), gpu_rank, name_scope.c_str());
    detail::check(DP_DeepTensorCheckOK(dt_));
  }

  // global_tensor (k), force (k, natoms, 3), virial (k, 9), atom_tensor (natoms, k), atom_virial
  // (k, natoms, 9).
  void compute(std::vector<double>& global_tensor, std::vector<double>& force,
               std::vector<double>& virial, std::vector<double>& atom_tensor,
               std::vector<double>& atom_virial, const std::vector<double>& coord,
               const std::vector<int>& atype, const std::vector<double>& box) {
    const auto natoms = static_cast<int>(atype.size());
    const std::size_t k = output_dim();
    global_tensor.assign(k, 0);
    force.assign(k * natoms * 3, 0);
    virial.assign(k * 9, 0);
    atom_virial.assign(k * natoms * 9, 0);
    double* values = nullptr;
    int size = 0;
    DP_DeepTensorCompute(dt_, natoms, coord.data(), atype.data(), detail::data_or_null(box),
                         global_tensor.data(), force.data(), virial.data(), &values,
                         atom_virial.data(), &size);
    if (values != nullptr) atom_tensor.assign(values, values + size);
    DP_DeleteDouble(values);
    detail::check(DP_DeepTensorCheckOK(dt_));
  }

  double cutoff() const { return DP_DeepTensorGetCutoff(dt_); }
  int numb_types() const { return DP_DeepTensorGetNumbTypes(dt_); }
  int output_dim() const { return DP_DeepTensorGetOutputDim(dt_); }

 private:
  void reset() {
    if (dt_ != nullptr) DP_DeleteDeepTensor(dt_);
    dt_ = nullptr;
  }

  DP_DeepTensor* dt_ = nullptr;
};

}  // namespace hpp
}  // namespace deepmd
