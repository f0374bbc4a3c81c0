// SPDX-License-Identifier: LGPL-3.0-or-later
#include "descriptor_spec.hpp"

#include <algorithm>
#include <numeric>

namespace deepmd::engine {

void refuse(const std::string& what) {
  throw NotCovered("the native engine does not cover " + what +
                   "; freeze the model for a framework, or evaluate it by NumPy in Python");
}

std::vector<char> read_pairs(const Node& node, const char* key, std::int64_t ntypes) {
  std::vector<char> excluded(ntypes * ntypes, 0);
  if (!node.has(key)) return excluded;
  for (std::size_t k = 0; k < node[key].size(); ++k) {
    const auto pair = node[key][k].integers();
    if (pair.size() != 2) node[key][k].fail("is no pair of types");
    for (const auto type : pair)
      if (type < 0 || type >= ntypes) node[key][k].fail("names a type that is not there");
    excluded[pair[0] * ntypes + pair[1]] = 1;
    excluded[pair[1] * ntypes + pair[0]] = 1;
  }
  return excluded;
}

namespace {

/// Statistics with one row a type where all slots of a type are alike, as data leave them.
void read_statistics(const Node& node, DescriptorSpec& spec) {
  const std::int64_t slots = spec.nslots(), columns = spec.columns;
  spec.davg = node.array("davg", {spec.ntypes, slots, columns}).data;
  spec.dstd = node.array("dstd", {spec.ntypes, slots, columns}).data;
  if (slots == 0) {
    spec.davg.assign(spec.ntypes * columns, 0.0);
    spec.dstd.assign(spec.ntypes * columns, 1.0);
    return;
  }
  std::vector<double> rows[2];
  for (std::int64_t t = 0; t < spec.ntypes; ++t)
    for (std::int64_t slot = 0; slot < slots; ++slot)
      for (std::int64_t c = 0; c < columns; ++c) {
        const std::int64_t at = (t * slots + slot) * columns + c;
        const std::int64_t first = t * slots * columns + c;
        if (slot == 0) rows[0].push_back(spec.davg[at]), rows[1].push_back(spec.dstd[at]);
        if (spec.davg[at] != spec.davg[first] || spec.dstd[at] != spec.dstd[first])
          spec.slots_differ = true;
      }
  if (!spec.slots_differ) spec.davg = rows[0], spec.dstd = rows[1];
}

void read_environment(const Node& node, DescriptorSpec& spec) {
  spec.rcut = spec.environment.rcut = node["rcut"].number();
  spec.environment.rcut_smth = node["rcut_smth"].number();
  spec.environment.protection = node.number_or("env_protection", 0.0);
  if (node.has("env_mat"))
    spec.environment.use_exp_switch = node["env_mat"].flag_or("use_exp_switch", false);
  if (!(spec.environment.rcut > spec.environment.rcut_smth) ||
      !(spec.environment.rcut_smth >= 0.0) || !(spec.environment.rcut < 1e3))
    node.fail("has cut-off radii that make no sense");
  spec.sel = node["sel"].integers();
  for (const auto sel : spec.sel)
    if (sel < 0) node["sel"].fail("has a negative number");
  spec.excluded = read_pairs(node, "exclude_types", spec.ntypes);
  spec.is_single = is_single_precision(node);
  read_statistics(node, spec);
}

DescriptorSpec read_two_body(const Node& node, std::int64_t ntypes, bool is_radial) {
  node.check_class("Descriptor", 3);
  DescriptorSpec spec;
  spec.name = is_radial ? "se_e2_r" : "se_e2_a";
  spec.columns = is_radial ? 1 : 4;
  spec.ntypes = std::int64_t(node["sel"].integers().size());
  if (spec.ntypes != ntypes) node["sel"].fail("has not one number for each type");
  read_environment(node, spec);
  spec.is_one_sided = node.flag_or("type_one_side", false);
  spec.nets = NetCollection::read(node["embeddings"], "EmbeddingNetwork", 2);
  if (spec.nets.ndim != (spec.is_one_sided ? 1 : 2) || spec.nets.ntypes != ntypes ||
      spec.nets.nets.front().nin() != 1)
    node["embeddings"].fail("does not fit the types");
  if (node.has("compress")) spec.nets.read_tables(node["compress"]);
  spec.axis_neuron = is_radial ? 0 : node["axis_neuron"].integer();
  return spec;
}

DescriptorSpec read_three_body(const Node& node, std::int64_t ntypes) {
  node.check_class("Descriptor", 3);
  if (node.has("compress")) refuse("tables of the descriptor se_e3");
  DescriptorSpec spec;
  spec.name = "se_e3";
  spec.is_three_body = true;
  spec.ntypes = ntypes;
  read_environment(node, spec);
  if (std::int64_t(spec.sel.size()) != ntypes) node["sel"].fail("has not one number for each type");
  for (std::size_t k = 0; k < spec.davg.size() && spec.slots_differ; ++k)
    spec.has_empty_rows = spec.has_empty_rows || (k % 4 != 0 && spec.davg[k] != 0.0);
  spec.nets = NetCollection::read(node["embeddings"], "EmbeddingNetwork", 2);
  if (spec.nets.ndim != 2 || spec.nets.ntypes != ntypes || spec.nets.nets.front().nin() != 1)
    node["embeddings"].fail("does not fit the types");
  return spec;
}

/// What stands for each type at the type embedding's input, (ntypes, nin).
std::vector<double> type_codes(const Node& node, const std::vector<std::string>& type_map) {
  std::vector<double> codes;
  for (std::size_t t = 0; t < type_map.size(); ++t) {
    std::vector<double> row(type_map.size(), 0.0);
    row[t] = 1.0;
    if (node.flag_or("use_econf_tebd", false)) row = electron_configuration(type_map[t]);
    codes.insert(codes.end(), row.begin(), row.end());
  }
  return codes;
}

/// One row a type, (ntypes, dim).
std::vector<double> read_type_vectors(const Node& node, const std::vector<std::string>& type_map,
                                      std::int64_t& dim) {
  node.check_class("TypeEmbedNet", 2);
  const Net net = Net::read(node["embedding"], "EmbeddingNetwork", 2);
  const std::vector<double> codes = type_codes(node, type_map);
  const auto ntypes = std::int64_t(type_map.size());
  if (std::int64_t(codes.size()) != ntypes * net.nin()) node.fail("does not fit the types");
  dim = net.nout();
  std::vector<double> vectors(ntypes * dim);
  net.evaluate<double>(ntypes, codes.data(), nullptr, vectors.data(), nullptr);
  return vectors;
}

/// The strip net's output for each type, or pair of types at centre * ntypes + neighbor.
std::vector<double> strip_factors(const Net& net, const DescriptorSpec& spec) {
  const std::int64_t ntypes = spec.ntypes, dim = spec.type_width;
  const std::int64_t ncenters = spec.is_one_sided ? 1 : ntypes;
  std::vector<double> in;
  for (std::int64_t c = 0; c < ncenters; ++c)
    for (std::int64_t t = 0; t < ntypes; ++t) {
      const double* vectors = spec.type_vectors.data();
      in.insert(in.end(), vectors + t * dim, vectors + (t + 1) * dim);
      if (!spec.is_one_sided) in.insert(in.end(), vectors + c * dim, vectors + (c + 1) * dim);
    }
  std::vector<double> factors(ncenters * ntypes * net.nout());
  net.evaluate<double>(ncenters * ntypes, in.data(), nullptr, factors.data(), nullptr);
  return factors;
}

DescriptorSpec read_se_atten(const Node& node, const std::vector<std::string>& type_map,
                             bool is_v2) {
  const auto ntypes = std::int64_t(type_map.size());
  node.check_class("Descriptor", 4);
  DescriptorSpec spec;
  spec.name = is_v2 ? "se_atten_v2" : "se_atten";
  if (node["attention_layers"]["attention_layers"].size() > 0) refuse("attention layers");
  spec.ntypes = node["ntypes"].integer();
  if (spec.ntypes != ntypes) node["ntypes"].fail("is not the number of types");
  spec.is_by_type = false;
  read_environment(node, spec);
  if (spec.sel.size() != 1) node["sel"].fail("is not one number");
  spec.is_one_sided = node["type_one_side"].flag();
  spec.is_smooth = is_v2 || node["smooth_type_embedding"].flag();
  spec.axis_neuron = node["axis_neuron"].integer();
  spec.gives_type_vector = node.flag_or("concat_output_tebd", true);
  spec.type_vectors = read_type_vectors(node["type_embedding"], type_map, spec.type_width);
  spec.nets = NetCollection::read(node["embeddings"], "EmbeddingNetwork", 2);
  const std::int64_t of_types = spec.type_width * (spec.is_one_sided ? 1 : 2);
  const bool is_strip = node.has("embeddings_strip");
  spec.embedding = is_strip ? Embedding::strip : Embedding::concat;
  if (spec.nets.ndim != 0 || spec.nets.nets[0].nin() != (is_strip ? 1 : 1 + of_types))
    node["embeddings"].fail("does not fit the types' vectors");
  if (!is_strip) return spec;
  if (node.has("compress") && node["compress"].flag_or("geo_compress", false))
    spec.nets.read_tables(node["compress"]);
  const auto strip = NetCollection::read(node["embeddings_strip"], "EmbeddingNetwork", 2);
  if (strip.ndim != 0 || strip.nets[0].nin() != of_types || strip.nets[0].nout() != spec.width())
    node["embeddings_strip"].fail("does not fit the types' vectors");
  spec.factors = strip_factors(strip.nets[0], spec);
  return spec;
}

/// Beside a descriptor of a larger cut-off an se_atten has that one's list (SeAtten.reaching),
/// which counts where neighbors beyond its own cut-off leave something that depends on their types.
void refuse_wider_list(const std::vector<DescriptorSpec>& parts) {
  const auto rcut = [](const auto& part) { return part.environment.rcut; };
  double widest = 0.0;
  for (const auto& part : parts) widest = std::max(widest, rcut(part));
  for (const auto& part : parts) {
    const bool is_typed = part.embedding != Embedding::pairs &&
                          !(part.embedding == Embedding::strip && part.is_smooth);
    const bool has_mean =
        std::any_of(part.davg.begin(), part.davg.end(), [](double x) { return x; });
    if (is_typed && has_mean && rcut(part) < widest)
      refuse("a mean of the environment in an se_atten beside a descriptor of a larger cut-off");
  }
}

}  // namespace

void read_descriptor(const Node& node, const std::vector<std::string>& type_map,
                     std::vector<DescriptorSpec>& parts) {
  const auto ntypes = std::int64_t(type_map.size());
  const std::string type = node["type"].text();
  if (type == "hybrid") {
    node.check_class("Descriptor", 1);
    for (std::size_t k = 0; k < node["list"].size(); ++k)
      read_descriptor(node["list"][k], type_map, parts);
    refuse_wider_list(parts);
  } else if (type == "se_e2_a" || type == "se_a") {
    parts.push_back(read_two_body(node, ntypes, false));
  } else if (type == "se_e2_r" || type == "se_r") {
    parts.push_back(read_two_body(node, ntypes, true));
  } else if (type == "se_e3") {
    parts.push_back(read_three_body(node, ntypes));
  } else if (type == "dpa1" || type == "se_atten" || type == "se_atten_v2") {
    parts.push_back(read_se_atten(node, type_map, type == "se_atten_v2"));
  } else {
    refuse("the descriptor " + type);
  }
  if (parts.empty()) node.fail("has no parts");
  const auto& last = parts.back();
  if (last.axis_neuron < 0 || last.axis_neuron > last.width())
    node.fail("has an axis_neuron that its nets do not give");
}

std::int64_t NeighborSpec::nslots() const {
  return std::accumulate(sel.begin(), sel.end(), std::int64_t(0));
}

std::int64_t DescriptorSpec::dim_out() const {
  return (columns == 1 || is_three_body ? width() : width() * axis_neuron) +
         (gives_type_vector ? type_width : 0);
}

}  // namespace deepmd::engine
