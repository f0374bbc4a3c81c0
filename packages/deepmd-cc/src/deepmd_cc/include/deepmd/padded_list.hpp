// SPDX-License-Identifier: LGPL-3.0-or-later
// The padded arrays that models take, made from a compressed neighbor list.
//
// A row of the padded list is a sequence of sections: one for all neighbors, or
// one for each type of neighbor. Within a section they are sorted by distance.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "deepmd/cell.hpp"
#include "deepmd/neighbor_list.hpp"

namespace deepmd {

// For each section the number of neighbors that the fullest atom has there.
// types: natoms numbers, all below nsections; nullptr: one section.
inline std::vector<std::int64_t> largest_counts(const NeighborPairs& pairs,
                                                const std::int32_t* types, std::int64_t nsections) {
  std::vector<std::int64_t> largest(nsections, 0), counts(nsections);
  for (std::int64_t i = 0; i < pairs.natoms(); ++i) {
    std::fill(counts.begin(), counts.end(), 0);
    for (std::int64_t k = pairs.first[i]; k < pairs.first[i + 1]; ++k)
      ++counts[types ? types[pairs.index[k]] : 0];
    for (std::int64_t s = 0; s < nsections; ++s) largest[s] = std::max(largest[s], counts[s]);
  }
  return largest;
}

// Widths that hold every neighbor, and at least one place each.
inline std::vector<std::int64_t> free_widths(const NeighborPairs& pairs, const std::int32_t* types,
                                             std::int64_t nsections) {
  std::vector<std::int64_t> widths = largest_counts(pairs, types, nsections);
  for (std::int64_t& width : widths) width = std::max<std::int64_t>(width, 1);
  return widths;
}

namespace detail {

// Fills one atom's row; says whether neighbors were dropped.
inline bool fill_padded_row(const NeighborPairs& pairs, std::int64_t i, const Cell& cell,
                            const std::int32_t* types, const std::vector<std::int64_t>& widths,
                            std::int64_t* nlist, double* shift) {
  bool dropped = false;
  std::int64_t k = pairs.first[i];
  const std::int64_t end = pairs.first[i + 1];
  for (std::size_t section = 0; section < widths.size(); ++section) {
    const std::int64_t width = widths[section];
    std::int64_t filled = 0;
    for (; k < end; ++k) {
      const std::int32_t j = pairs.index[k];
      if (types && types[j] != static_cast<std::int32_t>(section)) break;
      if (filled == width) {
        dropped = true;
        continue;
      }
      const Vec3 t = cell.translation(pairs.shift[k]);
      nlist[filled] = j;
      std::copy(t.begin(), t.end(), shift + 3 * filled);
      ++filled;
    }
    std::fill(nlist + filled, nlist + width, -1);
    std::fill(shift + 3 * filled, shift + 3 * width, 0.0);
    nlist += width;
    shift += 3 * width;
  }
  return dropped;
}

}  // namespace detail

// Fills nlist (natoms, nnei), -1 where empty, and shift (natoms, nnei, 3) [Å],
// shift @ cell as a vector, 0 where empty; nnei is the sum of widths. A section
// keeps the nearest of an atom's neighbors where they are more than its width.
// Returns the number of atoms that lost neighbors so. With types, the pairs must
// have been built with group_by_type.
inline std::int64_t fill_padded(const NeighborPairs& pairs, const Cell& cell,
                                const std::int32_t* types, const std::vector<std::int64_t>& widths,
                                std::int64_t* nlist, double* shift) {
  const std::int64_t nnei = std::accumulate(widths.begin(), widths.end(), std::int64_t{0});
  std::int64_t ndropped = 0;
  for (std::int64_t i = 0; i < pairs.natoms(); ++i)
    ndropped += detail::fill_padded_row(pairs, i, cell, types, widths, nlist + i * nnei,
                                        shift + 3 * i * nnei);
  return ndropped;
}

}  // namespace deepmd
