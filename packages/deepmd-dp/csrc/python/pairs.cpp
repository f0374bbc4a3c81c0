// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Neighbor lists for Python (deepmd_dp/native/pairs.py).
#include <algorithm>
#include <limits>

#include "calls.hpp"
#include "deepmd/neighbor_list.hpp"
#include "deepmd/padded_list.hpp"

namespace {

using deepmd::python::call;
using deepmd::python::Frame;

struct Search {
  double rcut;                        // [Å]
  const std::int32_t* exclude_pairs;  // (nexclude, 2)
  std::int64_t nexclude;
  std::int32_t by_type;
  std::int32_t nthreads;

  deepmd::NeighborOptions options() const {
    deepmd::NeighborOptions options{rcut, by_type != 0, {}, nthreads};
    for (std::int64_t k = 0; k < nexclude; ++k)
      options.exclude_pairs.emplace_back(exclude_pairs[2 * k], exclude_pairs[2 * k + 1]);
    return options;
  }
};

/// The pairs of a frame, whose arrays outlive them.
struct Found {
  Found(const Frame& frame_, const Search& search)
      : frame(frame_),
        cell(frame.cell()),
        pairs(deepmd::build_neighbor_pairs(frame.coord, frame.natoms, cell, frame.atype,
                                           search.options())),
        section_of(search.by_type ? frame.atype : nullptr) {}

  // Of each two types, in a square; infinite where no such atoms are neighbors.
  void nearest_distances(std::int64_t ntypes, double* nearest) const {
    std::fill_n(nearest, ntypes * ntypes, std::numeric_limits<double>::infinity());
    for (std::int64_t i = 0; i < frame.natoms; ++i)
      for (std::int64_t k = pairs.first[i]; k < pairs.first[i + 1]; ++k) {
        deepmd::Vec3 r = cell.translation(pairs.shift[k]);
        for (int axis = 0; axis < 3; ++axis)
          r[axis] += frame.coord[3 * pairs.index[k] + axis] - frame.coord[3 * i + axis];
        double& least = nearest[ntypes * frame.atype[i] + frame.atype[pairs.index[k]]];
        least = std::min(least, deepmd::norm(r));
      }
  }

  Frame frame;
  deepmd::Cell cell;
  deepmd::NeighborPairs pairs;
  const std::int32_t* section_of;
};

}  // namespace

DEEPMD_PYTHON int deepmd_dp_find_pairs(const Frame* frame, const Search* search, Found** found,
                                       deepmd_error* error) {
  return call(error, [&] { *found = new Found(*frame, *search); });
}

/// For each section the number of places that hold every neighbor.
DEEPMD_PYTHON int deepmd_dp_free_widths(const Found* found, std::int64_t nsections,
                                        std::int64_t* widths, deepmd_error* error) {
  return call(error, [&] {
    const auto free = deepmd::free_widths(found->pairs, found->section_of, nsections);
    std::copy(free.begin(), free.end(), widths);
  });
}

/// nlist (natoms, sum of widths), shift (natoms, sum of widths, 3) [Å]; ndropped: atoms that have
/// more neighbors than places.
DEEPMD_PYTHON int deepmd_dp_fill_padded(const Found* found, std::int64_t nsections,
                                        const std::int64_t* widths, std::int64_t* nlist,
                                        double* shift, std::int64_t* ndropped,
                                        deepmd_error* error) {
  return call(error, [&] {
    *ndropped = deepmd::fill_padded(found->pairs, found->cell, found->section_of,
                                    {widths, widths + nsections}, nlist, shift);
  });
}

/// nearest (ntypes, ntypes) [Å]; for each type the most neighbors of it that an atom has, and of
/// all.
DEEPMD_PYTHON int deepmd_dp_count_neighbors(const Found* found, std::int64_t ntypes,
                                            double* nearest, std::int64_t* largest,
                                            std::int64_t* most, deepmd_error* error) {
  return call(error, [&] {
    found->nearest_distances(ntypes, nearest);
    const auto counts = deepmd::largest_counts(found->pairs, found->frame.atype, ntypes);
    std::copy(counts.begin(), counts.end(), largest);
    *most = deepmd::largest_counts(found->pairs, nullptr, 1)[0];
  });
}

DEEPMD_PYTHON void deepmd_dp_free_pairs(Found* found) { delete found; }
