// SPDX-License-Identifier: LGPL-3.0-or-later
// The graph of a frozen file on the atoms of an MD program.
#pragma once

#include "model.hpp"

namespace deepmd {

// Makes the arrays that the graph takes, the C++ side of `deepmd_dp.environment.builder`, and hands
// on what it gives, without the axis of the frames; atomic results only where they are wanted.
// Throws std::runtime_error, in one line.
void run_graph(const deepmd_plugin& plugin, void* graph, const Record& record,
               const deepmd_atoms& atoms, std::int32_t wanted, const Take& take);

}  // namespace deepmd
