// SPDX-License-Identifier: LGPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deepmd {
namespace engine {

constexpr std::int64_t kSpinOrbitals = 118;

/// The ground state of an element as a vector of unit length: a number for each spin orbital, the
/// same as deepmd_dp/nn/electron_configuration.py has. Throws `Error` where it is no element.
std::vector<double> electron_configuration(const std::string& symbol);

}  // namespace engine
}  // namespace deepmd
