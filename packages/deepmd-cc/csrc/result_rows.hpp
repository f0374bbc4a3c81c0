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

// Hands on a result (..., rows, width) as (..., natoms, width): each row is added to that of the
// atom `atom_of(row)`; negative: it is left out.
template <class AtomOf>
void take_rows(const deepmd_array& result, std::int64_t natoms, const AtomOf& atom_of,
               const Take& take) {
  std::vector<std::int64_t> shape(result.shape, result.shape + result.ndim);
  const std::size_t axis = shape.size() - 2;
  const std::int64_t nrows = shape[axis], width = shape.back();
  const std::int64_t ncomponents = axis == 1 ? shape[0] : 1;
  shape[axis] = natoms;
  std::vector<double> sums(ncomponents * natoms * width, 0.0);
  const auto* from = static_cast<const double*>(result.data);
  for (std::int64_t c = 0; c < ncomponents; ++c)
    for (std::int64_t row = 0; row < nrows; ++row, from += width) {
      const std::int64_t atom = atom_of(row);
      double* to = sums.data() + (c * natoms + atom) * width;
      for (std::int64_t k = 0; k < width && atom >= 0; ++k) to[k] += from[k];
    }
  take({result.name, result.dtype, result.ndim, shape.data(), sums.data()});
}

}  // namespace deepmd
