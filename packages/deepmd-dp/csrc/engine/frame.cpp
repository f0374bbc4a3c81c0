// SPDX-License-Identifier: LGPL-3.0-or-later
#include "frame.hpp"

#include <algorithm>
#include <limits>

namespace deepmd::engine {

void BlockEdges::collect(const Frame& frame, std::int32_t atom, const NeighborSpec& spec,
                         const std::vector<char>& excluded_of_model) {
  const double* origin = frame.coord + 3 * std::int64_t(atom);
  const double rcut_squared = spec.rcut * spec.rcut;
  const char* excluded = &excluded_of_model[frame.type[atom] * spec.ntypes];
  const std::int32_t* list = frame.neighbors[atom];
  const std::int32_t count = frame.counts[atom];
  const Image* shifts = frame.shifts.empty() ? nullptr : frame.shifts[atom];
  hits_.resize(count);
  std::size_t nhits = 0;
  for (std::int32_t k = 0; k < count; ++k) {
    const std::int32_t j = list[k] & frame.index_mask, type = frame.type[j];
    Hit& hit = hits_[nhits];
    for (int c = 0; c < 3; ++c) hit.xyz[c] = frame.coord[3 * std::int64_t(j) + c] - origin[c];
    if (shifts != nullptr) {
      const Vec3 shift = frame.cell->translation(shifts[k]);
      for (std::size_t c = 0; c < 3; ++c) hit.xyz[c] += shift[c];
    }
    hit.squared = hit.xyz[0] * hit.xyz[0] + hit.xyz[1] * hit.xyz[1] + hit.xyz[2] * hit.xyz[2];
    hit.index = j, hit.type = type;
    nhits += hit.squared < rcut_squared && type >= 0 && !excluded[type] ? 1 : 0;
  }
  hits_.resize(nhits);
  // atoms at the same place have no energy; without a direction some nets would give one
  for (Hit& hit : hits_)
    if (hit.squared == 0.0) std::fill_n(hit.xyz, 3, std::numeric_limits<double>::quiet_NaN());
}

void BlockEdges::append(const NeighborSpec& spec, std::int32_t center, std::int32_t* occupied,
                        std::int32_t* left_out) {
  std::vector<std::int64_t> starts(spec.sel.size(), 0);
  if (spec.slots_differ) {
    // the contract's list: by type where it is so, the nearest first, no more than there are slots
    const bool by_type = spec.is_by_type;
    std::stable_sort(hits_.begin(), hits_.end(), [by_type](const Hit& a, const Hit& b) {
      if (by_type && a.type != b.type) return a.type < b.type;
      return a.squared < b.squared;
    });
    for (std::size_t k = 1; k < starts.size(); ++k) starts[k] = starts[k - 1] + spec.sel[k - 1];
  }
  for (const Hit& hit : hits_) {
    const std::size_t section = spec.is_by_type ? hit.type : 0;
    if (spec.slots_differ && occupied[section] >= spec.sel[section]) continue;
    const auto place = std::int32_t(starts[section] + occupied[section]++);
    if (spec.excluded[center * spec.ntypes + hit.type]) {
      ++left_out[hit.type];
      continue;
    }
    for (int c = 0; c < 3; ++c) xyz[c].push_back(hit.xyz[c]);
    index.push_back(hit.index), slot.push_back(place), type.push_back(hit.type);
  }
}

void BlockEdges::gather(const Frame& frame, const Block& block, const NeighborSpec& spec,
                        const std::vector<char>& excluded_of_model) {
  const std::size_t sections = spec.sel.size(), ntypes = spec.ntypes;
  for (auto& each : xyz) each.clear();
  index.clear(), slot.clear(), type.clear();
  first.assign(1, 0);
  occupied.assign(block.size * sections, 0);
  left_out.assign(block.size * ntypes, 0);
  largest = 0;
  for (std::int64_t i = 0; i < block.size; ++i) {
    collect(frame, block.atoms[i], spec, excluded_of_model);
    append(spec, block.type, &occupied[i * sections], &left_out[i * ntypes]);
    first.push_back(std::int64_t(index.size()));
    largest = std::max(largest, first[i + 1] - first[i]);
  }
  for (auto& each : xyz) each.resize(index.size() + 16, 1.0);
}

void BlockEdges::scatter(const Block& block, std::int64_t atom, const double* const* gradient,
                         const Derivatives& out) const {
  const std::int64_t start = first[atom], count = first[atom + 1] - start;
  const std::int32_t* neighbor = index.data() + start;
  double sum[3] = {0.0, 0.0, 0.0}, virial[9] = {};
  for (std::int64_t e = 0; e < count; ++e) {
    double* force = out.force + 3 * std::int64_t(neighbor[e]);
    for (int c = 0; c < 3; ++c) {
      const double g = gradient[c][e];
      sum[c] += g, force[c] -= g;
      for (int d = 0; d < 3; ++d) virial[3 * c + d] -= g * xyz[d][start + e];
    }
  }
  double* own = out.force + 3 * std::int64_t(block.atoms[atom]);
  for (int c = 0; c < 3; ++c) own[c] += sum[c];
  for (int k = 0; k < 9; ++k) out.virial[k] += virial[k];
  if (out.atom_virial == nullptr) return;
  for (std::int64_t e = 0; e < count; ++e)
    for (int c = 0; c < 3; ++c)
      for (int d = 0; d < 3; ++d)
        out.atom_virial[9 * std::int64_t(neighbor[e]) + 3 * c + d] -=
            gradient[c][e] * xyz[d][start + e];
}

void BlockEdges::scatter_radial(const Block& block, const std::vector<double>& slope,
                                const double* weights, const Derivatives& out) {
  for (auto& each : gradient_) each.resize(largest);
  const double* gradient[3] = {gradient_[0].data(), gradient_[1].data(), gradient_[2].data()};
  for (std::int64_t i = 0; i < block.size; ++i) {
    if (weights[i] == 0.0) continue;
    for (std::int64_t e = first[i]; e < first[i + 1]; ++e)
      for (int c = 0; c < 3; ++c) gradient_[c][e - first[i]] = weights[i] * slope[e] * xyz[c][e];
    scatter(block, i, gradient, out);
  }
}

}  // namespace deepmd::engine
