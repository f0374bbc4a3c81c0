// SPDX-License-Identifier: LGPL-3.0-or-later
#include "frame.hpp"

#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "atom.h"
#include "comm.h"
#include "elements.hpp"
#include "fmt/format.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "setup.hpp"

namespace deepmd_lammps {

using LAMMPS_NS::NeighList;

namespace {

// The own atoms, and the ghosts that are no farther than `reach` [Å] from the box around them.
std::vector<std::int64_t> near_atoms(const deepmd_atoms& atoms, double reach) {
  double low[3], high[3];
  std::fill_n(low, 3, std::numeric_limits<double>::max());
  std::fill_n(high, 3, std::numeric_limits<double>::lowest());
  std::vector<std::int64_t> near(atoms.nowned);
  std::iota(near.begin(), near.end(), 0);
  for (const std::int64_t i : near)
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], atoms.coord[3 * i + axis]);
      high[axis] = std::max(high[axis], atoms.coord[3 * i + axis]);
    }
  for (std::int64_t i = atoms.nowned; i < atoms.nall && atoms.nowned > 0; ++i) {
    double squared = 0;
    for (int axis = 0; axis < 3; ++axis) {
      const double x = atoms.coord[3 * i + axis];
      squared += std::pow(std::max({low[axis] - x, x - high[axis], 0.0}), 2);
    }
    if (squared <= reach * reach) near.push_back(i);
  }
  return near;
}

}  // namespace

bool Frame::is_parallel() const { return comm->nprocs > 1; }

void Frame::serve(const std::vector<const ModelFile*>& models) {
  passes_messages_ = uses_empty_type_ = false;
  receptive_field_ = reach_ = 0;
  for (const ModelFile* model : models) {
    passes_messages_ = passes_messages_ || model->record().is_message_passing;
    uses_empty_type_ = uses_empty_type_ || model->uses_empty_type();
    receptive_field_ = std::max(receptive_field_, model->record().receptive_field);
    reach_ = std::max(reach_, model->record().receptive_field - model->record().rcut);
    dim_aparam_ = model->record().dim_aparam;  // the same of all
  }
}

void Frame::check(const std::vector<std::int32_t>& types) const {
  check_neighbor_list(lmp, types);
  if ((passes_messages_ || uses_empty_type_) && !atom->tag_enable)
    throw std::runtime_error(
        "the model needs the atoms' IDs (tags), which `atom_modify id no` turns off; remove it.");
  if (!has_wide_ghosts()) return;
  if (receptive_field_ <= 0)
    throw std::runtime_error(
        "the model passes messages between atoms, and its file does not say how far: freeze it "
        "again, or run it on one rank.");
  if (comm->mode != LAMMPS_NS::Comm::SINGLE)
    throw std::runtime_error(
        "the model passes messages between atoms, which needs `comm_modify mode single`.");
  const double needed = receptive_field_ + neighbor->skin;
  if (comm->get_comm_cutoff() < needed)
    throw std::runtime_error(fmt::format(
        "the model passes messages between atoms: on several ranks it needs ghosts up to {0:.6g} "
        "(receptive field and skin), but gets them up to {1:.6g}; write `comm_modify cutoff "
        "{0:.6g}`, or run on one rank.",
        needed, comm->get_comm_cutoff()));
}

const deepmd_atoms& Frame::gather(const NeighList& list, const std::vector<std::int32_t>& types,
                                  const double* fparam, const double* aparam) {
  const std::int64_t nlocal = atom->nlocal, nall = nlocal + atom->nghost;
  type_.resize(nall);
  const int absent = bits_of_absent_atoms(lmp);
  for (std::int64_t i = 0; i < nall; ++i)
    type_[i] = (atom->mask[i] & absent) != 0 ? no_type : types[atom->type[i]];
  atoms_.nall = nall;
  atoms_.nowned = nlocal;
  atoms_.nloc = nlocal;
  atoms_.coord = nall > 0 ? atom->x[0] : nullptr;
  atoms_.type = type_.data();
  atoms_.ncenter = list.inum + (has_wide_ghosts() ? list.gnum : 0);
  atoms_.center = list.ilist;
  atoms_.nneighbor = list.numneigh;
  atoms_.neighbor = list.firstneigh;
  atoms_.index_mask = NEIGHMASK;
  atoms_.mapping = nullptr;
  id_.assign(atom->tag, atom->tag + (atom->tag_enable ? nall : 0));
  atoms_.id = atom->tag_enable ? id_.data() : nullptr;
  atoms_.fparam = fparam;
  atoms_.aparam = aparam;
  if (has_wide_ghosts())
    atoms_ = part_.emplace(atoms_, near_atoms(atoms_, reach_), dim_aparam_).atoms();
  if (passes_messages_) gather_mapping();
  atoms_.empty_type = uses_empty_type_ ? lowest_type() : 0;
  return atoms_;
}

void Frame::restore(std::vector<double>& rows, int width) const {
  if (!has_wide_ghosts()) return;
  std::vector<double> restored(static_cast<std::size_t>(atom->nlocal + atom->nghost) * width, 0.0);
  const std::vector<std::int64_t>& order = part_->order();
  for (std::size_t k = 0; k < order.size(); ++k)
    std::copy_n(rows.data() + k * width, width, restored.data() + order[k] * width);
  rows.swap(restored);
}

// On one rank each ghost is an image of a local atom, found by its tag. Among wide ghosts the far
// ones are of no atom, and nothing that counts depends on their features: any will do.
void Frame::gather_mapping() {
  mapping_.assign(atoms_.nall, 0);
  std::iota(mapping_.begin(), mapping_.begin() + atoms_.nloc, 0);
  if (!has_wide_ghosts()) {
    local_of_tag_.clear();
    for (std::int64_t i = 0; i < atoms_.nloc; ++i) local_of_tag_[atom->tag[i]] = i;
    for (std::int64_t i = atoms_.nloc; i < atoms_.nall; ++i)
      mapping_[i] = local_of_tag_.at(atom->tag[i]);
  }
  atoms_.mapping = mapping_.data();
}

// The model's type of the atom with the lowest tag that has one, the same on all ranks and for any
// order of the atoms. They may have been inserted, deleted or exchanged since the last step.
std::int32_t Frame::lowest_type() const {
  constexpr std::int64_t type_bits = 16;
  std::int64_t mine = std::numeric_limits<std::int64_t>::max(), lowest = mine;
  for (int i = 0; i < atom->nlocal; ++i)
    if (type_[i] >= 0)
      mine = std::min(mine, (static_cast<std::int64_t>(atom->tag[i]) << type_bits) + type_[i]);
  MPI_Allreduce(&mine, &lowest, 1, MPI_INT64_T, MPI_MIN, world);
  if (lowest == std::numeric_limits<std::int64_t>::max()) return 0;
  return static_cast<std::int32_t>(lowest & ((std::int64_t{1} << type_bits) - 1));
}

}  // namespace deepmd_lammps
