// SPDX-License-Identifier: LGPL-3.0-or-later
// The neighbors of every atom within a cut-off, in time linear in the atoms.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/bin_grid.hpp"
#include "deepmd/cell.hpp"

namespace deepmd {

// The full list (i->j and j->i) in compressed form: the neighbors of atom i are
// the entries first[i] <= k < first[i + 1], and
//   r_ij = coord[index[k]] + shift[k] @ cell - coord[i],  |r_ij| < rcut,
// for the coordinates as they were given, inside the cell or not.
struct NeighborPairs {
  std::vector<std::int64_t> first{0};  // natoms + 1
  std::vector<std::int32_t> index;     // neighbor j
  std::vector<Image> shift;            // cell vectors to add to coord[j]

  std::int64_t natoms() const { return static_cast<std::int64_t>(first.size()) - 1; }
};

struct NeighborOptions {
  double rcut = 0;             // [Å]
  bool group_by_type = false;  // neighbors of type 0 first, then type 1, ...
  // Pairs of types, in either order, which are no neighbors of each other.
  std::vector<std::pair<std::int32_t, std::int32_t>> exclude_pairs;
  int nthreads = 1;
};

namespace detail {

struct Hit {
  double distance_squared;
  std::int32_t index;
  std::int32_t group;
  Image shift;

  bool operator<(const Hit& other) const {
    if (group != other.group) return group < other.group;
    if (distance_squared != other.distance_squared)
      return distance_squared < other.distance_squared;
    if (index != other.index) return index < other.index;
    return shift < other.shift;
  }
};

// Sorts hits. Their squared distances are spread evenly enough that one pass
// into as many buckets as there are hits leaves little for std::sort to do: some
// four times faster than std::sort alone, which would dominate the whole search.
class HitSorter {
 public:
  HitSorter(double rcut, std::int32_t ngroups) : rcut_squared_(rcut * rcut), ngroups_(ngroups) {}

  void sort(std::vector<Hit>& hits) {
    const std::int32_t nbuckets =
        static_cast<std::int32_t>(std::min<std::size_t>(hits.size() / ngroups_ + 1, 1 << 16));
    const double scale = nbuckets / rcut_squared_;
    end_.assign(static_cast<std::size_t>(nbuckets) * ngroups_ + 1, 0);
    bucket_.resize(hits.size());
    for (std::size_t k = 0; k < hits.size(); ++k) {
      const std::int32_t slice =
          std::min(static_cast<std::int32_t>(hits[k].distance_squared * scale), nbuckets - 1);
      bucket_[k] = hits[k].group * nbuckets + slice;
      ++end_[bucket_[k] + 1];
    }
    for (std::size_t b = 1; b < end_.size(); ++b) end_[b] += end_[b - 1];
    sorted_.resize(hits.size());
    for (std::size_t k = 0; k < hits.size(); ++k) sorted_[end_[bucket_[k]]++] = hits[k];
    sort_within_buckets();
    hits.swap(sorted_);
  }

 private:
  void sort_within_buckets() {
    std::int32_t begin = 0;
    for (const std::int32_t end : end_) {
      if (end - begin > 1) std::sort(sorted_.begin() + begin, sorted_.begin() + end);
      begin = end;
    }
  }

  double rcut_squared_;
  std::int32_t ngroups_;
  std::vector<std::int32_t> bucket_, end_;
  std::vector<Hit> sorted_;
};

// Which pairs of types are excluded, as a table.
class TypeExclusion {
 public:
  explicit TypeExclusion(const std::vector<std::pair<std::int32_t, std::int32_t>>& pairs) {
    for (const auto& pair : pairs) ntypes_ = std::max({ntypes_, pair.first + 1, pair.second + 1});
    excluded_.assign(static_cast<std::size_t>(ntypes_) * ntypes_, 0);
    for (const auto& pair : pairs) {
      if (pair.first < 0 || pair.second < 0) continue;
      excluded_[pair.first * ntypes_ + pair.second] = 1;
      excluded_[pair.second * ntypes_ + pair.first] = 1;
    }
  }

  bool is_empty() const { return ntypes_ == 0; }

