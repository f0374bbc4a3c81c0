// SPDX-License-Identifier: LGPL-3.0-or-later
// The atoms of a rank of LAMMPS as libdeepmd_cc takes them.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "deepmd/atom_part.hpp"
#include "deepmd/model.h"
#include "model_file.hpp"
#include "pointers.h"

namespace LAMMPS_NS {
class NeighList;
}

namespace deepmd_lammps {

class Frame : protected LAMMPS_NS::Pointers {
 public:
  explicit Frame(LAMMPS_NS::LAMMPS* lmp) : Pointers(lmp) {}

  // What the models need to know of the atoms, said once they are open.
  void serve(const std::vector<const ModelFile*>& models);

  // Whether ghosts take part with their own neighbors: messages between atoms go beyond the
  // cut-off, and on several ranks the atoms that a ghost is an image of are elsewhere. Those that
  // messages reach an own atom from are then computed like local atoms whose outputs do not count,
  // and the neighbor list must have those of the ghosts.
  bool has_wide_ghosts() const { return passes_messages_ && is_parallel(); }

  // Throws std::runtime_error, in one line, where LAMMPS is not set up for the models.
  void check(const std::vector<std::int32_t>& types) const;

  // The atoms now; types: of LAMMPS's type, from 1, the model's, negative where there is none.
  // aparam: of the ghosts too where they are wide. Valid until the next call and as long as
  // LAMMPS's arrays.
  const deepmd_atoms& gather(const LAMMPS_NS::NeighList& list,
                             const std::vector<std::int32_t>& types, const double* fparam = nullptr,
                             const double* aparam = nullptr);

  // Rows that a model gave of all atoms, (atoms, width), put in LAMMPS's order.
  void restore(std::vector<double>& rows, int width) const;

 private:
  bool is_parallel() const;
  void gather_mapping();
  std::int32_t lowest_type() const;

  bool passes_messages_ = false, uses_empty_type_ = false;
  double receptive_field_ = 0;  // [Å]
  double reach_ = 0;            // how far messages go [Å]
  std::int64_t dim_aparam_ = 0;
  std::optional<deepmd::AtomPart> part_;  // what the models have, where ghosts are wide
  std::vector<std::int32_t> type_;
  std::vector<std::int64_t> mapping_, id_;
  std::unordered_map<std::int64_t, std::int64_t> local_of_tag_;
  deepmd_atoms atoms_{};
};

}  // namespace deepmd_lammps
