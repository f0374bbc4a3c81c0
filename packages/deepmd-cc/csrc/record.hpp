// SPDX-License-Identifier: LGPL-3.0-or-later
// What a model's file says of it: the record of `deepmd_dp.kit.metadata`.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace deepmd {

struct ListSpec {
  double rcut = 0;  // [Å]
  bool by_type = false;
  // Exact widths of the blocks, which hold the nearest; empty: as wide as needed.
  std::vector<std::int64_t> widths;
};

struct OutputSpec {
  std::string name;
  std::string kind;              // sum, atom, force, virial, atom_virial
  std::int64_t ncomponents = 1;  // of one atom's value
  bool is_scalar = true;         // whether derivatives lack the axis of the components

  // Of the array, without the axis of the frames.
  std::vector<std::int64_t> shape(std::int64_t nloc, std::int64_t nall) const {
    if (kind == "sum") return {ncomponents};
    if (kind == "atom") return {nloc, ncomponents};
    std::vector<std::int64_t> shape;
    if (!is_scalar) shape.push_back(ncomponents);
    if (kind != "virial") shape.push_back(nall);
    shape.push_back(kind == "force" ? 3 : 9);
    return shape;
  }
};

struct Record {
  std::vector<std::string> type_map;
  double rcut = 0;  // largest cut-off [Å]
  bool is_message_passing = false;
  double receptive_field = 0;  // how far an atom's output depends on others [Å]; 0: not known
  std::vector<std::pair<std::int32_t, std::int32_t>> pair_exclude_types;
  std::int64_t dim_fparam = 0;
  std::int64_t dim_aparam = 0;
  bool has_default_fparam = false;
  std::vector<double> default_fparam;
  std::vector<ListSpec> lists;
  std::vector<std::string> inputs;
  std::vector<OutputSpec> outputs;

  // The output of this name; nullptr where there is none.
  const OutputSpec* output(const std::string& name) const {
    for (const OutputSpec& each : outputs)
      if (each.name == name) return &each;
    return nullptr;
  }

  std::int32_t ntypes() const { return static_cast<std::int32_t>(type_map.size()); }
};

// Throws std::runtime_error, in one line, where the text is no record or a newer one; `where` names
// the file.
Record read_record(const std::string& text, const std::string& where);

}  // namespace deepmd
