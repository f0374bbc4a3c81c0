// SPDX-License-Identifier: LGPL-3.0-or-later
#include "graph_inputs.hpp"

#include <algorithm>
#include <deque>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <type_traits>

#include "deepmd/neighbor_list.hpp"
#include "result_rows.hpp"

namespace deepmd {
namespace {

class GraphInputs {
 public:
  // padded: sizes are rounded up to few, for frameworks that compile a graph for each.
  GraphInputs(const Record& record, const deepmd_atoms& atoms, bool padded)
      : record_(record),
        atoms_(atoms),
        padded_(padded),
        nloc_(rounded(atoms.nloc)),
        nall_(nloc_ + rounded(atoms.nall - atoms.nloc)),
        excluded_(record.pair_exclude_types) {
    add_types();
    add_mapping();
    add_centers();
    for (std::size_t k = 0; k < record.lists.size(); ++k) add_list(k);
    add_parameters();
    if (takes("charge_spin"))
      std::copy_n(record.charge_spin.begin(), 2, add<std::int64_t>("charge_spin", {1, 2}));
    if (arrays_.size() != record.inputs.size())
      throw std::runtime_error("the model's file takes " + std::to_string(record.inputs.size()) +
                               " arrays, of which this library knows " +
                               std::to_string(arrays_.size()) + ": update deepmd-cc.");
  }
  GraphInputs(const GraphInputs&) = delete;
  GraphInputs& operator=(const GraphInputs&) = delete;

  const std::vector<deepmd_array>& arrays() const { return arrays_; }

  // Hands on what the graph gave without the padding.
  void take_unpadded(const deepmd_array& result, std::int32_t wanted, const Take& take) const {
    const OutputSpec* output = record_.output(result.name);
    if (output == nullptr || !output->is_wanted(wanted)) return;
    const deepmd_array frame{result.name, result.dtype, result.ndim - 1, result.shape + 1,
                             result.data};
    if (!padded_ || !(output->is_of_local() || output->is_of_all())) return take(frame);
    const std::int64_t nloc = atoms_.nloc, natoms = output->is_of_local() ? nloc : atoms_.nall;
    const auto atom_of = [=](std::int64_t row) {
      if (row >= nloc) row = row < nloc_ ? natoms : row - nloc_ + nloc;
      return row < natoms ? row : -1;
    };
    take_rows(frame, natoms, atom_of, take);
  }

 private:
  struct Hit {
    std::int64_t index;
    double vector[3];
    double squared;
  };
  using Block = std::vector<std::vector<Hit>>;  // of each local atom

  bool takes(const std::string& name) const {
    return std::any_of(record_.inputs.begin(), record_.inputs.end(),
                       [&](const InputSpec& each) { return each.name == name; });
  }

  // A new array of zeros.
  template <class T>
  T* add(const std::string& name, std::vector<std::int64_t> shape) {
    T* data =
        std::get<std::deque<std::vector<T>>>(numbers_).emplace_back(size_of(shape), T(0)).data();
    names_.push_back(name);
    shapes_.push_back(std::move(shape));
    arrays_.push_back({names_.back().c_str(), std::is_integral_v<T> ? DEEPMD_INT64 : DEEPMD_FLOAT64,
                       static_cast<std::int32_t>(shapes_.back().size()), shapes_.back().data(),
                       data});
    return data;
  }

  // The next of the numbers 0, 16, 20, 25, ... that grow by a quarter.
  std::int64_t rounded(std::int64_t size) const {
    if (!padded_ || size == 0) return size;
    std::int64_t bucket = 16;
    while (bucket < size) bucket += bucket / 4;
    return bucket;
  }

  void add_types() {
    if (takes("atype")) {
      std::int64_t* types = add<std::int64_t>("atype", {1, nloc_});
      std::fill(types, types + nloc_, -1);
      for (std::int64_t i = 0; i < atoms_.nloc; ++i) types[i] = std::max(atoms_.type[i], -1);
    }
    if (takes("empty_type")) *add<std::int64_t>("empty_type", {1}) = atoms_.empty_type;
    if (takes("owned")) {
      double* owned = add<double>("owned", {1, nloc_});
      std::fill(owned, owned + atoms_.nowned, 1.0);
    }
  }

  void add_mapping() {
    if (!takes("mapping")) return;
    std::int64_t* mapping = add<std::int64_t>("mapping", {1, nall_});
    std::iota(mapping, mapping + nloc_, 0);
    if (atoms_.mapping == nullptr) return;
    for (std::int64_t i = atoms_.nloc; i < atoms_.nall; ++i)
      mapping[place_of(i)] = atoms_.mapping[i];
  }

