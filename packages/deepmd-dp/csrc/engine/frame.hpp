// SPDX-License-Identifier: LGPL-3.0-or-later
//
// One frame's atoms and their neighbors, and blocks of atoms of one type.
#pragma once

#include <cstdint>
#include <vector>

#include "deepmd/backend_plugin.h"
#include "deepmd/cell.hpp"
#include "model_spec.hpp"

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

/// The edges of a block's atoms for one descriptor, one atom after the other.
struct BlockEdges {
  std::vector<std::int64_t> first;  // (size + 1)
  std::vector<double> xyz[3];       // displacements [Å], with room for whole vectors
  std::vector<std::int32_t> index;  // of the neighbor among all atoms
  std::vector<std::int32_t> slot, type, segment;
  std::vector<std::int32_t> occupied;  // (size, sections) neighbors within the cut-off
  std::vector<std::int32_t> left_out;  // (size, ntypes) those that are not looked at
  std::int64_t largest = 0;            // most edges of an atom

  /// Finds them; displacements of atoms at the same place are NaN.
  void gather(const Frame& frame, const Block& block, const DescriptorSpec& spec,
              const std::vector<char>& excluded_of_model);

 private:
  struct Hit {
    double squared;
    double xyz[3];
    std::int32_t index, type;
  };
  void collect(const Frame& frame, std::int32_t atom, const DescriptorSpec& spec,
               const std::vector<char>& excluded_of_model);
  void append(const DescriptorSpec& spec, std::int32_t center, std::int32_t* occupied,
              std::int32_t* left_out);
  std::vector<Hit> hits_;
};

}  // namespace deepmd::engine
