// SPDX-License-Identifier: LGPL-3.0-or-later
#include "model_spec.hpp"

namespace deepmd::engine {
namespace {

using nlohmann::json;

json output_terms(const ModelSpec& model) {
  const bool is_scalar = model.output == Output::energy;
  const char* names[] = {"energy", "dipole", "polarizability"};
  const char* units[] = {"eV", "eÅ", "Å³"};
  const std::string name = names[int(model.output)], unit = units[int(model.output)];
  const std::string stem = is_scalar ? "" : name + "_";
  const auto n = model.ncomponents();
  json terms = json::array();
  const auto add = [&](const std::string& term, const char* kind, json axes,
                       const std::string& of_unit) {
    axes.insert(axes.begin(), "nframes");
    terms.push_back(
        {{"name", term}, {"kind", kind}, {"axes", axes}, {"dtype", "float64"}, {"unit", of_unit}});
  };
  const auto components = [&](json axes) {
    if (!is_scalar) axes.insert(axes.begin(), n);
    return axes;
  };
  add(name, "sum", {n}, unit);
  add("atom_" + name, "atom", {"nloc", n}, unit);
  if (!model.has_derivative()) return terms;
  add(stem + "force", "force", components({"nall", 3}), unit + "/Å");
  add(stem + "virial", "virial", components(json::array({9})), unit);
  add("atom_" + stem + "virial", "atom_virial", components({"nall", 9}), unit);
  return terms;
}

json pairs_of(const std::vector<char>& excluded, std::int64_t ntypes) {
  json pairs = json::array();
  for (std::int64_t i = 0; i < ntypes; ++i)
    for (std::int64_t j = i; j < ntypes; ++j)
      if (excluded[i * ntypes + j]) pairs.push_back({i, j});
  return pairs;
}

}  // namespace

std::string ModelSpec::record(const std::string& embedding_path) const {
  json selected = json::array();
  for (std::int64_t t = 0; t < ntypes(); ++t)
    if (has_output[t]) selected.push_back(t);
  json lists = json::array();
  for (const auto* each : this->lists()) {
    json list = {{"rcut", each->rcut}, {"by_type", each->is_by_type}};
    list["widths"] = each->slots_differ ? json(each->sel) : json();
    list["capacities"] = each->sel;
    lists.push_back(list);
  }
  const auto fparam = default_fparam();
  const json record = {{"format", "deepmd native model"},
                       {"version", 1},
                       {"model",
                        {{"type_map", type_map},
                         {"rcut", rcut()},
                         {"is_message_passing", false},
                         {"pair_exclude_types", pairs_of(excluded, ntypes())},
                         {"sel_types", selected},
                         {"dim_fparam", dim_fparam()},
                         {"dim_aparam", dim_aparam()},
                         {"default_fparam", fparam.empty() ? json() : json(fparam)}}},
                       {"lists", lists},
                       {"inputs", json::array()},
                       {"outputs", output_terms(*this)},
                       {"embedding", embedding_path}};
  return record.dump();
}

}  // namespace deepmd::engine
