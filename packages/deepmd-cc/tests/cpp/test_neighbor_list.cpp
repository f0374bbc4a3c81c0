// SPDX-License-Identifier: LGPL-3.0-or-later
#include <limits>
#include <random>
#include <set>
#include <tuple>

#include "check.hpp"
#include "deepmd/neighbor_list.hpp"

using deepmd::build_neighbor_pairs;
using deepmd::Cell;
using deepmd::Flags3;
using deepmd::Image;
using deepmd::NeighborOptions;
using deepmd::NeighborPairs;
using deepmd::Vec3;

namespace {

using Pair = std::tuple<std::int64_t, std::int64_t, Image>;

struct System {
  std::vector<double> coord;
  double vectors[9];
  Flags3 periodic;
  std::vector<std::int32_t> types;

  Cell cell() const { return Cell(vectors, periodic); }
  std::int64_t natoms() const { return coord.size() / 3; }
  NeighborPairs pairs(const NeighborOptions& options) const {
    return build_neighbor_pairs(coord.data(), natoms(), cell(), types.data(), options);
  }
};

double distance_squared(const System& system, std::int64_t i, std::int64_t j, const Image& shift) {
  const Vec3 t = system.cell().translation(shift);
  double sum = 0;
  for (int k = 0; k < 3; ++k) {
    const double d = system.coord[3 * j + k] + t[k] - system.coord[3 * i + k];
    sum += d * d;
  }
  return sum;
}

// Every image up to `reach` cells away, one by one.
std::set<Pair> search_by_force(const System& s, double rcut, int reach) {
  std::set<Pair> found;
  const int n0 = s.periodic[0] * reach, n1 = s.periodic[1] * reach, n2 = s.periodic[2] * reach;
  for (std::int64_t i = 0; i < s.natoms(); ++i)
    for (std::int64_t j = 0; j < s.natoms(); ++j)
      for (int a = -n0; a <= n0; ++a)
        for (int b = -n1; b <= n1; ++b)
          for (int c = -n2; c <= n2; ++c) {
            const bool self = i == j && a == 0 && b == 0 && c == 0;
            if (!self && distance_squared(s, i, j, {a, b, c}) < rcut * rcut)
              found.insert({i, j, {a, b, c}});
          }
  return found;
}

std::set<Pair> as_set(const NeighborPairs& pairs) {
  std::set<Pair> found;
  for (std::int64_t i = 0; i < pairs.natoms(); ++i)
    for (std::int64_t k = pairs.first[i]; k < pairs.first[i + 1]; ++k)
      found.insert({i, pairs.index[k], pairs.shift[k]});
  CHECK(found.size() == pairs.index.size());  // nothing twice
  return found;
}

System random_system(std::mt19937& random, int boundary, int natoms) {
  std::uniform_real_distribution<double> uniform(-1, 1);
  System system;
  for (int k = 0; k < 9; ++k) system.vectors[k] = 1.5 * uniform(random) + (k % 4 == 0 ? 4 : 0);
  if (boundary % 2)
    std::swap_ranges(system.vectors, system.vectors + 3,
                     system.vectors + 3);  // left-handed
  system.periodic = {bool(boundary & 1), bool(boundary & 2), bool(boundary & 4)};
  for (int k = 0; k < 3 * natoms; ++k)
    system.coord.push_back(6 * uniform(random));  // outside the cell, too
  for (int i = 0; i < natoms; ++i) system.types.push_back(i % 3);
  return system;
}

NeighborOptions within(double rcut) {
  NeighborOptions options;
  options.rcut = rcut;
  return options;
}

void agrees_with_brute_force() {
  std::mt19937 random(7);
  for (int boundary = 0; boundary < 8; ++boundary)
    for (const int natoms : {1, 2, 9, 40}) {
      const System system = random_system(random, boundary, natoms);
      const double rcut = natoms > 9 ? 2.5 : 5.0;
      CHECK(as_set(system.pairs(within(rcut))) == search_by_force(system, rcut, 9));
    }
}

void neighbors_are_sorted_whatever_the_threads() {
  std::mt19937 random(8);
  const System system = random_system(random, 7, 60);
  NeighborOptions options = within(5.0);
  options.group_by_type = true;
  const NeighborPairs one = system.pairs(options);
  for (std::int64_t i = 0; i < one.natoms(); ++i)
    for (std::int64_t k = one.first[i] + 1; k < one.first[i + 1]; ++k) {
      const auto type = [&](std::int64_t m) { return system.types[one.index[m]]; };
      const auto r2 = [&](std::int64_t m) {
        return distance_squared(system, i, one.index[m], one.shift[m]);
      };
      CHECK(type(k - 1) < type(k) || (type(k - 1) == type(k) && r2(k - 1) <= r2(k) + 1e-12));
    }
  for (const int nthreads : {2, 3, 100}) {
    options.nthreads = nthreads;
    const NeighborPairs many = system.pairs(options);
    CHECK(many.first == one.first);
    CHECK(many.index == one.index);
    CHECK(many.shift == one.shift);
  }
}

void small_cell_neighbors_its_own_images() {
  const System system{{0.3, 0.4, 0.5}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, {true, true, true}, {0}};
  CHECK(system.pairs(within(1.0)).index.empty());  // strictly inside
  CHECK(system.pairs(within(1.01)).index.size() == 6);
  CHECK(system.pairs(within(1.5)).index.size() == 18);
}

void coincident_atoms_are_neighbors() {
  const System system{{1, 1, 1, 1, 1, 1}, {}, {false, false, false}, {0, 0}};
  CHECK(as_set(system.pairs(within(1.0))) ==
        (std::set<Pair>{{0, 1, {0, 0, 0}}, {1, 0, {0, 0, 0}}}));
}

void virtual_and_excluded_atoms_are_left_out() {
  const System system{
      {0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0}, {}, {false, false, false}, {0, -1, 1, 0}};
  NeighborOptions options = within(10);
  CHECK(system.pairs(options).first == (std::vector<std::int64_t>{0, 2, 2, 4, 6}));
  options.exclude_pairs = {{1, 0}, {5, -1}};
  CHECK(as_set(system.pairs(options)) == (std::set<Pair>{{0, 3, {0, 0, 0}}, {3, 0, {0, 0, 0}}}));
}

void far_apart_atoms_cost_nothing() {
  const double far = 1e15, huge = 1e308;
  const System distant{
      {-far, 0, 0, far, far, far, far, far, far + 1}, {}, {false, false, false}, {0, 0, 0}};
  CHECK(distant.pairs(within(2)).index == (std::vector<std::int32_t>{2, 1}));
  const System extreme{{-huge, 0, 0, huge, 0, 0}, {}, {false, false, false}, {0, 0}};
  CHECK(extreme.pairs(within(2)).index.empty());
  const System tall{{0, 0, 0, 0, 0, 1}, {9, 0, 0, 0, 9, 0, 0, 0, 1e9}, {true, true, true}, {0, 0}};
  CHECK(tall.pairs(within(2)).index.size() == 2);
}

void no_atoms_no_neighbors() {
  const NeighborPairs pairs = build_neighbor_pairs(nullptr, 0, Cell(), nullptr, within(3));
  CHECK(pairs.natoms() == 0);
  CHECK(pairs.index.empty());
}

void mistakes_are_refused() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, inf, -inf}) {
    const System system{{0, 0, 0, 1, bad, 0}, {}, {false, false, false}, {0, 0}};
    CHECK_REFUSED(system.pairs(within(2)), "atom 1");
  }
  const System tiny{{0, 0, 0}, {1e-3, 0, 0, 0, 1e-3, 0, 0, 0, 1e-3}, {true, true, true}, {0}};
  CHECK_REFUSED(tiny.pairs(within(6)), "too many images");
  const System lost{{1e30, 0, 0}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, {true, true, true}, {0}};
  CHECK_REFUSED(lost.pairs(within(2)), "atom 0");
  CHECK_REFUSED(lost.pairs(within(0)), "cut-off");
  CHECK_REFUSED(lost.pairs(within(nan)), "cut-off");
  NeighborOptions by_type = within(2);
  by_type.group_by_type = true;
  CHECK_REFUSED(build_neighbor_pairs(nullptr, 0, Cell(), nullptr, by_type), "no types");
  const System strange{
      {0, 0, 0, 1, 0, 0}, {}, {false, false, false}, {0, std::numeric_limits<std::int32_t>::max()}};
  CHECK(strange.pairs(within(2)).index.size() == 2);
  CHECK_REFUSED(strange.pairs(by_type), "type 2147483647");
}

}  // namespace

int main() {
  agrees_with_brute_force();
  neighbors_are_sorted_whatever_the_threads();
  small_cell_neighbors_its_own_images();
  coincident_atoms_are_neighbors();
  virtual_and_excluded_atoms_are_left_out();
  far_apart_atoms_cost_nothing();
  no_atoms_no_neighbors();
  mistakes_are_refused();
  return close_checks();
}
