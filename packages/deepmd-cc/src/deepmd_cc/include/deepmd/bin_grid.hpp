// SPDX-License-Identifier: LGPL-3.0-or-later
// Atoms sorted into a grid of bins, so that those near a point are found fast.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "deepmd/cell.hpp"

namespace deepmd {

class BinGrid {
 public:
  // coord: 3 * natoms numbers [Å]; types: natoms numbers or nullptr; atoms of a
  // negative type are left out of the grid.
  BinGrid(const Cell& cell, const double* coord, const std::int32_t* types, std::int64_t natoms,
          double rcut)
      : cell_(cell) {
    wrap_atoms(coord, types, natoms);
    choose_bins(rcut);
    sort_atoms();
  }

  // Position of an atom in the sorted arrays; -1 where it is left out.
  std::int32_t slot_of(std::int64_t atom) const { return slot_[atom]; }

  // The sorted arrays, by slot: the atom, its position inside the cell [Å], and
  // its image, position = coord[atom] + image @ cell.
  std::vector<std::int32_t> atom;
  std::vector<double> x, y, z;
  std::vector<Image> image;

  // Calls visit(begin, end, image) for runs of slots which, displaced by
  // image @ cell, together hold every atom within rcut of the atom in `slot`.
  template <class Visit>
  void for_each_run(std::int32_t slot, Visit&& visit) const {
    const BinIndex& home = bin_[slot];
    const Range r0 = range(0, home[0]), r1 = range(1, home[1]);
    for (std::int32_t b0 = r0.low; b0 <= r0.high; ++b0) {
      const std::int32_t m0 = floor_divide(b0, nbins_[0]);
      for (std::int32_t b1 = r1.low; b1 <= r1.high; ++b1) {
        const std::int32_t m1 = floor_divide(b1, nbins_[1]);
        visit_row({b0 - m0 * nbins_[0], b1 - m1 * nbins_[1], home[2]}, {m0, m1, 0}, visit);
      }
    }
  }

 private:
  using BinIndex = std::array<std::int32_t, 3>;

  struct Range {
    std::int32_t low, high;  // both included
  };

  // Bins of half the cut-off: 2.7 times fewer candidates than with bins of the
  // cut-off, and still several atoms to a bin at the density of a liquid.
  static constexpr double kBinsPerCutoff = 2.0;
  static constexpr double kMaxImages = 1e6;
  static constexpr double kMaxWraps = 1e9;

  static std::int32_t floor_divide(std::int32_t a, std::int32_t b) {
    return a >= 0 ? a / b : -((b - 1 - a) / b);
  }

  void wrap_atoms(const double* coord, const std::int32_t* types, std::int64_t natoms) {
    if (natoms > std::numeric_limits<std::int32_t>::max())
      throw std::invalid_argument(std::to_string(natoms) + " atoms; expected at most 2147483647");
    slot_.assign(natoms, -1);
    for (std::int64_t i = 0; i < natoms; ++i) {
      const Vec3 r{coord[3 * i], coord[3 * i + 1], coord[3 * i + 2]};
      require_finite(r, i);
      if (types == nullptr || types[i] >= 0) wrap_atom(r, i);
    }
  }

  static void require_finite(const Vec3& r, std::int64_t i) {
    if (std::isfinite(r[0]) && std::isfinite(r[1]) && std::isfinite(r[2])) return;
    throw std::invalid_argument("the coordinates of atom " + std::to_string(i) + " are (" +
                                std::to_string(r[0]) + ", " + std::to_string(r[1]) + ", " +
                                std::to_string(r[2]) + "); expected finite numbers in Å");
  }

  void wrap_atom(const Vec3& r, std::int64_t i) {
    Vec3 fraction;
    Image m{0, 0, 0};
    for (int axis = 0; axis < 3; ++axis) {
      fraction[axis] = cell_.fractional(r, axis);
      if (!cell_.is_periodic(axis)) continue;
      const double cells = std::floor(fraction[axis]);
      if (!(std::abs(cells) < kMaxWraps))
        throw std::invalid_argument("atom " + std::to_string(i) + " lies " + std::to_string(cells) +
                                    " cells away from the cell; expected coordinates in Å near it");
      fraction[axis] -= cells;
      m[axis] = -static_cast<std::int32_t>(cells);
    }
    const Vec3 t = cell_.translation(m);
    atom.push_back(static_cast<std::int32_t>(i));
    x.push_back(r[0] + t[0]);
    y.push_back(r[1] + t[1]);
    z.push_back(r[2] + t[2]);
    image.push_back(m);
    fraction_.push_back(fraction);
  }

  void choose_bins(double rcut) {
    Vec3 extent;  // of the binned region [Å]
    for (int axis = 0; axis < 3; ++axis) {
      set_region(axis);
      extent[axis] = length_[axis] * cell_.height(axis);
    }
    // Memory follows the number of atoms, whatever the volume.
    const double max_bins = 4.0 * static_cast<double>(atom.size()) + 64.0;
    double width = rcut / kBinsPerCutoff;
    while (count_bins(extent, width) > max_bins) width *= 1.25;
    require_few_images(extent, rcut);
    for (int axis = 0; axis < 3; ++axis) {
      nbins_[axis] = static_cast<std::int32_t>(bins_along(extent[axis], width));
      reach_[axis] = reach_along(axis, extent[axis] / nbins_[axis], rcut);
    }
  }

