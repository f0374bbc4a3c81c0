// SPDX-License-Identifier: LGPL-3.0-or-later
//
// What the operator on Chebyshev moments (moments.hpp) is given besides tensors, and its shapes.
#pragma once

#include <cstdint>
#include <vector>

#include "chebyshev.hpp"
#include "environment_rows.hpp"
#include "tensor_view.hpp"

namespace deepmd {

/// A, the transpose of its derivative, or its derivative along a direction.
enum class Pass { forward = 0, transpose = 1, tangent = 2 };

struct MomentsSpec {
  ChebyshevBasis basis;
  EnvironmentSettings settings;
  int columns = 0;
  std::int64_t nsegments = 1;
  bool is_environment = false;  // displacements are given, else s and rows
  bool is_switched = false;     // a second set of sums, of terms times the switch
  bool has_segment = false;
  Pass pass = Pass::forward;

  /// From the two lists that `deepmd_dp.kit.kernels.moments_attributes` makes.
  MomentsSpec(const std::vector<double>& numbers, const std::vector<std::int64_t>& counts) {
    require(numbers.size() >= 5 && counts.size() == 8, "the attributes of moments are incomplete");
    basis = ChebyshevBasis({numbers.begin() + 3, numbers.end()}, int(counts[0]));
    settings = {numbers[0], numbers[1], numbers[2], counts[5] != 0};
    columns = int(counts[1]), nsegments = counts[2], is_switched = counts[3] != 0;
    is_environment = counts[4] != 0, has_segment = counts[6] != 0;
    require(0 <= counts[7] && counts[7] <= 2, "there are three passes of moments");
    pass = Pass(counts[7]);
    require(columns >= 1 && nsegments >= 1, "moments need a column and a segment at least");
    require(!is_environment || columns == 1 || columns == 4,
            "the environment matrix has 1 or 4 columns");
    require(is_environment || !is_switched, "only the environment matrix has a switch");
  }

  /// Of A for n atoms.
  Shape moments_shape(std::int64_t n) const {
    Shape shape{n, columns, nsegments, basis.size()};
    if (is_switched) shape.insert(shape.begin() + 1, 2);
    return shape;
  }

  /// Tensors that every pass takes: edge_vec, weights, shift, scale, or s, rows; and the segments.
  std::size_t ngeometry() const { return (is_environment ? 4 : 2) + (has_segment ? 1 : 0); }

  /// Those by which A is derived: edge_vec, or s, rows. They come first.
  std::size_t nderived() const { return is_environment ? 1 : 2; }

  /// How many tensors the pass takes: the geometry, and for transpose the gradient of A, for
  /// tangent the direction.
  std::size_t ninputs() const {
    return ngeometry() + (pass == Pass::forward ? 0 : pass == Pass::transpose ? 1 : nderived());
  }

  /// The shapes of the pass's results, from the shapes of its first tensors.
  std::vector<Shape> result_shapes(const std::vector<Shape>& inputs) const {
    require(inputs.size() == ninputs(), "moments got a wrong number of tensors");
    if (pass != Pass::transpose) return {moments_shape(inputs[0].at(0))};
    return {inputs.begin(), inputs.begin() + std::ptrdiff_t(nderived())};
  }
};

}  // namespace deepmd