  // Where the atoms of each type stand, and where each atom stands among them; virtual ones go with
  // type 0. Padding of a type repeats the first atom, which nothing refers to.
  void add_centers() {
    if (!takes("restore")) return;
    std::int64_t* restore = add<std::int64_t>("restore", {nloc_});
    std::int64_t offset = 0;
    for (std::int32_t type = 0; type < record_.ntypes(); ++type) {
      std::vector<std::int64_t> own;
      for (std::int64_t i = 0; i < nloc_; ++i)
        if (std::max(i < atoms_.nloc ? atoms_.type[i] : 0, 0) == type) own.push_back(i);
      for (std::size_t k = 0; k < own.size(); ++k)
        restore[own[k]] = offset + static_cast<std::int64_t>(k);
      own.resize(rounded(static_cast<std::int64_t>(own.size())), 0);
      const auto size = static_cast<std::int64_t>(own.size());
      std::copy(own.begin(), own.end(),
                add<std::int64_t>("centers_" + std::to_string(type), {size}));
      offset += size;
    }
  }

  void add_parameters() {
    if (record_.dim_fparam > 0)
      std::copy_n(atoms_.fparam, record_.dim_fparam,
                  add<double>("fparam", {1, record_.dim_fparam}));
    if (record_.dim_aparam > 0)
      std::copy_n(atoms_.aparam, atoms_.nloc * record_.dim_aparam,
                  add<double>("aparam", {1, nloc_, record_.dim_aparam}));
  }

  void collect_hits(const ListSpec& list, std::int64_t i, std::vector<Block>& blocks) const {
    const double* from = atoms_.coord + 3 * i;
    const std::int32_t type = atoms_.type[i];
    if (type < 0) return;
    for (std::int32_t k = 0; k < atoms_.nneighbor[i]; ++k) {
      const std::int64_t j = atoms_.neighbor[i][k] & atoms_.index_mask;
      const std::int32_t other = atoms_.type[j];
      if (other < 0 || excluded_.is_excluded(type, other)) continue;
      const double* to = atoms_.coord + 3 * j;
      const double x = to[0] - from[0], y = to[1] - from[1], z = to[2] - from[2];
      const double squared = x * x + y * y + z * z;
      if (squared < list.rcut * list.rcut)
        blocks[list.by_type ? other : 0][i].push_back({j, {x, y, z}, squared});
    }
  }

  void add_list(std::size_t index) {
    const ListSpec& list = record_.lists[index];
    std::vector<Block> blocks(list.by_type ? record_.ntypes() : 1, Block(atoms_.nloc));
    for (std::int64_t k = 0; k < atoms_.ncenter; ++k) collect_hits(list, atoms_.center[k], blocks);
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      std::size_t largest = 1;
      for (auto& row : blocks[b]) {
        largest = std::max(largest, row.size());
        // lists of exact widths hold the nearest; the edges of dpa3 that have angles are the first
        if (!list.widths.empty() || record_.is_message_passing)
          std::sort(row.begin(), row.end(), [](const Hit& one, const Hit& two) {
            return std::tie(one.squared, one.index) < std::tie(two.squared, two.index);
          });
      }
      const auto free = rounded(static_cast<std::int64_t>(largest));
      add_block("lists_" + std::to_string(index) + "_" + std::to_string(b) + "_", list.rcut,
                list.widths.empty() ? free : list.widths.at(b), blocks[b]);
    }
  }

  void add_block(const std::string& stem, double rcut, std::int64_t width, const Block& block) {
    double* vectors = add<double>(stem + "edge_vec", {1, nloc_, width, 3});
    std::int64_t* nlist = add<std::int64_t>(stem + "nlist", {1, nloc_, width});
    std::int64_t* types = takes(stem + "neighbor_type")
                              ? add<std::int64_t>(stem + "neighbor_type", {1, nloc_, width})
                              : nullptr;
    std::fill(nlist, nlist + nloc_ * width, -1);
    if (types != nullptr) std::fill(types, types + nloc_ * width, atoms_.empty_type);
    // an empty slot is a neighbor beyond the cut-off
    for (std::int64_t slot = 0; slot < nloc_ * width; ++slot) vectors[3 * slot] = 2.0 * rcut;
    for (std::int64_t i = 0; i < atoms_.nloc; ++i) {
      const auto count = std::min<std::int64_t>(width, block[i].size());
      for (std::int64_t slot = i * width, k = 0; k < count; ++k, ++slot) {
        const Hit& hit = block[i][k];
        std::copy_n(hit.vector, 3, vectors + 3 * slot);
        nlist[slot] = place_of(hit.index);
        if (types != nullptr) types[slot] = atoms_.type[hit.index];
      }
    }
  }

  std::int64_t place_of(std::int64_t atom) const {
    return atom < atoms_.nloc ? atom : atom + nloc_ - atoms_.nloc;
  }

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

}  // namespace

void run_graph(const deepmd_plugin& plugin, void* graph, const Record& record,
               const deepmd_atoms& atoms, std::int32_t wanted, const Take& take) {
  const bool padded = plugin.compiles_shapes != nullptr && plugin.compiles_shapes(graph) != 0;
  const GraphInputs inputs(record, atoms, padded);
  const Take without_padding = [&](const deepmd_array& result) {
    inputs.take_unpadded(result, wanted, take);
  };
  deepmd_error error{};
  if (plugin.run_graph(graph, inputs.arrays().data(),
                       static_cast<std::int32_t>(inputs.arrays().size()), &forward,
                       const_cast<Take*>(&without_padding), &error) != 0)
    throw std::runtime_error(error.text);
}

}  // namespace deepmd
