// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Descriptors that sum over an atom's neighbors.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "descriptor.hpp"
#include "edge_room.hpp"

namespace deepmd::engine {

/// se_e2_a, se_e2_r, se_atten or se_atten_v2. Of the products of moments, m[a] m[b] with a < b is
/// given once for both orders, so that the fitting net's first matrix is smaller.
template <class T>
class TwoBody final : public Descriptor<T> {
 public:
  TwoBody(const DescriptorSpec& spec, const Kernels<T>& kernels, bool plain, std::size_t nworkers)
      : Descriptor<T>(spec, kernels, plain), constant_(spec), work_(nworkers) {}

  InputColumns columns() const override {
    InputColumns found;
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

  void forward(const Frame& frame, const Block& block, const std::vector<char>& excluded_of_model,
               Worker& worker, Columns<T> out) override {
    Work& work = work_[worker.number];
    BlockEdges& edges = work.edges;
    Timing& timing = worker.timing;
    edges.gather(frame, block, spec_, excluded_of_model);
    edges.segment.resize(edges.type.size());
    for (std::size_t e = 0; e < edges.type.size(); ++e)
      edges.segment[e] = matrices().segment_of[edges.type[e]];
    work.room.reserve(edges.largest, matrices().settings);
    timing.add(Phase::gather);
    const std::int64_t columns = spec_.columns;
    const std::int64_t row = matrices().nsegments * matrices().settings.size;
    work.a.assign(block.size * columns * row, T(0));
    for (std::int64_t i = 0; i < block.size; ++i) {
      load(edges, i, work, block.type, false);
      kernels_.accumulate(matrices().settings, work.room.one, &work.a[i * columns * row], row);
    }
    timing.add(Phase::edges);
    work.m.resize(block.size * columns * ld_);
    kernels_.product(block.size * columns, work.a.data(), row, matrices().c.at(block.type).forward,
                     work.m.data(), ld_, false);
    const auto nsections = std::int64_t(spec_.sel.size());
    for (std::int64_t i = 0; i < block.size; ++i)
      constant_.add(spec_, block.type, frame.empty_type, &edges.occupied[i * nsections],
                    &edges.left_out[i * spec_.ntypes], &work.m[i * columns * ld_], ld_);
    timing.add(Phase::moments);
    describe(block, work, out);
    timing.add(Phase::contraction);
  }

  const T* moments(const Worker& worker) const override {
    return spec_.columns == 4 ? work_[worker.number].m.data() : nullptr;
  }

  void backward(const Block& block, Worker& worker, Columns<T> by, const T* by_vectors,
                std::int64_t ldv, int axis, const Derivatives& out) override {
    Work& work = work_[worker.number];
    Timing& timing = worker.timing;
    const PackedMatrix<T>& matrix = matrices().c.at(block.type).backward;
    const std::int64_t columns = spec_.columns;
    derive_moments(block, work, by, by_vectors, ldv, axis);
    timing.add(Phase::contraction);
    work.a.resize(block.size * columns * matrix.padded);
    kernels_.product(block.size * columns, work.by_m.data(), ld_, matrix, work.a.data(),
                     matrix.padded, false);
    timing.add(Phase::moments);
    for (std::int64_t i = 0; i < block.size; ++i) {
      load(work.edges, i, work, block.type, true);
      EdgeArrays<T>& one = work.room.one;
      kernels_.gradients(matrices().settings, &work.a[i * columns * matrix.padded], matrix.padded,
                         one);
      kernels_.displacements(matrices().settings, this->statistics_of(block.type), one);
      work.edges.scatter(block, i, one.gradient, out);
    }
    timing.add(Phase::forces);
  }

 private:
  using Descriptor<T>::spec_, Descriptor<T>::kernels_, Descriptor<T>::ld_, Descriptor<T>::matrices;

  struct Work {  // of a worker
    BlockEdges edges;
    EdgeRoom<T> room;
    std::vector<T> a, m, by_m;  // moments of the functions, of the embedding, and their gradient
  };

  /// Rows, functions and places of an atom's edges.
  void load(const BlockEdges& edges, std::int64_t atom, Work& work, std::int32_t center,
            bool with_slopes) const {
    EdgeArrays<T>& one = work.room.one;
    const std::int64_t first = edges.first[atom];
    one.count = int(edges.first[atom + 1] - first);
    for (int c = 0; c < 3; ++c) one.xyz[c] = edges.xyz[c].data() + first;
    one.slot = edges.slot.data() + first;
    one.segment = edges.segment.data() + first;
    kernels_.rows_of(matrices().settings, this->statistics_of(center), one);
    if (matrices().are_nets) fill_in_nets(edges, atom, center, work, with_slopes);
    kernels_.polynomials(matrices().settings, one, with_slopes);
  }

  void fill_in_nets(const BlockEdges& edges, std::int64_t atom, std::int32_t center, Work& work,
                    bool with_slopes) const {
    EdgeArrays<T>& one = work.room.one;
    const std::int32_t* types = edges.type.data() + edges.first[atom];
    std::map<std::int64_t, std::vector<int>> edges_of;  // by their function
    for (int e = 0; e < one.count; ++e) edges_of[spec_.function_of(center, types[e])].push_back(e);
    for (const auto& each : edges_of) {
      const std::vector<int>& own = each.second;
      std::vector<double> s;
      for (const int e : own) s.push_back(one.s[e]);
      evaluate_nets(
          spec_, center, types[own.front()], s, matrices().settings.degree, with_slopes,
          [&](std::size_t k) { return own[k]; }, one);
    }
  }

  void describe(const Block& block, Work& work, Columns<T> out) const {
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
  void derive_moments(const Block& block, Work& work, Columns<T> by, const T* by_vectors,
                      std::int64_t ldv, int axis) const {
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

  ConstantMoments constant_;
  std::vector<Work> work_;
};

}  // namespace deepmd::engine