  bool is_excluded(std::int32_t a, std::int32_t b) const {
    return a < ntypes_ && b < ntypes_ && excluded_[a * ntypes_ + b];
  }

 private:
  std::int32_t ntypes_ = 0;
  std::vector<std::uint8_t> excluded_;
};

// Searches the neighbors of one atom after another; one object a thread.
class NeighborSearch {
 public:
  NeighborSearch(const Cell& cell, const BinGrid& grid, const std::int32_t* types,
                 std::int32_t ngroups, const NeighborOptions& options)
      : cell_(cell),
        grid_(grid),
        types_(types),
        by_type_(options.group_by_type),
        rcut_squared_(options.rcut * options.rcut),
        exclusion_(options.exclude_pairs),
        sorter_(options.rcut, ngroups) {}

  // Appends the neighbors of atoms begin <= i < end.
  void append(std::int64_t begin, std::int64_t end, NeighborPairs& pairs) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (i == begin + (end - begin) / 16) reserve_by_first(i - begin, end - begin, pairs);
      hits_.clear();
      if (grid_.slot_of(i) >= 0) collect(grid_.slot_of(i));
      if (!exclusion_.is_empty()) drop_excluded(i);
      sorter_.sort(hits_);
      append_hits(pairs);
      pairs.first.push_back(static_cast<std::int64_t>(pairs.index.size()));
    }
  }

 private:
  void append_hits(NeighborPairs& pairs) const {
    std::size_t k = pairs.index.size();
    pairs.index.resize(k + hits_.size());
    pairs.shift.resize(k + hits_.size());
    for (const Hit& hit : hits_) {
      pairs.index[k] = hit.index;
      pairs.shift[k] = hit.shift;
      ++k;
    }
  }

  // Extrapolates from the first atoms how much all will need: growing by
  // doubling would touch twice the memory, and that costs as much as the search.
  static void reserve_by_first(std::int64_t ndone, std::int64_t natoms, NeighborPairs& pairs) {
    if (ndone == 0) return;
    const std::size_t expected =
        static_cast<std::size_t>(1.1 * static_cast<double>(pairs.index.size()) * natoms / ndone);
    pairs.index.reserve(expected);
    pairs.shift.reserve(expected);
  }

  void collect(std::int32_t home) {
    grid_.for_each_run(home, [&](std::int32_t begin, std::int32_t end, const Image& image) {
      measure(home, begin, end, cell_.translation(image));
      const std::int32_t self = image == Image{0, 0, 0} ? home : -1;
      const std::int32_t ninside = select(begin, end, self);
      for (std::int32_t k = 0; k < ninside; ++k)
        add_hit(home, inside_[k], image, squared_[inside_[k] - begin]);
    });
  }

  // Squared distances from `home` to a run of slots. The differences are taken
  // before the translation is added, so that i->j and j->i agree to the last bit
  // and a pair on the edge of the cut-off is never listed one way only.
  void measure(std::int32_t home, std::int32_t begin, std::int32_t end, const Vec3& t) {
    const std::size_t size = end - begin;
    if (squared_.size() < size) {
      squared_.resize(size);
      inside_.resize(size);
    }
    const double *x = grid_.x.data(), *y = grid_.y.data(), *z = grid_.z.data();
    const double x0 = x[home], y0 = y[home], z0 = z[home];
    double* out = squared_.data();
    for (std::int32_t slot = begin; slot < end; ++slot) {
      const double dx = (x[slot] - x0) + t[0];
      const double dy = (y[slot] - y0) + t[1];
      const double dz = (z[slot] - z0) + t[2];
      out[slot - begin] = dx * dx + dy * dy + dz * dz;
    }
  }

  // Lists the slots of a run inside the cut-off. Without a branch, which would be
  // mispredicted for one candidate in three.
  std::int32_t select(std::int32_t begin, std::int32_t end, std::int32_t self) {
    std::int32_t ninside = 0;
    for (std::int32_t slot = begin; slot < end; ++slot) {
      inside_[ninside] = slot;
      ninside += (squared_[slot - begin] < rcut_squared_) & (slot != self);
    }
    return ninside;
  }

