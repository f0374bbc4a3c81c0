// SPDX-License-Identifier: LGPL-3.0-or-later
// What is checked for all models, whatever computes them: the atoms before, the results after.
#pragma once

#include <string>

#include "deepmd/backend_plugin.h"
#include "deepmd/record.hpp"

namespace deepmd {

// Throws std::invalid_argument where atoms are not what a model takes.
void check_atoms(const deepmd_atoms& atoms, const Record& record);

bool is_finite(const deepmd_array& result);

// Throws std::runtime_error for a result that is not finite; names two atoms at the same place
// where there are such.
[[noreturn]] void refuse_result(const std::string& name, const deepmd_atoms& atoms);

}  // namespace deepmd
