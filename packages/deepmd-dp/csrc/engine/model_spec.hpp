// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A model as the engine understands it, read from a file's tree. What it does not cover is refused
// by name.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/environment_rows.hpp"
#include "document.hpp"
#include "net.hpp"

namespace deepmd::engine {

/// How the neighbors' types enter the embedding G(s, t_j, t_i).
enum class Embedding {
  pairs,   // a net for each pair of types, or for each type of the neighbor
  concat,  // one net of s and the types' vectors
  strip,   // G(s) (1 + T(t_j, t_i))
};

/// se_e2_a, se_e2_r, se_atten or se_atten_v2: all that is known of its neighbors and nets.
struct DescriptorSpec {
  std::string name;
  int columns = 4;  // of the environment matrix
  EnvironmentSettings environment;
  std::int64_t ntypes = 0;
  bool is_by_type = true;          // a list for each type of neighbor
  std::vector<std::int64_t> sel;   // slots of the lists
  bool slots_differ = false;       // else the statistics have one row a type
  std::vector<double> davg, dstd;  // (ntypes, slots or 1, columns)
  std::vector<char> excluded;      // (ntypes, ntypes) pairs that are not looked at
  Embedding embedding = Embedding::pairs;
  bool is_one_sided = false;  // the centre's type does not enter
  bool is_smooth = false;     // the strip's factor vanishes with the switch
  NetCollection nets;
  std::vector<double> factors;       // strip: T, (centre's types or 1, ntypes, width)
  std::vector<double> type_vectors;  // concat, or beside the result: (ntypes, type_width)
  std::int64_t type_width = 0;
  bool gives_type_vector = false;  // the centre's vector is part of the result
  std::int64_t axis_neuron = 0;
  bool is_single = false;

  std::int64_t width() const { return nets.nets.front().nout(); }
  std::int64_t nslots() const;  // sum of sel
  /// Numbers of the invariant part, and vectors of the equivariant part.
  std::int64_t dim_out() const;
  std::int64_t dim_vectors() const { return columns == 4 ? width() : 0; }

  /// Number of the function of s that embeds a neighbor: the same for some pairs of types.
  std::int64_t function_of(std::int64_t center, std::int64_t neighbor) const;

  /// Values (n, width), and slopes unless null, of the function of a pair of types.
  template <class Real>
  void evaluate(std::int64_t center, std::int64_t neighbor, const std::vector<Real>& s,
                Real* values, Real* slopes) const;

  /// The strip's factor T(t_j, t_i), (width).
  const double* factor(std::int64_t center, std::int64_t neighbor) const {
    return &factors[(is_one_sided ? neighbor : center * ntypes + neighbor) * width()];
  }
};

enum class Output { energy, dipole };

struct FittingSpec {
  Output output = Output::energy;
  bool has_derivative = true;
  bool is_mixed = false;  // one net for all types
  std::vector<Net> nets;
  std::vector<double> bias;  // (ntypes, nout)
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

struct ModelSpec {
  std::vector<std::string> type_map;
  std::vector<DescriptorSpec> parts;  // of a hybrid; else one
  FittingSpec fitting;
  std::vector<double> out_bias;  // (ntypes), or empty
  std::vector<char> excluded;    // (ntypes, ntypes) pairs that are no neighbors
  std::vector<char> has_output;  // (ntypes)

  std::int64_t ntypes() const { return std::int64_t(type_map.size()); }
  double rcut() const;
  bool is_single() const;

  static ModelSpec read(const Document& document);

  /// What a caller must know, JSON.
  std::string record(const std::string& embedding_path) const;
};

}  // namespace deepmd::engine