  void add_hit(std::int32_t home, std::int32_t slot, const Image& image, double distance_squared) {
    const std::int32_t j = grid_.atom[slot];
    const Image &to = grid_.image[slot], &from = grid_.image[home];
    hits_.push_back(
        {distance_squared,
         j,
         by_type_ ? types_[j] : 0,
         {image[0] + to[0] - from[0], image[1] + to[1] - from[1], image[2] + to[2] - from[2]}});
  }

  void drop_excluded(std::int64_t i) {
    hits_.erase(std::remove_if(hits_.begin(), hits_.end(),
                               [&](const Hit& hit) {
                                 return exclusion_.is_excluded(types_[i], types_[hit.index]);
                               }),
                hits_.end());
  }

  const Cell& cell_;
  const BinGrid& grid_;
  const std::int32_t* types_;
  bool by_type_;
  double rcut_squared_;
  TypeExclusion exclusion_;
  HitSorter sorter_;
  std::vector<double> squared_;       // of the run at hand
  std::vector<std::int32_t> inside_;  // likewise
  std::vector<Hit> hits_;
};

inline void join(NeighborPairs& pairs, const NeighborPairs& tail) {
  const std::int64_t offset = pairs.first.back();
  for (std::size_t k = 1; k < tail.first.size(); ++k) pairs.first.push_back(offset + tail.first[k]);
  pairs.index.insert(pairs.index.end(), tail.index.begin(), tail.index.end());
  pairs.shift.insert(pairs.shift.end(), tail.shift.begin(), tail.shift.end());
}

// Groups of neighbors: one, or one a type.
inline std::int32_t count_groups(const NeighborOptions& options, const std::int32_t* types,
                                 std::int64_t natoms) {
  if (!options.group_by_type || natoms == 0) return 1;
  const std::int32_t highest = *std::max_element(types, types + natoms);
  if (highest >= 1 << 20)
    throw std::invalid_argument("an atom has type " + std::to_string(highest) +
                                "; neighbors are grouped by types below 1048576");
  return std::max(highest + 1, 1);
}

inline void check_options(const NeighborOptions& options, const std::int32_t* types) {
  if (!(options.rcut > 0) || !std::isfinite(options.rcut))
    throw std::invalid_argument("the cut-off is " + std::to_string(options.rcut) +
                                "; expected a positive length in Å");
  const bool needs_types = options.group_by_type || !options.exclude_pairs.empty();
  if (needs_types && types == nullptr)
    throw std::invalid_argument(
        "neighbors are grouped or excluded by type, but no types were given");
}

}  // namespace detail

// Builds the full neighbor list.
//
// coord: 3 * natoms numbers [Å], anywhere in space. types: natoms numbers, or
// nullptr; atoms of a negative type (virtual ones) have no neighbors and are
// nobody's. Cells smaller than the cut-off are searched over as many images as it
// takes, an atom's own included. Coincident atoms are neighbors at distance 0.
// The neighbors of an atom are sorted by type (where options ask for it),
// distance, index and shift; the result does not depend on the threads.
//
// Throws std::invalid_argument for coordinates that are not finite, naming the
// atom, and for a cut-off that is not positive.
inline NeighborPairs build_neighbor_pairs(const double* coord, std::int64_t natoms,
                                          const Cell& cell, const std::int32_t* types,
                                          const NeighborOptions& options) {
  detail::check_options(options, types);
  const BinGrid grid(cell, coord, types, natoms, options.rcut);
  const std::int32_t ngroups = detail::count_groups(options, types, natoms);
  const auto search = [&](std::int64_t begin, std::int64_t end) {
    NeighborPairs part;
    detail::NeighborSearch(cell, grid, types, ngroups, options).append(begin, end, part);
    return part;
  };
  const std::int64_t nparts =
      std::max<std::int64_t>(1, std::min<std::int64_t>(options.nthreads, natoms));
  std::vector<std::future<NeighborPairs>> tails;
  for (std::int64_t p = 1; p < nparts; ++p)
    tails.push_back(
        std::async(std::launch::async, search, natoms * p / nparts, natoms * (p + 1) / nparts));
  NeighborPairs pairs = search(0, natoms / nparts);
  for (auto& tail : tails) detail::join(pairs, tail.get());
  return pairs;
}

}  // namespace deepmd
