// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A model of a descriptor and a fitting net, T being double or float.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "block_model.hpp"
#include "descriptor.hpp"
#include "fitting.hpp"

namespace deepmd::engine {

template <class T>
class NetModel final : public BlockModel {
 public:
  NetModel(const ModelSpec& spec, std::size_t nworkers)
      : BlockModel(spec), kernels_(kernels<T>()), work_(nworkers) {
    const bool plain = is_set("DEEPMD_PLAIN_NETS");
    InputColumns columns;
    std::int64_t offset = 0;
    std::vector<std::int32_t> all;
    for (std::int32_t t = 0; t < spec_.ntypes(); ++t) all.push_back(t);
    for (const auto& part : spec_.parts) {
      parts_.push_back(Descriptor<T>::make(part, kernels_, plain, nworkers));
      // so the first step takes no longer; of many types only those that occur are worth the time
      if (spec_.ntypes() <= 8) parts_.back()->prepare(all);
      offsets_.push_back(std::int64_t(columns.size()));
      for (auto [first, second] : parts_.back()->columns())
        columns.emplace_back(offset + first, second < 0 ? -1 : offset + second);
      offset += part.dim_out();
      nvectors_ += part.dim_vectors();
    }
    offsets_.push_back(std::int64_t(columns.size()));
    for (std::int64_t k = 0; k < spec_.fitting.nextra(); ++k) columns.emplace_back(offset + k, -1);
    for (const Net& net : spec_.fitting.nets)
      nets_.push_back(std::make_unique<FittingNet<T>>(net, columns, kernels_));
    ldx_ = (std::int64_t(columns.size()) + 15) / 16 * 16;
  }

  void check(const Frame& frame) const override {
    fparam_of(frame);
    if (spec_.fitting.dim_aparam > 0 && frame.aparam == nullptr && frame.nloc > 0)
      throw Error("the model needs aparam of " + std::to_string(spec_.fitting.dim_aparam) +
                  " numbers an atom; give it");
  }

  void prepare(const std::vector<std::int32_t>& present) override {
    for (auto& part : parts_) part->prepare(present);
  }

  std::string path() const override {
    std::string found;
    for (std::size_t p = 0; p < parts_.size(); ++p)
      found += (p == 0 ? "" : ", ") + spec_.parts[p].name + ": " + parts_[p]->path();
    return found;
  }

 private:
  struct Work {  // of a worker
    FittingWork<T> fitting, vacuum;
    std::vector<T> x, empty_x, numbers, by_numbers, vectors;
  };

  static bool is_set(const char* variable) {
    const char* text = std::getenv(variable);
    return text != nullptr && *text != '\0' && std::string(text) != "0";
  }

  const FittingNet<T>& net_of(std::int32_t type) const {
    return *nets_[spec_.fitting.is_mixed ? 0 : type];
  }

  const double* fparam_of(const Frame& frame) const {
    const FittingSpec& fitting = spec_.fitting;
    if (fitting.dim_fparam == 0 || frame.fparam != nullptr) return frame.fparam;
    if (fitting.default_fparam.empty())
      throw Error("the model needs fparam of " + std::to_string(fitting.dim_fparam) +
                  " numbers; give it");
    return fitting.default_fparam.data();
  }

  void add_values(const Frame& frame, const Block& block, Worker& worker, double* values) override {
    Work& work = work_[worker.number];
    work.x.resize(block.size * ldx_);
    for (std::size_t p = 0; p < parts_.size(); ++p)
      parts_[p]->forward(frame, block, spec_.excluded, worker, {work.x.data() + offsets_[p], ldx_});
    fill_parameters(frame, block, work.x);
    evaluate_fitting(frame, block, work);
    if (spec_.output != Output::energy) collect_vectors(block, worker);
    give_values(block, work, values);
    worker.timing.add(Phase::fitting);
  }

  void fill_parameters(const Frame& frame, const Block& block, std::vector<T>& x) const {
    const FittingSpec& fitting = spec_.fitting;
    const double* fparam = fparam_of(frame);
    for (std::int64_t i = 0; i < block.size && fitting.nextra() > 0; ++i) {
      T* next = &x[i * ldx_ + offsets_.back()];
      for (std::int64_t k = 0; k < fitting.dim_fparam; ++k)
        *next++ = T((fparam[k] - fitting.fparam_avg[k]) * fitting.fparam_inv_std[k]);
      const double* aparam = frame.aparam + block.atoms[i] * fitting.dim_aparam;
      for (std::int64_t k = 0; k < fitting.dim_aparam && !fitting.aparam_is_mask; ++k)
        *next++ = T((aparam[k] - fitting.aparam_avg[k]) * fitting.aparam_inv_std[k]);
      for (const double number : fitting.case_embd) *next++ = T(number);
    }
  }

