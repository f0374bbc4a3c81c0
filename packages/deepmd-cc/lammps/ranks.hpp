// SPDX-License-Identifier: LGPL-3.0-or-later
// What the ranks of a simulation decide together.
#pragma once

#include <exception>
#include <string>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace deepmd_lammps {

// Ends the run with the text of the first rank that has one; called by all ranks.
void end_if_any_failed(LAMMPS_NS::LAMMPS* lmp, const std::string& failure);

// Does on all ranks what may throw; then the run ends with the reason behind `who`.
template <class Task>
void on_all_ranks(LAMMPS_NS::LAMMPS* lmp, const std::string& who, const Task& task) {
  std::string failure;
  try {
    task();
  } catch (const std::exception& failed) {
    failure = who + ": " + failed.what();
  }
  end_if_any_failed(lmp, failure);
}

// The GPU for this rank: those of a node share its GPUs in turn. -1: there is none, or the
// environment's DEVICE says cpu.
int gpu_of_rank(LAMMPS_NS::LAMMPS* lmp);

}  // namespace deepmd_lammps
