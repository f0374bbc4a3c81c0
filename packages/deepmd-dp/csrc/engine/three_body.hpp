// SPDX-License-Identifier: LGPL-3.0-or-later
//
// se_e3, which sums over pairs of an atom's neighbors: D = sum of theta G(theta) / (N_t N_u), with
// theta = R_j . R_k of the directional columns. A pair is an edge of one column, theta, so that the
// sums of its polynomials are moments as those of edges are.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "descriptor.hpp"
#include "edge_room.hpp"

namespace deepmd::engine {

template <class T>
class ThreeBody final : public Descriptor<T> {
 public:
  ThreeBody(const DescriptorSpec& spec, const Kernels<T>& kernels, bool plain, std::size_t nworkers)
      : Descriptor<T>(spec, kernels, plain), work_(nworkers) {
    rows_.environment = spec.environment;
    rows_.slots_differ = spec.slots_differ;
  }

  InputColumns columns() const override {
    InputColumns found;
    for (std::int64_t m = 0; m < spec_.width(); ++m) found.emplace_back(m, -1);
    return found;
  }

  void forward(const Frame& frame, const Block& block, const std::vector<char>& excluded_of_model,
               Worker& worker, Columns<T> out) override {
    Work& work = work_[worker.number];
    work.edges.gather(frame, block, spec_, excluded_of_model);
    work.rows.reserve(work.edges.largest, rows_);
    work.pairs.reserve(kChunk, matrices().settings);
    worker.timing.add(Phase::gather);
    const std::int64_t row = matrices().nsegments * matrices().settings.size;
    work.a.assign(block.size * row, T(0));
    for (std::int64_t i = 0; i < block.size; ++i) {
      load(block, i, work);
      for_chunks(work, [&](const Chunk& chunk) {
        evaluate(chunk, work, false);
        kernels_.accumulate(matrices().settings, work.pairs.one, &work.a[i * row], row);
      });
    }
    worker.timing.add(Phase::edges);
    work.m.resize(block.size * ld_);
    kernels_.product(block.size, work.a.data(), row, matrices().c.at(0).forward, work.m.data(), ld_,
                     false);
    for (std::int64_t i = 0; i < block.size; ++i)
      std::copy_n(&work.m[i * ld_], spec_.width(), out.data + i * out.ld);
    worker.timing.add(Phase::moments);
  }

  const T* moments(const Worker&) const override { return nullptr; }

  void backward(const Block& block, Worker& worker, Columns<T> by, const T*, std::int64_t, int,
                const Derivatives& out) override {
    Work& work = work_[worker.number];
    const PackedMatrix<T>& matrix = matrices().c.at(0).backward;
    work.m.assign(block.size * ld_, T(0));
    for (std::int64_t i = 0; i < block.size; ++i)
      std::copy_n(by.data + i * by.ld, spec_.width(), &work.m[i * ld_]);
    work.a.resize(block.size * matrix.padded);
    kernels_.product(block.size, work.m.data(), ld_, matrix, work.a.data(), matrix.padded, false);
    worker.timing.add(Phase::moments);
    for (std::int64_t i = 0; i < block.size; ++i) {
      load(block, i, work);
      for (auto& each : work.by_direction) each.assign(work.order.size(), 0.0);
      for_chunks(work, [&](const Chunk& chunk) {
        evaluate(chunk, work, true);
        kernels_.gradients(matrices().settings, &work.a[i * matrix.padded], matrix.padded,
                           work.pairs.one);
        pull(chunk, work);
      });
      give_rows(work);
      EdgeArrays<T>& one = work.rows.one;
      kernels_.displacements(rows_, this->statistics_of(block.type), one);
      work.edges.scatter(block, i, one.gradient, out);
    }
    worker.timing.add(Phase::forces);
  }

 private:
  using Descriptor<T>::spec_, Descriptor<T>::kernels_, Descriptor<T>::ld_, Descriptor<T>::matrices;

  /// Pairs that are evaluated at a time: what is held of them stays in the cache.
  static constexpr int kChunk = 128;

  struct Work {  // of a worker
    BlockEdges edges;
    EdgeRoom<T> rows, pairs;
    std::vector<T> a, m;                           // moments of the functions, and of the nets
    std::vector<std::int32_t> order;               // an atom's edges by type; -1: an empty slot
    std::vector<std::int64_t> starts;              // of each type's in it
    std::array<std::vector<double>, 3> direction;  // in this order: the directional columns
    std::array<std::vector<double>, 3> by_direction;
    std::array<int, kChunk> segment, first, second;
    std::array<double, kChunk> times;
  };

  /// Pairs of neighbors of two types.
  struct Chunk {
    std::int32_t types[2];
    int count;
  };

  /// The rows of an atom's edges, and their directional columns ordered by type.
  void load(const Block& block, std::int64_t atom, Work& work) const {
    const BlockEdges& edges = work.edges;
    EdgeArrays<T>& one = work.rows.one;
    const std::int64_t start = edges.first[atom];
    one.count = int(edges.first[atom + 1] - start);
    for (int c = 0; c < 3; ++c) one.xyz[c] = edges.xyz[c].data() + start;
    one.slot = edges.slot.data() + start;
    kernels_.rows_of(rows_, this->statistics_of(block.type), one);
    order_by_type(block.type, &edges.occupied[atom * spec_.ntypes], edges.type.data() + start,
                  work);
  }

