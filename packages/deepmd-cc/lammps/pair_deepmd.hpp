// SPDX-License-Identifier: LGPL-3.0-or-later
// pair_style deepmd: energies, forces and virials of a model, and how much several models disagree.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "frame.hpp"
#include "model_deviation.hpp"
#include "model_file.hpp"
#include "pair.h"
#include "pair_options.hpp"
#include "parameters.hpp"

namespace deepmd_lammps {

class PairDeepMD : public LAMMPS_NS::Pair {
 public:
  explicit PairDeepMD(LAMMPS_NS::LAMMPS* lmp);
  ~PairDeepMD() override;

  void settings(int narg, char** arg) override;
  void coeff(int narg, char** arg) override;
  void init_style() override;
  double init_one(int i, int j) override;
  void setup() override;
  void compute(int eflag, int vflag) override;
  void* extract(const char* name, int& dim) override;
  double memory_usage() override;

  int pack_forward_comm(int n, int* atoms, double* buffer, int pbc_flag, int* pbc) override;
  void unpack_forward_comm(int n, int first, double* buffer) override;
  int pack_reverse_comm(int n, int first, double* buffer) override;
  void unpack_reverse_comm(int n, int* atoms, double* buffer) override;

 private:
  void check_layout() const;
  void open_models();
  void describe_models() const;
  void allocate();
  double scale_of_all() const;

  void run_model(std::size_t index, const deepmd_atoms& atoms, std::int32_t wanted);
  void add_to_lammps(Results& results);
  void add_atomic(Results& results, double factor);
  void write_deviation();
  // Adds what belongs to ghosts to the atoms they are images of; rows (nlocal + nghost, width).
  void fold_ghosts(std::vector<double>& rows, int width);

  PairOptions options_;
  std::vector<std::unique_ptr<ModelFile>> models_;
  std::vector<Results> results_;
  std::vector<std::int32_t> types_;
  Frame frame_;
  Parameters parameters_;
  std::unique_ptr<ModelDeviation> deviation_;
  double cutoff_ = 0;       // largest of the models [Å]
  double energy_unit_ = 1;  // an eV in LAMMPS's unit
  double** scale_ = nullptr;
  // what is being sent between ranks
  std::vector<double>* rows_ = nullptr;
  int width_ = 0;
};

}  // namespace deepmd_lammps
