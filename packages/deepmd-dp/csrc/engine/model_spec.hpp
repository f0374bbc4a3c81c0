// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A model as the engine understands it, read from a file's tree. What it does not cover is refused
// by name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "descriptor_spec.hpp"

namespace deepmd::engine {

enum class Output { energy, dipole, polarizability };

struct FittingSpec {
  bool has_derivative = true;
  bool is_mixed = false;  // one net for all types
  std::vector<Net> nets;
  std::vector<double> bias;   // (ntypes, nout)
  bool is_diagonal = true;    // of polarizabilities: a number for each vector, not for each pair
  std::vector<double> scale;  // of polarizabilities: (ntypes)
  std::int64_t dim_fparam = 0, dim_aparam = 0;
  bool aparam_is_mask = false;  // it is no input of the nets
  std::vector<double> fparam_avg, fparam_inv_std, aparam_avg, aparam_inv_std, case_embd;
  std::vector<double> default_fparam;  // or empty
  std::vector<char> from_vacuum;       // types whose net's value at a zero descriptor is taken off
  std::vector<std::int64_t> exclude_types;
  bool is_single = false;

  /// Inputs of the nets beside the descriptor.
  std::int64_t nextra() const {
    return dim_fparam + (aparam_is_mask ? 0 : dim_aparam) + std::int64_t(case_embd.size());
  }
};

/// Energies of pairs at distances in equal steps: deepmd_dp/model/pairtab.py.
struct TableSpec : NeighborSpec {
  double rmin = 0.0, hh = 1.0;  // first distance and step [Å]
  std::int64_t nspline = 0;     // intervals
  std::vector<double> cubics;   // (ntypes, ntypes, nspline, 4), the highest power first
};

/// Where a net goes over into a table: deepmd_dp/model/zbl.py.
struct NearSpec {
  double rmin = 0.0, rmax = 1.0, alpha = 0.1;  // [Å]
  NeighborSpec neighbors;                      // whose distances count
};

enum class Kind {
  net,      // of a descriptor and a fitting
  table,    // of pairs
  sum,      // of models with weights
  near_net  // a net and a table for near atoms
};

struct ModelSpec {
  Kind kind = Kind::net;
  Output output = Output::energy;
  std::vector<std::string> type_map;
  std::vector<DescriptorSpec> parts;  // of a net: of a hybrid; else one
  FittingSpec fitting;                // of a net
  TableSpec table;                    // of a table
  std::vector<ModelSpec> models;      // of a combination
  std::vector<double> weights;        // of a sum
  NearSpec near;
  std::vector<double> bias;      // (ntypes, ncomponents)
  std::vector<char> excluded;    // (ntypes, ntypes) pairs that are no neighbors
  std::vector<char> has_output;  // (ntypes)

  std::int64_t ntypes() const { return std::int64_t(type_map.size()); }
  std::int64_t ncomponents() const {
    return output == Output::energy ? 1 : output == Output::dipole ? 3 : 9;
  }
  bool has_derivative() const { return kind != Kind::net || fitting.has_derivative; }
  /// Of a net.
  bool is_single() const;
  /// What it looks at, and the models that it is made of do.
  std::vector<const NeighborSpec*> lists() const;
  double rcut() const;
  std::int64_t dim_fparam() const;
  std::int64_t dim_aparam() const;
  /// Frame parameters where none are given; empty unless all that take any have the same.
  std::vector<double> default_fparam() const;

  /// Throws `Error` for what is damaged or not covered.
  static ModelSpec read(const Document& document);

  /// What a caller must know, JSON.
  std::string record(const std::string& embedding_path) const;
};

}  // namespace deepmd::engine
