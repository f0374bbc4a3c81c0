// SPDX-License-Identifier: LGPL-3.0-or-later
#include "check.hpp"
#include "deepmd/padded_list.hpp"

using deepmd::Cell;
using deepmd::NeighborPairs;
using Widths = std::vector<std::int64_t>;

namespace {

// Four atoms on a line, 1 Å apart, in a period of 4 Å; types 0 1 0 1.
const double kVectors[9] = {4, 0, 0, 0, 9, 0, 0, 0, 9};
const double kCoord[12] = {0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0};
const std::int32_t kTypes[4] = {0, 1, 0, 1};
const Cell kCell(kVectors, {true, true, true});

NeighborPairs line_pairs(bool by_type) {
  deepmd::NeighborOptions options;
  options.rcut = 2.5;
  options.group_by_type = by_type;
  return deepmd::build_neighbor_pairs(kCoord, 4, kCell, kTypes, options);
}

struct Padded {
  Padded(const NeighborPairs& pairs, const std::int32_t* types, const Widths& widths) {
    std::int64_t nnei = 0;
    for (const std::int64_t width : widths) nnei += width;
    nlist.assign(4 * nnei, -7);
    shift.assign(12 * nnei, -7);
    ndropped = deepmd::fill_padded(pairs, kCell, types, widths, nlist.data(), shift.data());
  }
  std::vector<std::int64_t> nlist;
  std::vector<double> shift;
  std::int64_t ndropped;
};

using Ints = std::vector<std::int64_t>;

Ints row(const Ints& all, std::size_t i) {
  const std::size_t n = all.size() / 4;
  return Ints(all.begin() + i * n, all.begin() + (i + 1) * n);
}

void one_block_is_sorted_by_distance() {
  const NeighborPairs pairs = line_pairs(false);
  const Widths widths = deepmd::free_widths(pairs, nullptr, 1);
  CHECK(widths == Widths{4});
  const Padded padded(pairs, nullptr, {5});
  CHECK(row(padded.nlist, 0) == (Ints{1, 3, 2, 2, -1}));
  CHECK(row(padded.nlist, 1) == (Ints{0, 2, 3, 3, -1}));
  CHECK(padded.shift[3 * 1] == -4);  // atom 3 seen from atom 0
  CHECK(padded.shift[3 * 4] == 0);   // the empty place
  CHECK(padded.ndropped == 0);
}

void type_sections_follow_each_other() {
  const NeighborPairs pairs = line_pairs(true);
  CHECK(deepmd::free_widths(pairs, kTypes, 2) == (Widths{2, 2}));
  CHECK(deepmd::largest_counts(pairs, kTypes, 3) == (Widths{2, 2, 0}));
  CHECK(deepmd::free_widths(pairs, kTypes, 3) == (Widths{2, 2, 1}));
  const Padded padded(pairs, kTypes, {2, 3, 1});
  CHECK(row(padded.nlist, 0) == (Ints{2, 2, 1, 3, -1, -1}));
  CHECK(row(padded.nlist, 1) == (Ints{0, 2, 3, 3, -1, -1}));
}

void narrow_sections_keep_the_nearest() {
  const Padded one(line_pairs(false), nullptr, {2});
  CHECK(row(one.nlist, 0) == (Ints{1, 3}));
  CHECK(one.ndropped == 4);
  const Padded two(line_pairs(true), kTypes, {0, 2});
  CHECK(row(two.nlist, 0) == (Ints{1, 3}));
  CHECK(row(two.nlist, 3) == (Ints{1, 1}));
  CHECK(two.ndropped == 4);
}

}  // namespace

int main() {
  one_block_is_sorted_by_distance();
  type_sections_follow_each_other();
  narrow_sections_keep_the_nearest();
  return close_checks();
}
