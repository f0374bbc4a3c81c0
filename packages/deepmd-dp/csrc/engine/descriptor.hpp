// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A descriptor of a block of atoms, and the way back from its gradient to forces.
#pragma once

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "embedding.hpp"
#include "fitting.hpp"
#include "frame.hpp"
#include "timing.hpp"

namespace deepmd::engine {

/// The columns of a block's invariant part: what the fitting net takes.
template <class T>
struct Columns {
  T* data = nullptr;
  std::int64_t ld = 0;
};

/// One of a model's descriptors; `Worker` is who calls.
template <class T>
class Descriptor {
 public:
  virtual ~Descriptor() = default;

  /// That of a spec, which must outlive it, for so many workers. `plain`: without polynomials.
  static std::unique_ptr<Descriptor> make(const DescriptorSpec& spec, const Kernels<T>& kernels,
                                          bool plain, std::size_t nworkers);

  /// Makes the matrices for atoms of these types, where it has not; not while others compute.
  void prepare(std::vector<std::int32_t> present) {
    if (spec_.has_empty_rows) {
      present.resize(spec_.ntypes);
      std::iota(present.begin(), present.end(), 0);
    }
    constexpr std::size_t most = 16;  // systems of different types, one after the other
    auto found = made_.find(present);
    if (found == made_.end()) {
      if (made_.size() >= most) made_.clear();
      found = made_.emplace(present, EmbeddingMatrices<T>::make(spec_, kernels_, present, plain_))
                  .first;
    }
    matrices_ = &found->second;
  }

  /// For people: what the embedding is computed by.
  std::string path() const {
    if (matrices_ == nullptr) return "matrices or nets, made when types occur";
    if (matrices_->are_nets) return "nets";
    return std::to_string(matrices_->settings.basis.nintervals()) + " intervals of 16 polynomials";
  }

  /// For each of our columns, the one or two columns of the contract's descriptor that it stands
  /// for; the second is -1 where there is one.
  virtual InputColumns columns() const = 0;

  /// The invariant part of a block's atoms; what `backward` needs stays with the worker.
  virtual void forward(const Frame& frame, const Block& block,
                       const std::vector<char>& excluded_of_model, Worker& worker,
                       Columns<T> out) = 0;

  /// After `forward`: (size, 4, ld()), in rows 1 to 3 the vectors' components; null: there are
  /// none.
  virtual const T* moments(const Worker& worker) const = 0;
  std::int64_t ld() const { return ld_; }

  /// Adds to the derivatives: from the gradient of the invariant part, and of component `axis` of
  /// the vectors, by_vectors (size, ldv), unless null.
  virtual void backward(const Block& block, Worker& worker, Columns<T> by, const T* by_vectors,
                        std::int64_t ldv, int axis, const Derivatives& out) = 0;

 protected:
  Descriptor(const DescriptorSpec& spec, const Kernels<T>& kernels, bool plain)
      : spec_(spec), kernels_(kernels), plain_(plain), ld_((spec.width() + 15) / 16 * 16) {
    const std::size_t columns = spec.columns;
    for (std::size_t row = 0; row < spec.davg.size(); row += columns) {
      for (std::size_t c = 0; c < columns; ++c) statistics_.push_back(spec.davg[row + c]);
      for (std::size_t c = 0; c < columns; ++c) statistics_.push_back(1.0 / spec.dstd[row + c]);
    }
  }

  const double* statistics_of(std::int32_t center) const {
    return &statistics_[statistics_.size() / spec_.ntypes * center];
  }

  const EmbeddingMatrices<T>& matrices() const { return *matrices_; }

  const DescriptorSpec& spec_;
  const Kernels<T>& kernels_;
  bool plain_;
  std::int64_t ld_;  // row of moments, in whole vectors

 private:
  std::map<std::vector<std::int32_t>, EmbeddingMatrices<T>> made_;  // by the types present
  const EmbeddingMatrices<T>* matrices_ = nullptr;
  std::vector<double> statistics_;  // (ntypes, slots, 2 * columns) shift and scale
};

/// Fills in nets, as functions of a number, of the pairs or edges at place(k), which are of two
/// types: values and, where wanted, derivatives (count, degree).
template <class T, class Place>
void evaluate_nets(const DescriptorSpec& spec, std::int32_t center, std::int32_t neighbor,
                   const std::vector<double>& s, std::int64_t degree, bool with_slopes,
                   const Place& place, EdgeArrays<T>& one) {
  const std::int64_t width = spec.width();
  std::vector<double> values(s.size() * width), slopes(with_slopes ? values.size() : 0);
  spec.evaluate<double>(center, neighbor, s, values.data(), with_slopes ? slopes.data() : nullptr);
  for (std::size_t k = 0; k < s.size(); ++k) {
    const auto start = std::int64_t(place(k)) * degree;
    std::fill_n(std::copy_n(&values[k * width], width, one.t + start), degree - width, T(0));
    std::fill_n(one.dt + start, degree, T(0));
    if (with_slopes) std::copy_n(&slopes[k * width], width, one.dt + start);
  }
}

}  // namespace deepmd::engine
