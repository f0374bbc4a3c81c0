// SPDX-License-Identifier: LGPL-3.0-or-later
#include "descriptor.hpp"

#include <algorithm>

namespace deepmd {
namespace engine {

template <class T>
void DescriptorWork<T>::reserve(std::int64_t nedges, const EdgeSettings& settings) {
  const auto n = std::size_t((nedges + 31) / 16 * 16), degree = std::size_t(settings.degree);
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
  for (T** each : {&one.row[0], &one.row[1], &one.row[2], &one.row[3], &one.weight, &one.by_row[0],
                   &one.by_row[1], &one.by_row[2], &one.by_row[3], &one.by_u, &one.by_weight})
    take(number, *each);
  take(number, one.t, degree), take(number, one.dt, degree);
  int* integer = integers.data();
  for (int** each : {&one.interval, &one.place[0], &one.place[1]}) take(integer, *each);
}

template <class T>
Descriptor<T>::Descriptor(const DescriptorSpec& spec, const Kernels<T>& kernels, bool plain)
    : spec_(spec), kernels_(kernels), plain_(plain), functions_(spec), constant_(spec) {
  ld_ = (spec.width() + 15) / 16 * 16;
  const std::size_t columns = std::size_t(spec.columns);
  for (std::size_t row = 0; row < spec.davg.size(); row += columns) {
    for (std::size_t c = 0; c < columns; ++c) statistics_.push_back(spec.davg[row + c]);
    for (std::size_t c = 0; c < columns; ++c) statistics_.push_back(1.0 / spec.dstd[row + c]);
  }
}

template <class T>
void Descriptor<T>::prepare(const std::vector<std::int32_t>& present) {
  constexpr std::size_t most = 16;  // systems of different types, one after the other
  auto found = made_.find(present);
  if (found == made_.end()) {
    if (made_.size() >= most) made_.clear();
    found =
        made_.emplace(present, EmbeddingMatrices<T>::make(spec_, kernels_, present, plain_)).first;
  }
  matrices_ = &found->second;
}

template <class T>
std::string Descriptor<T>::path() const {
  if (matrices_ == nullptr) return "matrices or nets, made when types occur";
  if (matrices_->are_nets) return "nets";
  return std::to_string(matrices_->settings.basis.nintervals()) + " intervals of 16 polynomials";
}

template <class T>
std::vector<std::pair<std::int64_t, std::int64_t>> Descriptor<T>::columns() const {
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

template <class T>
void Descriptor<T>::evaluate_nets(const BlockEdges& edges, std::int64_t atom, std::int32_t center,
                                  DescriptorWork<T>& work, bool with_slopes) const {
  EdgeArrays<T>& one = work.one;
  const auto width = std::size_t(spec_.width());
  const std::int32_t* types = edges.type.data() + edges.first[std::size_t(atom)];
  std::vector<char> done(std::size_t(one.count), 0);
  for (int start = 0; start < one.count; ++start) {
    if (done[std::size_t(start)]) continue;
    const auto number = functions_.function_of(center, types[start]);
    std::vector<int> own;
    std::vector<double> s;
    for (int e = start; e < one.count; ++e)
      if (functions_.function_of(center, types[e]) == number)
        own.push_back(e), s.push_back(one.s[e]), done[std::size_t(e)] = 1;
    std::vector<double> values(s.size() * width), slopes(with_slopes ? values.size() : 0);
    functions_.evaluate<double>(center, types[start], s, values.data(),
                                with_slopes ? slopes.data() : nullptr);
    for (std::size_t k = 0; k < own.size(); ++k)
      for (std::size_t m = 0; m < width; ++m) {
        one.t[std::size_t(own[k]) * width + m] = T(values[k * width + m]);
        if (with_slopes) one.dt[std::size_t(own[k]) * width + m] = T(slopes[k * width + m]);
      }
  }
}

/// Rows, functions and places of an atom's edges.
template <class T>
void Descriptor<T>::load(const BlockEdges& edges, std::int64_t atom, DescriptorWork<T>& work,
                         std::int32_t center, bool with_slopes) const {
  EdgeArrays<T>& one = work.one;
  const auto first = std::size_t(edges.first[std::size_t(atom)]);
  one.count = int(edges.first[std::size_t(atom) + 1] - std::int64_t(first));
  for (int c = 0; c < 3; ++c) one.xyz[c] = edges.xyz[c].data() + first;
  one.slot = edges.slot.data() + first;
  one.segment = edges.segment.data() + first;
  kernels_.rows_of(matrices_->settings, statistics_of(center), one);
  if (matrices_->are_nets) evaluate_nets(edges, atom, center, work, with_slopes);
  kernels_.polynomials(matrices_->settings, one, with_slopes);
}

template <class T>
void Descriptor<T>::forward(const Frame& frame, const Block& block,
                            const std::vector<char>& excluded_of_model, DescriptorWork<T>& work,
                            Columns<T> out, Timing& timing) const {
  BlockEdges& edges = work.edges;
  edges.gather(frame, block, spec_, excluded_of_model);
  edges.segment.resize(edges.type.size());
  for (std::size_t e = 0; e < edges.type.size(); ++e)
    edges.segment[e] = matrices_->segment_of[std::size_t(edges.type[e])];
  work.reserve(edges.largest, matrices_->settings);
  timing.add(Phase::gather);
  const std::int64_t columns = spec_.columns, row = matrices_->nsegments * matrices_->settings.size;
  work.a.assign(std::size_t(block.size * columns * row), T(0));
  for (std::int64_t i = 0; i < block.size; ++i) {
    load(edges, i, work, block.type, false);
    kernels_.accumulate(matrices_->settings, work.one, &work.a[std::size_t(i * columns * row)],
                        row);
  }
  timing.add(Phase::edges);
  work.m.resize(std::size_t(block.size * columns * ld_));
  kernels_.product(block.size * columns, work.a.data(), row, matrices_->c.at(block.type),
                   work.m.data(), ld_, false);
  const auto nsections = std::int64_t(spec_.sel.size());
  for (std::int64_t i = 0; i < block.size; ++i)
    constant_.add(spec_, block.type, frame.empty_type, &edges.occupied[std::size_t(i * nsections)],
                  &edges.left_out[std::size_t(i * spec_.ntypes)],
                  &work.m[std::size_t(i * columns * ld_)], ld_);
  timing.add(Phase::moments);
  describe(block, work, out);
  timing.add(Phase::contraction);
}

template <class T>
void Descriptor<T>::describe(const Block& block, DescriptorWork<T>& work, Columns<T> out) const {
  const std::int64_t width = spec_.width(), naxis = spec_.axis_neuron;
  for (std::int64_t i = 0; i < block.size; ++i) {
    const T* m = &work.m[std::size_t(i * spec_.columns * ld_)];
    T* x = out.data + i * out.ld;
    if (spec_.columns == 1) {
      for (std::int64_t k = 0; k < width; ++k) x[k] = m[k] * T(0.2);  // deepmd-kit's factor
      continue;
    }
    kernels_.contract(width, naxis, m, ld_, x);
    if (!spec_.gives_type_vector) continue;
    x += naxis * width - naxis * (naxis - 1) / 2;
    for (std::int64_t k = 0; k < spec_.type_width; ++k)
      x[k] = T(spec_.type_vectors[std::size_t(block.type * spec_.type_width + k)]);
  }
}

/// The gradient of the moments, in `work.by_m`.
template <class T>
void Descriptor<T>::derive_moments(const Block& block, DescriptorWork<T>& work, Columns<T> by,
                                   const T* by_vectors, std::int64_t ldv, int axis) const {
  const std::int64_t width = spec_.width(), columns = spec_.columns;
  work.by_m.assign(std::size_t(block.size * columns * ld_), T(0));
  for (std::int64_t i = 0; i < block.size; ++i) {
    const T *m = &work.m[std::size_t(i * columns * ld_)], *x = by.data + i * by.ld;
    T* g = &work.by_m[std::size_t(i * columns * ld_)];
    if (columns == 1)
      for (std::int64_t k = 0; k < width; ++k) g[k] = x[k] * T(0.2);
    else
      kernels_.contract_back(width, spec_.axis_neuron, m, ld_, x, g);
    if (by_vectors != nullptr && columns == 4)
      for (std::int64_t k = 0; k < width; ++k) g[(1 + axis) * ld_ + k] += by_vectors[i * ldv + k];
  }
}

template <class T>
void Descriptor<T>::backward(const Block& block, DescriptorWork<T>& work, Columns<T> by,
                             const T* by_vectors, std::int64_t ldv, int axis,
                             const Derivatives& out, Timing& timing) const {
  const PackedMatrix<T>& matrix = matrices_->transposed.at(block.type);
  const std::int64_t columns = spec_.columns;
  derive_moments(block, work, by, by_vectors, ldv, axis);
  timing.add(Phase::contraction);
  work.a.resize(std::size_t(block.size * columns * matrix.padded));
  kernels_.product(block.size * columns, work.by_m.data(), ld_, matrix, work.a.data(),
                   matrix.padded, false);
  timing.add(Phase::moments);
  for (std::int64_t i = 0; i < block.size; ++i) {
    load(work.edges, i, work, block.type, true);
    kernels_.gradients(matrices_->settings, statistics_of(block.type),
                       &work.a[std::size_t(i * columns * matrix.padded)], matrix.padded, work.one);
    scatter(block, work.edges, i, work.one, out);
  }
  timing.add(Phase::forces);
}

/// Each edge pulls its centre one way and its neighbor the other; its virial is its neighbor's.
template <class T>
void Descriptor<T>::scatter(const Block& block, const BlockEdges& edges, std::int64_t atom,
                            const EdgeArrays<T>& one, const Derivatives& out) const {
  const std::int32_t* index = edges.index.data() + edges.first[std::size_t(atom)];
  double sum[3] = {0.0, 0.0, 0.0}, virial[9] = {};
  for (int e = 0; e < one.count; ++e) {
    double* force = out.force + 3 * std::int64_t(index[e]);
    for (int c = 0; c < 3; ++c) {
      const double g = one.gradient[c][e];
      sum[c] += g, force[c] -= g;
      for (int d = 0; d < 3; ++d) virial[3 * c + d] -= g * one.xyz[d][e];
    }
  }
  double* own = out.force + 3 * std::int64_t(block.atoms[atom]);
  for (int c = 0; c < 3; ++c) own[c] += sum[c];
  for (int k = 0; k < 9; ++k) out.virial[k] += virial[k];
  if (out.atom_virial == nullptr) return;
  for (int e = 0; e < one.count; ++e)
    for (int c = 0; c < 3; ++c)
      for (int d = 0; d < 3; ++d)
        out.atom_virial[9 * std::int64_t(index[e]) + 3 * c + d] -=
            one.gradient[c][e] * one.xyz[d][e];
}

template struct DescriptorWork<double>;
template struct DescriptorWork<float>;
template class Descriptor<double>;
template class Descriptor<float>;

}  // namespace engine
}  // namespace deepmd