  void require_few_images(const Vec3& extent, double rcut) const {
    double images = 1;
    for (int axis = 0; axis < 3; ++axis)
      if (cell_.is_periodic(axis)) images *= 1.0 + 2.0 * rcut / extent[axis];
    if (images <= kMaxImages) return;
    throw std::invalid_argument("a cell of heights " + std::to_string(extent[0]) + ", " +
                                std::to_string(extent[1]) + ", " + std::to_string(extent[2]) +
                                " Å has too many images within the cut-off of " +
                                std::to_string(rcut) + " Å; expected lengths in Å");
  }

  // Where the bins of an axis begin and how far they extend, in fractional
  // coordinates.
  void set_region(int axis) {
    origin_[axis] = 0;
    length_[axis] = 1;
    if (cell_.is_periodic(axis) || fraction_.empty()) return;
    double low = fraction_[0][axis], high = low;
    for (const Vec3& f : fraction_) {
      low = std::min(low, f[axis]);
      high = std::max(high, f[axis]);
    }
    origin_[axis] = low;
    length_[axis] = std::min(high - low, std::numeric_limits<double>::max());
  }

  static double bins_along(double extent, double width) {
    return std::max(1.0, std::floor(extent / width));
  }

  static double count_bins(const Vec3& extent, double width) {
    return bins_along(extent[0], width) * bins_along(extent[1], width) *
           bins_along(extent[2], width);
  }

  // How many bins away an atom within the cut-off can be.
  std::int32_t reach_along(int axis, double bin_width, double rcut) const {
    if (!cell_.is_periodic(axis) && nbins_[axis] == 1) return 0;
    return static_cast<std::int32_t>(std::ceil(rcut / bin_width));
  }

  void sort_atoms() {
    const std::size_t n = atom.size();
    for (const Vec3& fraction : fraction_) bin_.push_back(find_bin(fraction));
    fraction_ = {};
    count_bin_starts();
    std::vector<std::int32_t> next(start_.begin(), start_.end() - 1), order(n);
    for (std::size_t k = 0; k < n; ++k) order[next[flat(bin_[k])]++] = static_cast<std::int32_t>(k);
    const auto sort = [&](auto& by_slot) {
      const auto from = by_slot;
      for (std::size_t k = 0; k < n; ++k) by_slot[k] = from[order[k]];
    };
    sort(bin_), sort(atom), sort(x), sort(y), sort(z), sort(image);
    for (std::size_t k = 0; k < n; ++k) slot_[atom[k]] = static_cast<std::int32_t>(k);
  }

  void count_bin_starts() {
    start_.assign(flat({nbins_[0], 0, 0}) + 1, 0);
    for (const BinIndex& bin : bin_) ++start_[flat(bin) + 1];
    for (std::size_t b = 1; b < start_.size(); ++b) start_[b] += start_[b - 1];
  }

  BinIndex find_bin(const Vec3& fraction) const {
    BinIndex bin{0, 0, 0};
    for (int axis = 0; axis < 3; ++axis) {
      if (nbins_[axis] == 1) continue;
      const double b = (fraction[axis] - origin_[axis]) / length_[axis] * nbins_[axis];
      // Rounding may put a wrapped atom on the far face of the cell.
      bin[axis] = static_cast<std::int32_t>(std::min(b, nbins_[axis] - 1.0));
    }
    return bin;
  }

  std::size_t flat(const BinIndex& bin) const {
    return (static_cast<std::size_t>(bin[0]) * nbins_[1] + bin[1]) * nbins_[2] + bin[2];
  }

  // Bins to search along an axis; beyond the cell's own they are images.
  Range range(int axis, std::int32_t home) const {
    const Range all{home - reach_[axis], home + reach_[axis]};
    if (cell_.is_periodic(axis)) return all;
    return {std::max(all.low, 0), std::min(all.high, nbins_[axis] - 1)};
  }

  // Bins of one row lie side by side, and so do their atoms: one run an image.
  template <class Visit>
  void visit_row(const BinIndex& home, Image m, Visit&& visit) const {
    const Range r = range(2, home[2]);
    const std::size_t row = flat({home[0], home[1], 0});
    const std::int32_t n = nbins_[2];
    for (m[2] = floor_divide(r.low, n); m[2] * n <= r.high; ++m[2]) {
      const std::int32_t begin = start_[row + std::max(r.low - m[2] * n, 0)];
      const std::int32_t end = start_[row + std::min(r.high - m[2] * n, n - 1) + 1];
      if (begin != end) visit(begin, end, m);
    }
  }

  const Cell& cell_;
  std::vector<Vec3> fraction_;  // of wrapped positions; until they are sorted
  Vec3 origin_{}, length_{};
  BinIndex nbins_{}, reach_{};
  std::vector<BinIndex> bin_;        // by slot
  std::vector<std::int32_t> start_;  // first slot of each bin
  std::vector<std::int32_t> slot_;   // by atom
};

}  // namespace deepmd
