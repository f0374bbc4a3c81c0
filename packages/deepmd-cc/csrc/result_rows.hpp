// SPDX-License-Identifier: LGPL-3.0-or-later
// Results with other rows of atoms than they were given with.
#pragma once

#include <functional>
#include <numeric>
#include <vector>

#include "model.hpp"

namespace deepmd {

inline std::int64_t size_of(const std::int64_t* shape, std::size_t ndim) {
  return std::accumulate(shape, shape + ndim, std::int64_t{1}, std::multiplies<>());
}
inline std::int64_t size_of(const std::vector<std::int64_t>& shape) {
  return size_of(shape.data(), shape.size());
}

// Adds each row of a result (..., rows, width) to that of the atom `atom_of(row)` in sums (...,
// natoms, width); negative: it is left out.
template <class AtomOf>
void add_rows(const deepmd_array& result, std::int64_t natoms, const AtomOf& atom_of,
              std::vector<double>& sums) {
  const std::int64_t nrows = result.shape[result.ndim - 2], width = result.shape[result.ndim - 1];
  const std::int64_t ncomponents = result.ndim == 3 ? result.shape[0] : 1;
  const auto* from = static_cast<const double*>(result.data);
  for (std::int64_t c = 0; c < ncomponents; ++c)
    for (std::int64_t row = 0; row < nrows; ++row, from += width) {
      const std::int64_t atom = atom_of(row);
      double* to = sums.data() + (c * natoms + atom) * width;
      for (std::int64_t k = 0; k < width && atom >= 0; ++k) to[k] += from[k];
    }
}

// Hands on a result with the rows of atoms in the place of its own, as `add_rows` adds them.
template <class AtomOf>
void take_rows(const deepmd_array& result, std::int64_t natoms, const AtomOf& atom_of,
               const Take& take) {
  std::vector<std::int64_t> shape(result.shape, result.shape + result.ndim);
  shape[shape.size() - 2] = natoms;
  std::vector<double> sums(size_of(shape), 0.0);
  add_rows(result, natoms, atom_of, sums);
  take({result.name, result.dtype, result.ndim, shape.data(), sums.data()});
}

}  // namespace deepmd
