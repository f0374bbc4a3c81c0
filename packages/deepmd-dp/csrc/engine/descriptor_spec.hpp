// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A descriptor as the engine understands it, read from a file's tree.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/environment_rows.hpp"
#include "document.hpp"
#include "net.hpp"

namespace deepmd::engine {

/// Throws `NotCovered`.
[[noreturn]] void refuse(const std::string& what);

/// Pairs of types that a key lists, (ntypes, ntypes); none where it is not there.
std::vector<char> read_pairs(const Node& node, const char* key, std::int64_t ntypes);

/// Which neighbors are looked at, and the slots of the list that the contract has of them.
struct NeighborSpec {
  double rcut = 0.0;  // [Å]
  std::int64_t ntypes = 0;
  bool is_by_type = true;         // a list for each type of neighbor
  std::vector<std::int64_t> sel;  // slots of the lists
  bool slots_differ = false;      // a list holds the nearest, no more than there are slots
  std::vector<char> excluded;     // (ntypes, ntypes) pairs that are not looked at

  std::int64_t nslots() const;  // sum of sel
};

/// How the neighbors' types enter the embedding G(s, t_j, t_i).
enum class Embedding {
  pairs,   // a net for each pair of types, or for each type of the neighbor
  concat,  // one net of s and the types' vectors
  strip,   // G(s) (1 + T(t_j, t_i))
};

/// se_e2_a, se_e2_r, se_e3, se_atten or se_atten_v2: all that is known of its neighbors and nets.
struct DescriptorSpec : NeighborSpec {
  std::string name;
  bool has_empty_rows = false;  // of se_e3: slots without a neighbor have angles with others
  int columns = 4;              // of the environment matrix
  bool is_three_body = false;   // se_e3: the nets are functions of an angle, by pairs of neighbors
  EnvironmentSettings environment;
  std::vector<double> davg, dstd;  // (ntypes, slots where they differ or 1, columns)
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
  /// Numbers of the invariant part, and vectors of the equivariant part.
  std::int64_t dim_out() const;
  std::int64_t dim_vectors() const { return columns == 4 && !is_three_body ? width() : 0; }

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

/// Appends the descriptors that a tree is made of, one unless it is a hybrid.
void read_descriptor(const Node& node, const std::vector<std::string>& type_map,
                     std::vector<DescriptorSpec>& parts);

}  // namespace deepmd::engine
