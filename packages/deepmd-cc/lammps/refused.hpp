// SPDX-License-Identifier: LGPL-3.0-or-later
// Styles of deepmd-kit that are not there, so that an input is told what to do.
#pragma once

#include "lammpsplugin.hpp"

namespace deepmd_lammps {

// plugin: what stands in all of them.
void register_refused(lammpsplugin_t plugin, lammpsplugin_regfunc register_plugin, void* lammps);

}  // namespace deepmd_lammps