  /// The nets' numbers with their bias, (size, net.ld()).
  void evaluate_fitting(const Frame& frame, const Block& block, Work& work) const {
    const FittingNet<T>& net = net_of(block.type);
    const std::int64_t size = block.size * net.ld(), nout = net.nout();
    const T* values = net.forward(block.size, work.x.data(), ldx_, work.fitting);
    work.numbers.assign(values, values + size);
    if (spec_.fitting.from_vacuum[block.type]) {
      work.empty_x.assign(work.x.size(), T(0));
      fill_parameters(frame, block, work.empty_x);
      const T* vacuum = net.forward(block.size, work.empty_x.data(), ldx_, work.vacuum);
      for (std::int64_t k = 0; k < size; ++k) work.numbers[k] -= vacuum[k];
    }
    for (std::int64_t i = 0; i < block.size; ++i)
      for (std::int64_t k = 0; k < nout; ++k)
        work.numbers[i * net.ld() + k] += T(spec_.fitting.bias[block.type * nout + k]);
  }

  /// The descriptors' vectors, (size, nvectors, 3).
  void collect_vectors(const Block& block, const Worker& worker) {
    std::vector<T>& vectors = work_[worker.number].vectors;
    vectors.resize(block.size * nvectors_ * 3);
    std::int64_t first = 0;
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      const std::int64_t ld = parts_[p]->ld(), own = spec_.parts[p].dim_vectors();
      const T* m = parts_[p]->moments(worker);
      for (std::int64_t i = 0; i < block.size; ++i)
        for (std::int64_t k = 0; k < own; ++k)
          for (std::int64_t c = 0; c < 3; ++c)
            vectors[(i * nvectors_ + first + k) * 3 + c] = m[(i * 4 + 1 + c) * ld + k];
      first += own;
    }
  }

  void give_values(const Block& block, const Work& work, double* values) const {
    const std::int64_t ld = net_of(block.type).ld(), n = spec_.ncomponents();
    for (std::int64_t i = 0; i < block.size; ++i) {
      const T *numbers = &work.numbers[i * ld], *vectors = work.vectors.data() + i * nvectors_ * 3;
      if (spec_.output == Output::energy)
        values[i] = double(numbers[0]);
      else if (spec_.output == Output::dipole)
        for (std::int64_t m = 0; m < nvectors_; ++m)
          for (int c = 0; c < 3; ++c) values[i * n + c] += double(numbers[m]) * vectors[m * 3 + c];
      else
        add_polarizability(numbers, vectors, spec_.fitting.scale[block.type], values + i * n);
    }
  }

  /// scale R^T P R, row by row, with the vectors R and the matrix P of the net's numbers,
  /// symmetrized or diagonal.
  void add_polarizability(const T* p, const T* vectors, double scale, double* tensor) const {
    for (std::int64_t m = 0; m < nvectors_; ++m) {
      double weighted[3] = {0.0, 0.0, 0.0};
      for (int d = 0; d < 3 && spec_.fitting.is_diagonal; ++d)
        weighted[d] = double(p[m]) * vectors[m * 3 + d];
      for (std::int64_t k = 0; k < nvectors_ && !spec_.fitting.is_diagonal; ++k) {
        const double entry = 0.5 * (double(p[m * nvectors_ + k]) + double(p[k * nvectors_ + m]));
        for (int d = 0; d < 3; ++d) weighted[d] += entry * vectors[k * 3 + d];
      }
      for (int c = 0; c < 3; ++c)
        for (int d = 0; d < 3; ++d)
          tensor[3 * c + d] += scale * double(vectors[m * 3 + c]) * weighted[d];
    }
  }

  void add_derivatives(const Frame&, const Block& block, Worker& worker, int component,
                       const double* weights, const Derivatives& out) override {
    Work& work = work_[worker.number];
    const FittingNet<T>& net = net_of(block.type);
    const bool is_energy = spec_.output == Output::energy;
    work.by_numbers.assign(block.size * net.ld(), T(0));
    for (std::int64_t i = 0; i < block.size; ++i)
      for (std::int64_t m = 0; m < net.nout(); ++m)
        work.by_numbers[i * net.ld() + m] =
            is_energy ? T(weights[i]) : work.vectors[(i * nvectors_ + m) * 3 + component];
    T* by_x = net.backward(block.size, work.by_numbers.data(), work.fitting);
    worker.timing.add(Phase::fitting);
    std::int64_t first = 0;
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      const T* by_vectors = is_energy ? nullptr : work.numbers.data() + first;
      parts_[p]->backward(block, worker, {by_x + offsets_[p], net.ld_input()}, by_vectors, net.ld(),
                          component, out);
      first += spec_.parts[p].dim_vectors();
    }
  }

  const Kernels<T>& kernels_;
  std::vector<std::unique_ptr<Descriptor<T>>> parts_;
  std::vector<std::int64_t> offsets_;  // of the parts' columns, and of the parameters'
  std::vector<std::unique_ptr<FittingNet<T>>> nets_;
  std::int64_t ldx_ = 0, nvectors_ = 0;
  std::vector<Work> work_;
};

}  // namespace deepmd::engine
