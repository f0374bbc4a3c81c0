// SPDX-License-Identifier: LGPL-3.0-or-later
#include <cmath>
#include <limits>

#include "check.hpp"
#include "deepmd/cell.hpp"

using deepmd::Cell;
using deepmd::Vec3;

namespace {

bool is_close(double a, double b) { return std::abs(a - b) < 1e-12; }

void heights_are_distances_between_faces() {
  const double vectors[9] = {4, 0, 0, 3, 3, 0, 0, 0, 5};
  const Cell cell(vectors, {true, true, true});
  CHECK(is_close(cell.height(0), 4 / std::sqrt(2.0)));
  CHECK(is_close(cell.height(1), 3));
  CHECK(is_close(cell.height(2), 5));
}

void fractional_coordinates_invert_the_cell() {
  const double vectors[9] = {4, 1, 0.5, -3, 3, 2, 1, 0, -5};  // left-handed
  const Cell cell(vectors, {true, true, true});
  const Vec3 r = cell.translation({2, -1, 3});
  CHECK(is_close(cell.fractional(r, 0), 2));
  CHECK(is_close(cell.fractional(r, 1), -1));
  CHECK(is_close(cell.fractional(r, 2), 3));
}

void open_axes_are_perpendicular_lengths() {
  const double slab[9] = {4, 0, 1, 0, 3, 1, 0, 0, 0};
  for (const double* vectors : {slab, static_cast<const double*>(nullptr)}) {
    const Cell cell(vectors, {vectors != nullptr, vectors != nullptr, false});
    CHECK(is_close(cell.height(2), 1));
    CHECK(!cell.is_periodic(2));
  }
  for (int axis = 0; axis < 3; ++axis) {
    double wire[9] = {};
    for (int k = 0; k < 3; ++k) wire[3 * axis + k] = k + 1;
    deepmd::Flags3 periodic{};
    periodic[axis] = true;
    const Cell cell(wire, periodic);
    for (int k = 0; k < 3; ++k) CHECK(is_close(cell.height(k), k == axis ? std::sqrt(14.0) : 1));
  }
}

void mistakes_are_refused() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double flat[9] = {1, 0, 0, 2, 0, 0, 0, 0, 1};
  const double zero[9] = {};
  const double broken[9] = {1, 0, 0, 0, nan, 0, 0, 0, 1};
  CHECK_REFUSED(Cell(flat, {true, true, true}), "linearly dependent");
  CHECK_REFUSED(Cell(flat, {true, true, false}), "linearly dependent");
  CHECK_REFUSED(Cell(zero, {false, true, false}), "zero");
  CHECK_REFUSED(Cell(broken, {true, true, true}), "NaN");
  CHECK_REFUSED(Cell(nullptr, {false, false, true}), "needs a cell");
  CHECK(is_close(Cell(broken, {true, false, true}).height(1), 1));
}

}  // namespace

int main() {
  heights_are_distances_between_faces();
  fractional_coordinates_invert_the_cell();
  open_axes_are_perpendicular_lengths();
  mistakes_are_refused();
  return close_checks();
}
