// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Ground-state electron configurations as vectors that embed an element. The same in Python:
// deepmd_dp/nn/electron_configuration.py.
#pragma once

#include <string>
#include <vector>

namespace deepmd {
namespace engine {

/// Spin orbitals, the length of a vector.
constexpr int kSpinOrbitals = 118;

/// Vectors of unit length, (elements, kSpinOrbitals); throws `Error` for what is no element.
std::vector<double> electron_configuration(const std::vector<std::string>& elements);

}  // namespace engine
}  // namespace deepmd
