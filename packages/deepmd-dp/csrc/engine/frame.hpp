// SPDX-License-Identifier: LGPL-3.0-or-later
//
// One frame's atoms and their neighbors, and blocks of atoms of one type.
#pragma once

#include <cstdint>
#include <vector>

#include "deepmd/backend_plugin.h"
#include "deepmd/cell.hpp"
#include "descriptor_spec.hpp"

namespace deepmd::engine {

/// Atoms as a plug-in gets them, with their neighbors for all local atoms. Those of a MD program
/// are images, those of `build_neighbor_pairs` may be shifted.
struct Frame : deepmd_atoms {
  std::vector<const std::int32_t*> neighbors;  // of each local atom: indices into all atoms
  std::vector<std::int32_t> counts;            // numbers of neighbors
  std::vector<const Image*> shifts;            // cells by which they are displaced; or empty
  const Cell* cell = nullptr;                  // where there are shifts
};

/// Local atoms of one type.
struct Block {
  std::int32_t type = 0;
  const std::int32_t* atoms = nullptr;
  std::int64_t size = 0;
};

/// Derivatives of an output's component by positions and strain, of a thread's atoms.
struct Derivatives {
  double* force = nullptr;        // (nall, 3)
  double* virial = nullptr;       // (9)
  double* atom_virial = nullptr;  // (nall, 9) or null
};

/// The edges of a block's atoms in one list, one atom after the other.
struct BlockEdges {
  std::vector<std::int64_t> first;  // (size + 1)
  std::vector<double> xyz[3];       // displacements [Å], with room for whole vectors
  std::vector<std::int32_t> index;  // of the neighbor among all atoms
  std::vector<std::int32_t> slot, type, segment;
  std::vector<std::int32_t> occupied;  // (size, sections) neighbors within the cut-off
  std::vector<std::int32_t> left_out;  // (size, ntypes) those that are not looked at
  std::int64_t largest = 0;            // most edges of an atom

  /// Finds them; displacements of atoms at the same place are NaN.
  void gather(const Frame& frame, const Block& block, const NeighborSpec& spec,
              const std::vector<char>& excluded_of_model);

  /// Adds an atom's part of the derivatives: each edge, with the gradient (count) by its
  /// displacement, pulls its centre one way and its neighbor the other; its virial is its
  /// neighbor's.
  void scatter(const Block& block, std::int64_t atom, const double* const* gradient,
               const Derivatives& out) const;

  /// The same of all atoms where gradients are `slope` (edges) times the displacement, and the
  /// atom's weight.
  void scatter_radial(const Block& block, const std::vector<double>& slope, const double* weights,
                      const Derivatives& out);

 private:
  struct Hit {
    double squared;
    double xyz[3];
    std::int32_t index, type;
  };
  void collect(const Frame& frame, std::int32_t atom, const NeighborSpec& spec,
               const std::vector<char>& excluded_of_model);
  void append(const NeighborSpec& spec, std::int32_t center, std::int32_t* occupied,
              std::int32_t* left_out);
  std::vector<Hit> hits_;
  std::vector<double> gradient_[3];
};

}  // namespace deepmd::engine
