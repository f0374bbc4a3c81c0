// SPDX-License-Identifier: LGPL-3.0-or-later
// The arrays that the graph of a frozen file takes, made of the atoms of an MD program; the C++
// side of `deepmd_dp.environment.builder`.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "deepmd/neighbor_list.hpp"
#include "model.hpp"

namespace deepmd {

class GraphInputs {
 public:
  // padded: sizes are rounded up to few, for frameworks that compile a graph for each.
  GraphInputs(const Record& record, const deepmd_atoms& atoms, bool padded);
  GraphInputs(const GraphInputs&) = delete;
  GraphInputs& operator=(const GraphInputs&) = delete;

  const std::vector<deepmd_array>& arrays() const { return arrays_; }

  // Hands on what the graph gave, without the axis of the frames and without the padding; atomic
  // results only where they are wanted.
  void take_unpadded(const deepmd_array& result, std::int32_t wanted, const Take& take) const;

 private:
  struct Hit {
    std::int64_t index;
    double vector[3];
    double squared;
  };
  using Block = std::vector<std::vector<Hit>>;  // of each local atom

  void add_types();
  void add_mapping();
  void add_list(std::size_t index);
  void add_centers();
  void add_parameters();
  void collect_hits(const ListSpec& list, std::int64_t i, std::vector<Block>& blocks) const;
  void add_block(const std::string& stem, double rcut, std::int64_t width, const Block& block);
  std::int64_t place_of(std::int64_t atom) const {
    return atom < atoms_.nloc ? atom : atom + nloc_ - atoms_.nloc;
  }
  std::int64_t rounded(std::int64_t size) const;

  bool takes(const std::string& name) const;

  // A new array of zeros.
  template <class T>
  T* add(const std::string& name, std::vector<std::int64_t> shape);

  const Record& record_;
  const deepmd_atoms& atoms_;
  bool padded_;
  std::int64_t nloc_, nall_;  // with padding
  detail::TypeExclusion excluded_;
  // deques, so that what `arrays_` points to stays where it is
  std::deque<std::string> names_;
  std::deque<std::vector<std::int64_t>> shapes_;
  std::tuple<std::deque<std::vector<double>>, std::deque<std::vector<std::int64_t>>> numbers_;
  std::vector<deepmd_array> arrays_;
};

}  // namespace deepmd
