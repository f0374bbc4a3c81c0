// SPDX-License-Identifier: LGPL-3.0-or-later
// compute deeptensor/atom: an output of each atom, such as its dipole.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compute.h"
#include "frame.hpp"
#include "model_file.hpp"

namespace deepmd_lammps {

class ComputeDeepTensorAtom : public LAMMPS_NS::Compute {
 public:
  ComputeDeepTensorAtom(LAMMPS_NS::LAMMPS* lmp, int narg, char** arg);
  ~ComputeDeepTensorAtom() override;

  void init() override;
  void init_list(int, LAMMPS_NS::NeighList* list) override { list_ = list; }
  void setup() override;
  void compute_peratom() override;
  double memory_usage() override;

 private:
  std::unique_ptr<ModelFile> model_;
  std::vector<std::int32_t> types_;
  std::vector<bool> is_selected_;  // by LAMMPS's type
  Frame frame_;
  Results results_;
  LAMMPS_NS::NeighList* list_ = nullptr;
  int capacity_ = 0;  // rows of array_atom
};

}  // namespace deepmd_lammps
