// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A descriptor of a block of atoms, and the way back from its gradient to forces.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "embedding.hpp"
#include "frame.hpp"
#include "timing.hpp"

namespace deepmd::engine {

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
  void reserve(std::int64_t nedges, const EdgeSettings& settings) {
    const std::int64_t n = (nedges + 31) / 16 * 16, degree = settings.degree;
    const std::size_t ndoubles = n * 13, nnumbers = n * (11 + 2 * degree), nintegers = n * 3;
    if (doubles.size() < ndoubles) doubles.resize(ndoubles);
    if (numbers.size() < nnumbers) numbers.resize(nnumbers);
    if (integers.size() < nintegers) integers.resize(nintegers);
    const auto take = [n](auto*& next, auto*& array, std::size_t width = 1) {
      array = next;
      next += n * width;
    };
    double* next = doubles.data();
    for (double** each : {&one.radial.distance, &one.radial.w, &one.radial.dw, &one.radial.f,
                          &one.radial.df, &one.radial.g, &one.radial.dg, &one.s, &one.u, &one.slope,
                          &one.gradient[0], &one.gradient[1], &one.gradient[2]})
      take(next, *each);
    T* number = numbers.data();
    for (T** each :
         {&one.row[0], &one.row[1], &one.row[2], &one.row[3], &one.weight, &one.by_row[0],
          &one.by_row[1], &one.by_row[2], &one.by_row[3], &one.by_u, &one.by_weight})
      take(number, *each);
    take(number, one.t, degree), take(number, one.dt, degree);
    int* integer = integers.data();
    for (int** each : {&one.interval, &one.place[0], &one.place[1]}) take(integer, *each);
  }
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
  Descriptor(const DescriptorSpec& spec, const Kernels<T>& kernels, bool plain)
      : spec_(spec), kernels_(kernels), plain_(plain), constant_(spec) {
    ld_ = (spec.width() + 15) / 16 * 16;
    const std::size_t columns = spec.columns;
    for (std::size_t row = 0; row < spec.davg.size(); row += columns) {
      for (std::size_t c = 0; c < columns; ++c) statistics_.push_back(spec.davg[row + c]);
      for (std::size_t c = 0; c < columns; ++c) statistics_.push_back(1.0 / spec.dstd[row + c]);
    }
  }

  /// Makes the matrices for neighbors of these types, where it has not; not while others compute.
  void prepare(const std::vector<std::int32_t>& present) {
    constexpr std::size_t most = 16;  // systems of different types, one after the other
    auto found = made_.find(present);
    if (found == made_.end()) {
      if (made_.size() >= most) made_.clear();
      found = made_.emplace(present, EmbeddingMatrices<T>::make(spec_, kernels_, present, plain_))
                  .first;
    }
    matrices_ = &found->second;
  }

  /// For each of our columns, the one or two columns of the contract's descriptor that it stands
  /// for; the second is -1 where there is one.
  std::vector<std::pair<std::int64_t, std::int64_t>> columns() const {
    std::vector<std::pair<std::int64_t, std::int64_t>> found;
    const std::int64_t width = spec_.width(), naxis = spec_.axis_neuron;
    if (spec_.columns == 1)
      for (std::int64_t m = 0; m < width; ++m) found.emplace_back(m, -1);
    else
      for (std::int64_t b = 0; b < naxis; ++b)
        for (std::int64_t a = b; a < width; ++a)
          found.emplace_back(a * naxis + b, a > b && a < naxis ? b * naxis + a : -1);
    if (spec_.gives_type_vector)
      for (std::int64_t k = spec_.dim_out() - spec_.type_width; k < spec_.dim_out(); ++k)
        found.emplace_back(k, -1);
    return found;
  }

  std::int64_t dim_vectors() const { return spec_.dim_vectors(); }
  /// For people: what the embedding is computed by.
  std::string path() const {
    if (matrices_ == nullptr) return "matrices or nets, made when types occur";
    if (matrices_->are_nets) return "nets";
    return std::to_string(matrices_->settings.basis.nintervals()) + " intervals of 16 polynomials";
  }

  /// The invariant part of a block's atoms; the moments stay in `work`.
  void forward(const Frame& frame, const Block& block, const std::vector<char>& excluded_of_model,
               DescriptorWork<T>& work, Columns<T> out, Timing& timing) const {
    BlockEdges& edges = work.edges;
    edges.gather(frame, block, spec_, excluded_of_model);
    edges.segment.resize(edges.type.size());
    for (std::size_t e = 0; e < edges.type.size(); ++e)
      edges.segment[e] = matrices_->segment_of[edges.type[e]];
    work.reserve(edges.largest, matrices_->settings);
    timing.add(Phase::gather);
    const std::int64_t columns = spec_.columns;
    const std::int64_t row = matrices_->nsegments * matrices_->settings.size;
    work.a.assign(block.size * columns * row, T(0));
    for (std::int64_t i = 0; i < block.size; ++i) {
      load(edges, i, work, block.type, false);
      kernels_.accumulate(matrices_->settings, work.one, &work.a[i * columns * row], row);
    }
    timing.add(Phase::edges);
    work.m.resize(block.size * columns * ld_);
    kernels_.product(block.size * columns, work.a.data(), row, matrices_->c.at(block.type).forward,
                     work.m.data(), ld_, false);
    const auto nsections = std::int64_t(spec_.sel.size());
    for (std::int64_t i = 0; i < block.size; ++i)
      constant_.add(spec_, block.type, frame.empty_type, &edges.occupied[i * nsections],
                    &edges.left_out[i * spec_.ntypes], &work.m[i * columns * ld_], ld_);
    timing.add(Phase::moments);
    describe(block, work, out);
    timing.add(Phase::contraction);
  }

