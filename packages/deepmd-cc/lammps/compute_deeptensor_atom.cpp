// SPDX-License-Identifier: LGPL-3.0-or-later
#include "compute_deeptensor_atom.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "atom.h"
#include "comm.h"
#include "compute.h"
#include "elements.hpp"
#include "error.h"
#include "force.h"
#include "frame.hpp"
#include "memory.h"
#include "model_file.hpp"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair.h"
#include "ranks.hpp"
#include "setup.hpp"
#include "update.h"

namespace deepmd_lammps {

using namespace LAMMPS_NS;

namespace {

constexpr const char style[] = "compute deeptensor/atom";

class ComputeDeepTensorAtom : public Compute {
 public:
  // compute ID group deeptensor/atom MODEL [elements of the types]
  ComputeDeepTensorAtom(LAMMPS* lmp, int narg, char** arg) : Compute(lmp, narg, arg), frame_(lmp) {
    on_all_ranks(lmp, style, [&] {
      if (narg < 4) throw std::invalid_argument("it needs a model's file behind it.");
      energy_unit(lmp);
      const deepmd_open_options how{comm->nthreads, gpu_of_rank(lmp)};
      model_ = std::make_unique<ModelFile>(arg[3], how, lmp);
      const deepmd::Record& record = model_->record();
      types_ = types_of_elements(std::vector<std::string>(arg + 4, arg + narg), record.type_map,
                                 atom->ntypes);
      record.require_tensor(model_->path());
      for (const std::int32_t type : types_)
        is_selected_.push_back(std::count(record.sel_types.begin(), record.sel_types.end(), type));
      if (std::count(is_selected_.begin(), is_selected_.end(), true) == 0)
        throw std::invalid_argument(model_->path() +
                                    ": none of the types here is selected by the model.");
    });
    frame_.serve({model_.get()});
    peratom_flag = 1;
    size_peratom_cols = static_cast<int>(model_->output("atom")->ncomponents);
  }

  ~ComputeDeepTensorAtom() override { memory->destroy(array_atom); }

  void init() override {
    const double rcut = model_->record().rcut;
    const double listed = force->pair == nullptr ? 0.0 : force->pair->cutforce;
    if (listed < rcut)
      error->all(FLERR,
                 "{}: the model's cut-off is {:.6g}, but neighbors are listed up to {:.6g}; give a "
                 "pair_style that reaches as far, for example `pair_style zero {:.6g} full`.",
                 style, rcut, listed, rcut);
    // LAMMPS makes lists of the ghosts' neighbors only together with all others
    const int kind = frame_.has_wide_ghosts() ? NeighConst::REQ_GHOST : NeighConst::REQ_OCCASIONAL;
    neighbor->add_request(this, NeighConst::REQ_FULL | kind);
  }

  void init_list(int, NeighList* list) override { list_ = list; }

  void setup() override {
    on_all_ranks(lmp, style, [&] { frame_.check(types_); });
  }

  void compute_peratom() override {
    invoked_peratom = update->ntimestep;
    if (atom->nmax > capacity_) {
      memory->destroy(array_atom);
      capacity_ = atom->nmax;
      memory->create(array_atom, capacity_, size_peratom_cols, "deeptensor/atom:array_atom");
    }
    if (list_->occasional) neighbor->build_one(list_);
    const deepmd_atoms& atoms = frame_.gather(*list_, types_);
    on_all_ranks(lmp, style, [&] { model_->compute(atoms, DEEPMD_ATOMIC_VALUES, results_); });
    const std::vector<double>& values = results_.at("atom");
    for (int i = 0; i < atom->nlocal; ++i)
      for (int k = 0; k < size_peratom_cols; ++k)
        array_atom[i][k] = (atom->mask[i] & groupbit) && is_selected_[atom->type[i]]
                               ? values[i * static_cast<std::size_t>(size_peratom_cols) + k]
                               : 0.0;
  }

  double memory_usage() override {
    return static_cast<double>(capacity_) * size_peratom_cols * sizeof(double);
  }

 private:
  std::unique_ptr<ModelFile> model_;
  std::vector<std::int32_t> types_;
  std::vector<bool> is_selected_;  // by LAMMPS's type
  Frame frame_;
  Results results_;
  NeighList* list_ = nullptr;
  int capacity_ = 0;  // rows of array_atom
};

}  // namespace

void* new_compute_deeptensor_atom(void* lmp, int narg, char** arg) {
  return new ComputeDeepTensorAtom(static_cast<LAMMPS*>(lmp), narg, arg);
}

}  // namespace deepmd_lammps
