// SPDX-License-Identifier: LGPL-3.0-or-later
// Atoms in parts, so that the memory of a graph does not grow with their number: some are local,
// what surrounds them are their ghosts. Exact for models that pass no messages.
#pragma once

#include <cstdint>
#include <vector>

#include "model.hpp"

namespace deepmd {

class AtomPart {
 public:
  // The local atoms begin ... end - 1 of these, and their neighbors.
  AtomPart(const deepmd_atoms& all, std::int64_t begin, std::int64_t end, std::int64_t dim_aparam);
  AtomPart(const AtomPart&) = delete;
  AtomPart& operator=(const AtomPart&) = delete;

  // Valid while this object and the atoms are.
  const deepmd_atoms& atoms() const { return atoms_; }
  // The atom that each of the part's is.
  const std::vector<std::int64_t>& order() const { return order_; }

 private:
  void add_neighbors(const deepmd_atoms& all, std::int64_t begin);

  std::vector<std::int64_t> order_;
  std::vector<double> coord_;
  std::vector<std::int32_t> type_, center_, nneighbor_, index_;
  std::vector<const std::int32_t*> neighbor_;
  deepmd_atoms atoms_{};
};

// The results for all atoms, from those of their parts.
class SumOfParts {
 public:
  SumOfParts(const Record& record, const deepmd_atoms& all);

  void add(const deepmd_array& result, const AtomPart& part);
  void hand_on(const Take& take) const;

 private:
  struct Sum {
    const OutputSpec* output;
    std::vector<std::int64_t> shape;
    std::vector<double> numbers;
    bool is_given = false;
  };
  std::vector<Sum> sums_;
};

}  // namespace deepmd