  /// Vector m of an atom, component k: `work.m` (size, 4, ld()), from row 1 on.
  std::int64_t ld() const { return ld_; }

  /// Adds to the derivatives: from the gradient of the invariant part, and of component `axis` of
  /// the vectors, by_vectors (size, ldv), unless null.
  void backward(const Block& block, DescriptorWork<T>& work, Columns<T> by, const T* by_vectors,
                std::int64_t ldv, int axis, const Derivatives& out, Timing& timing) const {
    const PackedMatrix<T>& matrix = matrices_->c.at(block.type).backward;
    const std::int64_t columns = spec_.columns;
    derive_moments(block, work, by, by_vectors, ldv, axis);
    timing.add(Phase::contraction);
    work.a.resize(block.size * columns * matrix.padded);
    kernels_.product(block.size * columns, work.by_m.data(), ld_, matrix, work.a.data(),
                     matrix.padded, false);
    timing.add(Phase::moments);
    for (std::int64_t i = 0; i < block.size; ++i) {
      load(work.edges, i, work, block.type, true);
      kernels_.gradients(matrices_->settings, statistics_of(block.type),
                         &work.a[i * columns * matrix.padded], matrix.padded, work.one);
      work.edges.scatter(block, i, work.one.gradient, out);
    }
    timing.add(Phase::forces);
  }

 private:
  /// Rows, functions and places of an atom's edges.
  void load(const BlockEdges& edges, std::int64_t atom, DescriptorWork<T>& work,
            std::int32_t center, bool with_slopes) const {
    EdgeArrays<T>& one = work.one;
    const std::int64_t first = edges.first[atom];
    one.count = int(edges.first[atom + 1] - first);
    for (int c = 0; c < 3; ++c) one.xyz[c] = edges.xyz[c].data() + first;
    one.slot = edges.slot.data() + first;
    one.segment = edges.segment.data() + first;
    kernels_.rows_of(matrices_->settings, statistics_of(center), one);
    if (matrices_->are_nets) evaluate_nets(edges, atom, center, work, with_slopes);
    kernels_.polynomials(matrices_->settings, one, with_slopes);
  }

  void evaluate_nets(const BlockEdges& edges, std::int64_t atom, std::int32_t center,
                     DescriptorWork<T>& work, bool with_slopes) const {
    EdgeArrays<T>& one = work.one;
    const std::int64_t width = spec_.width(), degree = matrices_->settings.degree;
    const std::int32_t* types = edges.type.data() + edges.first[atom];
    std::fill_n(one.t, one.count * degree, T(0));
    std::fill_n(one.dt, one.count * degree, T(0));
    std::map<std::int64_t, std::vector<int>> edges_of;  // by their function
    for (int e = 0; e < one.count; ++e) edges_of[spec_.function_of(center, types[e])].push_back(e);
    for (const auto& [function, own] : edges_of) {
      std::vector<double> s;
      for (const int e : own) s.push_back(one.s[e]);
      std::vector<double> values(s.size() * width), slopes(with_slopes ? values.size() : 0);
      spec_.evaluate<double>(center, types[own.front()], s, values.data(),
                             with_slopes ? slopes.data() : nullptr);
      for (std::size_t k = 0; k < own.size(); ++k) {
        const std::int64_t place = own[k] * degree;
        std::copy_n(&values[k * width], width, one.t + place);
        if (with_slopes) std::copy_n(&slopes[k * width], width, one.dt + place);
      }
    }
  }

  void describe(const Block& block, DescriptorWork<T>& work, Columns<T> out) const {
    const std::int64_t width = spec_.width(), naxis = spec_.axis_neuron;
    for (std::int64_t i = 0; i < block.size; ++i) {
      const T* m = &work.m[i * spec_.columns * ld_];
      T* x = out.data + i * out.ld;
      if (spec_.columns == 1) {
        for (std::int64_t k = 0; k < width; ++k) x[k] = m[k] * T(0.2);  // deepmd-kit's factor
        continue;
      }
      kernels_.contract(width, naxis, m, ld_, x);
      if (!spec_.gives_type_vector) continue;
      x += naxis * width - naxis * (naxis - 1) / 2;
      for (std::int64_t k = 0; k < spec_.type_width; ++k)
        x[k] = T(spec_.type_vectors[block.type * spec_.type_width + k]);
    }
  }

  /// The gradient of the moments, in `work.by_m`.
  void derive_moments(const Block& block, DescriptorWork<T>& work, Columns<T> by,
                      const T* by_vectors, std::int64_t ldv, int axis) const {
    const std::int64_t width = spec_.width(), columns = spec_.columns;
    work.by_m.assign(block.size * columns * ld_, T(0));
    for (std::int64_t i = 0; i < block.size; ++i) {
      const T *m = &work.m[i * columns * ld_], *x = by.data + i * by.ld;
      T* g = &work.by_m[i * columns * ld_];
      if (columns == 1)
        for (std::int64_t k = 0; k < width; ++k) g[k] = x[k] * T(0.2);
      else
        kernels_.contract_back(width, spec_.axis_neuron, m, ld_, x, g);
      if (by_vectors != nullptr && columns == 4)
        for (std::int64_t k = 0; k < width; ++k) g[(1 + axis) * ld_ + k] += by_vectors[i * ldv + k];
    }
  }

  const double* statistics_of(std::int32_t center) const {
    return &statistics_[statistics_.size() / spec_.ntypes * center];
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
