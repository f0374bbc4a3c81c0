// SPDX-License-Identifier: LGPL-3.0-or-later
#include "refused.hpp"

#include "error.h"
#include "lammps.h"

namespace deepmd_lammps {
namespace {

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
    "difference "
    "of two runs.";

template <const char* text>
void* refuse(void* lammps) {
  static_cast<LAMMPS_NS::LAMMPS*>(lammps)->error->all(FLERR, text);
}

template <const char* text>
void* refuse_arguments(void* lammps, int, char**) {
  return refuse<text>(lammps);
}

}  // namespace

void register_refused(lammpsplugin_t plugin, lammpsplugin_regfunc register_plugin, void* lammps) {
  plugin.info = "not supported";
  const auto one = [&](const char* style, const char* name, lammpsplugin_factory1* creator) {
    plugin.style = style;
    plugin.name = name;
    plugin.creator.v1 = creator;
    register_plugin(&plugin, lammps);
  };
  const auto two = [&](const char* style, const char* name, lammpsplugin_factory2* creator) {
    plugin.style = style;
    plugin.name = name;
    plugin.creator.v2 = creator;
    register_plugin(&plugin, lammps);
  };
  one("pair", "deepspin", &refuse<spin>);
  one("pair", "deepmd/kk", &refuse<kokkos>);
  one("kspace", "pppm/dplr", &refuse<pppm>);
  two("fix", "dplr", &refuse_arguments<dplr>);
  two("compute", "deepmd/fparam/dedn", &refuse_arguments<dedn>);
}

}  // namespace deepmd_lammps
