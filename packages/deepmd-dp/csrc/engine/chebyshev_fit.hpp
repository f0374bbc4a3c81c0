// SPDX-License-Identifier: LGPL-3.0-or-later
//
// From functions of one number to intervals and Chebyshev coefficients that represent them to
// rounding. The same rules in Python: deepmd_dp/nn/matrix.py.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "deepmd/chebyshev.hpp"

namespace deepmd::engine {

/// The distance that two atoms are not expected to come closer than [Å].
constexpr double kSmallestDistance = 0.4;

/// Of numbers s (n) to values (n, m).
using Functions = std::function<std::vector<double>(const std::vector<double>& s)>;

/// Few intervals from low to high on each of which polynomials represent the functions; none where
/// it would need too many.
std::optional<ChebyshevBasis> find_basis(const Functions& functions, double low, double high);

/// The Chebyshev points of all intervals, (basis.size()). They and the values there have more than
/// double precision where the machine has it: noise of rounding is a hundred times larger in the
/// polynomials' derivative.
std::vector<long double> nodes_of(const ChebyshevBasis& basis);

/// Coefficients (basis.size(), m) from values at the nodes (basis.size(), m).
std::vector<double> coefficients(const ChebyshevBasis& basis,
                                 const std::vector<long double>& values);

}  // namespace deepmd::engine
