// SPDX-License-Identifier: LGPL-3.0-or-later
#include "atom_parts.hpp"

#include <algorithm>
#include <numeric>

#include "result_rows.hpp"

namespace deepmd {

AtomPart::AtomPart(const deepmd_atoms& all, std::int64_t begin, std::int64_t end,
                   std::int64_t dim_aparam)
    : order_(end - begin), nneighbor_(end - begin), neighbor_(end - begin), atoms_(all) {
  std::iota(order_.begin(), order_.end(), begin);
  for (std::int64_t k = 0; k < all.ncenter; ++k)
    if (begin <= all.center[k] && all.center[k] < end)
      center_.push_back(static_cast<std::int32_t>(all.center[k] - begin));
  add_neighbors(all, begin);
  for (const std::int64_t atom : order_) {
    coord_.insert(coord_.end(), all.coord + 3 * atom, all.coord + 3 * atom + 3);
    type_.push_back(all.type[atom]);
  }
  atoms_.nloc = atoms_.nowned = end - begin;
  atoms_.nall = static_cast<std::int64_t>(order_.size());
  atoms_.ncenter = static_cast<std::int64_t>(center_.size());
  atoms_.coord = coord_.data();
  atoms_.type = type_.data();
  atoms_.mapping = nullptr;
  atoms_.center = center_.data();
  atoms_.nneighbor = nneighbor_.data();
  atoms_.neighbor = neighbor_.data();
  atoms_.index_mask = -1;
  if (all.aparam != nullptr) atoms_.aparam = all.aparam + begin * dim_aparam;
}

// Neighbors by the part's numbers; those that are not in it yet are added.
void AtomPart::add_neighbors(const deepmd_atoms& all, std::int64_t begin) {
  std::vector<std::int32_t> place(all.nall, -1);
  const auto nlocal = static_cast<std::int32_t>(order_.size());
  for (std::int32_t i = 0; i < nlocal; ++i) place[begin + i] = i;
  for (const std::int32_t i : center_) {
    nneighbor_[i] = all.nneighbor[begin + i];
    for (std::int32_t k = 0; k < nneighbor_[i]; ++k) {
      const std::int32_t j = all.neighbor[begin + i][k] & all.index_mask;
      if (place[j] < 0) {
        place[j] = static_cast<std::int32_t>(order_.size());
        order_.push_back(j);
      }
      index_.push_back(place[j]);
    }
  }
  const std::int32_t* next = index_.data();
  for (const std::int32_t i : center_) {
    neighbor_[i] = next;
    next += nneighbor_[i];
  }
}

SumOfParts::SumOfParts(const Record& record, const deepmd_atoms& all) {
  for (const OutputSpec& output : record.outputs) {
    const auto shape = output.shape(all.nloc, all.nall);
    sums_.push_back({&output, shape, std::vector<double>(size_of(shape), 0.0)});
  }
}

void SumOfParts::add(const deepmd_array& result, const AtomPart& part) {
  for (Sum& sum : sums_) {
    if (sum.output->name != result.name) continue;
    sum.is_given = true;
    if (sum.output->is_of_local() || sum.output->is_of_all()) {
      const std::int64_t natoms = sum.shape[sum.shape.size() - 2];
      add_rows(result, natoms, [&](std::int64_t row) { return part.order()[row]; }, sum.numbers);
      continue;
    }
    const auto* numbers = static_cast<const double*>(result.data);
    for (double& each : sum.numbers) each += *numbers++;
  }
}

void SumOfParts::hand_on(const Take& take) const {
  for (const Sum& sum : sums_)
    if (sum.is_given)
      take({sum.output->name.c_str(), DEEPMD_FLOAT64, static_cast<std::int32_t>(sum.shape.size()),
            sum.shape.data(), sum.numbers.data()});
}

}  // namespace deepmd
