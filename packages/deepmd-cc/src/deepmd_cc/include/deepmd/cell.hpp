// SPDX-License-Identifier: LGPL-3.0-or-later
// A simulation cell of which any of the three axes may be periodic.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>

namespace deepmd {

using Vec3 = std::array<double, 3>;
using Flags3 = std::array<bool, 3>;
// Number of cell vectors along each axis, by which an atom is displaced.
using Image = std::array<std::int32_t, 3>;

inline double dot(const Vec3& a, const Vec3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

inline Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

inline Vec3 scaled(const Vec3& a, double factor) {
  return {a[0] * factor, a[1] * factor, a[2] * factor};
}

inline double norm(const Vec3& a) { return std::sqrt(dot(a, a)); }

// The vector of an open axis carries no meaning, and callers leave it zero or
// arbitrary. Here it becomes a unit vector perpendicular to the other axes, so
// that fractional coordinates exist for every kind of boundary; along an open
// axis they are lengths in Å.
class Cell {
 public:
  // No periodic axis.
  Cell() : Cell(nullptr, Flags3{false, false, false}) {}

  // vectors: 9 numbers [Å], one row for each cell vector; nullptr where no axis
  // is periodic. Throws std::invalid_argument where periodic axes span nothing.
  Cell(const double* vectors, const Flags3& periodic) : periodic_(periodic) {
    for (int axis = 0; axis < 3; ++axis)
      if (periodic[axis]) vectors_[axis] = read_row(vectors, axis);
    complete_open_axes();
    set_reciprocal();
  }

  bool is_periodic(int axis) const { return periodic_[axis]; }

  // Distance [Å] between the two faces that the axis crosses.
  double height(int axis) const { return 1.0 / norm(reciprocal_[axis]); }

  double fractional(const Vec3& r, int axis) const { return dot(r, reciprocal_[axis]); }

  // image @ cell [Å]; exactly odd in image.
  Vec3 translation(const Image& image) const {
    Vec3 t{0.0, 0.0, 0.0};
    for (int axis = 0; axis < 3; ++axis)
      for (int k = 0; k < 3; ++k) t[k] += image[axis] * vectors_[axis][k];
    return t;
  }

 private:
  static Vec3 read_row(const double* vectors, int axis) {
    if (vectors == nullptr)
      throw std::invalid_argument(
          "a periodic axis needs a cell, but none was given; give the cell or "
          "make every axis open");
    const double* row = vectors + 3 * axis;
    for (int k = 0; k < 3; ++k)
      if (!std::isfinite(row[k]))
        throw std::invalid_argument("the cell holds NaN or infinity; expected finite numbers in Å");
    return {row[0], row[1], row[2]};
  }

  void complete_open_axes() {
    for (int axis = 0; axis < 3; ++axis) {
      const int next = (axis + 1) % 3, last = (axis + 2) % 3;
      if (periodic_[axis] || !periodic_[next]) continue;
      // With `next` periodic, this axis is either the only open one or the first
      // of two open ones; either way its partner for the cross product is known.
      if (!periodic_[last]) vectors_[last] = unit(any_perpendicular(vectors_[next]));
      vectors_[axis] = unit(cross(vectors_[next], vectors_[last]));
      return;
    }
    if (!periodic_[0]) vectors_ = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  }

  static Vec3 any_perpendicular(const Vec3& a) {
    int smallest = 0;
    for (int k = 1; k < 3; ++k)
      if (std::abs(a[k]) < std::abs(a[smallest])) smallest = k;
    Vec3 helper{0, 0, 0};
    helper[smallest] = 1;
    return cross(a, helper);
  }

  static Vec3 unit(const Vec3& a) {
    const double length = norm(a);
    if (!(length > 0)) throw_flat();
    return scaled(a, 1.0 / length);
  }

  void set_reciprocal() {
    const double volume = dot(vectors_[0], cross(vectors_[1], vectors_[2]));
    const double edges = norm(vectors_[0]) * norm(vectors_[1]) * norm(vectors_[2]);
    if (!(std::abs(volume) > 1e-8 * edges)) throw_flat();
    for (int axis = 0; axis < 3; ++axis)
      reciprocal_[axis] =
          scaled(cross(vectors_[(axis + 1) % 3], vectors_[(axis + 2) % 3]), 1 / volume);
  }

  [[noreturn]] static void throw_flat() {
    throw std::invalid_argument(
        "the periodic cell vectors are zero or linearly dependent; expected "
        "independent vectors, or open boundaries along the missing axes");
  }

  Flags3 periodic_;
  std::array<Vec3, 3> vectors_{};
  std::array<Vec3, 3> reciprocal_{};
};

}  // namespace deepmd
