// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A descriptor of a block of atoms, and the way back from its gradient to forces.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "embedding.hpp"
#include "frame.hpp"
#include "timing.hpp"

namespace deepmd::engine {

/// Derivatives of an output's components by positions and strain, of a thread's atoms.
struct Derivatives {
  double* force = nullptr;        // (nall, 3) of the component at hand
  double* virial = nullptr;       // (9)
  double* atom_virial = nullptr;  // (nall, 9) or null
};

/// What a thread keeps for one descriptor while it works on a block.
template <class T>
struct DescriptorWork {
  BlockEdges edges;
  std::vector<T> a, m, by_m;  // moments of the functions, of the embedding, and their gradient
  EdgeArrays<T> one;          // of one atom
  std::vector<double> doubles;
  std::vector<T> numbers;
  std::vector<int> integers;

  /// Makes room for atoms of so many edges.
  void reserve(std::int64_t nedges, const EdgeSettings& settings);
};

/// The columns of a block's invariant part: what the fitting net takes.
template <class T>
struct Columns {
  T* data = nullptr;
  std::int64_t ld = 0;
};

/// se_e2_a, se_e2_r, se_atten or se_atten_v2. Of the products of moments, m[a] m[b] with a < b is
/// given once for both orders, so that the fitting net's first matrix is smaller.
template <class T>
class Descriptor {
 public:
  Descriptor(const DescriptorSpec& spec, const Kernels<T>& kernels, bool plain);

  /// Makes the matrices for neighbors of these types, where it has not; not while others compute.
  void prepare(const std::vector<std::int32_t>& present);

  /// For each of our columns, the one or two columns of the contract's descriptor that it stands
  /// for; the second is -1 where there is one.
  std::vector<std::pair<std::int64_t, std::int64_t>> columns() const;

  std::int64_t dim_vectors() const { return spec_.dim_vectors(); }
  /// For people: what the embedding is computed by.
  std::string path() const;

  /// The invariant part of a block's atoms; the moments stay in `work`.
  void forward(const Frame& frame, const Block& block, const std::vector<char>& excluded_of_model,
               DescriptorWork<T>& work, Columns<T> out, Timing& timing) const;

  /// Vector m of an atom, component k: `work.m` (size, 4, ld()), from row 1 on.
  std::int64_t ld() const { return ld_; }

  /// Adds to the derivatives: from the gradient of the invariant part, and of component `axis` of
  /// the vectors, by_vectors (size, ldv), unless null.
  void backward(const Block& block, DescriptorWork<T>& work, Columns<T> by, const T* by_vectors,
                std::int64_t ldv, int axis, const Derivatives& out, Timing& timing) const;

 private:
  void load(const BlockEdges& edges, std::int64_t atom, DescriptorWork<T>& work,
            std::int32_t center, bool with_slopes) const;
  void evaluate_nets(const BlockEdges& edges, std::int64_t atom, std::int32_t center,
                     DescriptorWork<T>& work, bool with_slopes) const;
  void describe(const Block& block, DescriptorWork<T>& work, Columns<T> out) const;
  void derive_moments(const Block& block, DescriptorWork<T>& work, Columns<T> by,
                      const T* by_vectors, std::int64_t ldv, int axis) const;
  void scatter(const Block& block, const BlockEdges& edges, std::int64_t atom,
               const EdgeArrays<T>& one, const Derivatives& out) const;
  const double* statistics_of(std::int32_t center) const {
    return &statistics_[statistics_.size() / std::size_t(spec_.ntypes) * std::size_t(center)];
  }

  const DescriptorSpec& spec_;
  const Kernels<T>& kernels_;
  bool plain_;
  ConstantMoments constant_;
  std::map<std::vector<std::int32_t>, EmbeddingMatrices<T>> made_;  // by the types present
  const EmbeddingMatrices<T>* matrices_ = nullptr;
  std::vector<double> statistics_;  // (ntypes, slots, 2 * columns) shift and scale
  std::int64_t ld_;                 // row of moments, in whole vectors
};

}  // namespace deepmd::engine