  void order_by_type(std::int32_t center, const std::int32_t* occupied, const std::int32_t* type,
                     Work& work) const {
    const EdgeArrays<T>& one = work.rows.one;
    const auto empty = [&](std::int64_t t) {
      return spec_.has_empty_rows ? spec_.sel[t] - occupied[t] : 0;
    };
    work.starts.assign(spec_.ntypes + 1, 0);
    for (int e = 0; e < one.count; ++e) ++work.starts[type[e] + 1];
    for (std::int64_t t = 0; t < spec_.ntypes; ++t) work.starts[t + 1] += work.starts[t] + empty(t);
    work.order.assign(work.starts.back(), -1);
    for (auto& each : work.direction) each.resize(work.order.size());
    auto next = work.starts;
    for (int e = 0; e < one.count; ++e) {
      const std::int64_t place = next[type[e]]++;
      work.order[place] = e;
      for (int c = 0; c < 3; ++c) work.direction[c][place] = double(one.row[1 + c][e]);
    }
    std::int64_t slot = 0;
    for (std::int64_t t = 0; t < spec_.ntypes; slot += spec_.sel[t++])
      for (std::int64_t n = occupied[t]; next[t] < work.starts[t + 1]; ++n, ++next[t]) {
        const double* own = this->statistics_of(center) + (slot + n) * 8;
        for (int c = 1; c < 4; ++c) work.direction[c - 1][next[t]] = -own[c] * own[4 + c];
      }
  }

  /// Calls task(chunk) for all pairs; of two neighbors of one type a pair stands for both orders.
  template <class Task>
  void for_chunks(Work& work, const Task& task) const {
    const auto& present = matrices().present;
    int segment = 0;
    for (std::size_t p = 0; p < present.size(); ++p)
      for (std::size_t q = p; q < present.size(); ++q, ++segment) {
        Chunk chunk{{present[p], present[q]}, 0};
        work.segment.fill(segment);
        const std::int64_t end = work.starts[present[q] + 1];
        for (std::int64_t j = work.starts[present[p]]; j < work.starts[present[p] + 1]; ++j)
          for (std::int64_t k = p == q ? j : work.starts[present[q]]; k < end; ++k) {
            work.first[chunk.count] = int(j), work.second[chunk.count] = int(k);
            work.times[chunk.count] = p == q && k > j ? 2.0 : 1.0;
            if (++chunk.count == kChunk) task(chunk), chunk.count = 0;
          }
        if (chunk.count > 0) task(chunk);
      }
  }

  /// Angles and functions of a chunk's pairs.
  void evaluate(const Chunk& chunk, Work& work, bool with_slopes) const {
    EdgeArrays<T>& one = work.pairs.one;
    one.count = chunk.count;
    one.segment = work.segment.data();
    const auto& [x, y, z] = work.direction;
    for (int e = 0; e < chunk.count; ++e) {
      const int j = work.first[e], k = work.second[e];
      one.s[e] = x[j] * x[k] + y[j] * y[k] + z[j] * z[k];
      one.row[0][e] = T(work.times[e] * one.s[e]);
    }
    if (matrices().are_nets)
      evaluate_nets(
          spec_, chunk.types[0], chunk.types[1], std::vector<double>(one.s, one.s + chunk.count),
          matrices().settings.degree, with_slopes, [](std::size_t k) { return k; }, one);
    kernels_.polynomials(matrices().settings, one, with_slopes);
  }

  /// From a pair's gradient to that of both of its neighbors' rows.
  void pull(const Chunk& chunk, Work& work) const {
    const EdgeArrays<T>& one = work.pairs.one;
    const bool has_intervals = matrices().settings.basis.degree > 0;
    for (int e = 0; e < chunk.count; ++e) {
      const int j = work.first[e], k = work.second[e];
      const double g = work.times[e] * double(one.by_row[0][e]) +
                       double(one.by_u[e]) * (has_intervals ? one.slope[e] : 1.0);
      for (int c = 0; c < 3; ++c) {
        work.by_direction[c][j] += g * work.direction[c][k];
        work.by_direction[c][k] += g * work.direction[c][j];
      }
    }
  }

  /// Gradients of the rows, in the order of the edges.
  void give_rows(Work& work) const {
    EdgeArrays<T>& one = work.rows.one;
    for (T* each : {one.by_row[0], one.by_u, one.by_weight}) std::fill_n(each, one.count, T(0));
    for (std::size_t k = 0; k < work.order.size(); ++k)
      for (int c = 0; c < 3 && work.order[k] >= 0; ++c)
        one.by_row[1 + c][work.order[k]] = T(work.by_direction[c][k]);
  }

  EdgeSettings rows_;  // of single edges
  std::vector<Work> work_;
};

}  // namespace deepmd::engine
