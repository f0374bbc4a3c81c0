// SPDX-License-Identifier: LGPL-3.0-or-later
#include "model_spec.hpp"

#include <algorithm>
#include <cmath>

namespace deepmd::engine {
namespace {

void read_parameters(const Node& node, FittingSpec& spec) {
  spec.dim_fparam = node.integer_or("numb_fparam", 0);
  spec.dim_aparam = node.integer_or("numb_aparam", 0);
  spec.aparam_is_mask = node.flag_or("use_aparam_as_mask", false);
  if (spec.dim_fparam > 0) {
    spec.fparam_avg = node.array("fparam_avg", {spec.dim_fparam}).data;
    spec.fparam_inv_std = node.array("fparam_inv_std", {spec.dim_fparam}).data;
    if (node.has("default_fparam")) spec.default_fparam = node["default_fparam"].numbers();
    if (!spec.default_fparam.empty() && std::int64_t(spec.default_fparam.size()) != spec.dim_fparam)
      node["default_fparam"].fail("has not numb_fparam numbers");
  }
  if (spec.dim_aparam > 0) {
    spec.aparam_avg = node.array("aparam_avg", {spec.dim_aparam}).data;
    spec.aparam_inv_std = node.array("aparam_inv_std", {spec.dim_aparam}).data;
  }
  const std::int64_t ncase = node.integer_or("dim_case_embd", 0);
  if (ncase > 0) spec.case_embd = node.array("case_embd", {ncase}).data;
}

Output output_of(const std::string& fitting) {
  if (fitting == "ener") return Output::energy;
  if (fitting == "dipole") return Output::dipole;
  if (fitting == "polar") return Output::polarizability;
  refuse("the fitting " + fitting);
}

/// How many numbers the nets give for so many vectors.
std::int64_t numbers_for(Output output, bool is_diagonal, std::int64_t dim_vectors) {
  if (output == Output::energy) return 1;
  return is_diagonal ? dim_vectors : dim_vectors * dim_vectors;
}

void read_from_vacuum(const Node& node, std::int64_t ntypes, FittingSpec& spec) {
  spec.from_vacuum.assign(ntypes, 0);
  if (!node.has("atom_ener")) return;
  const auto energies = node["atom_ener"].numbers();
  bool any = false;
  for (std::size_t t = 0; t < energies.size() && t < spec.from_vacuum.size(); ++t) {
    spec.from_vacuum[t] = !std::isnan(energies[t]);
    any = any || spec.from_vacuum[t];
  }
  if (spec.is_mixed) spec.from_vacuum.assign(ntypes, any);  // one net, all types
}

FittingSpec read_fitting(const Node& node, Output output, const ModelSpec& model) {
  node.check_class("Fitting", output == Output::polarizability ? 5 : 4);
  const std::int64_t ntypes = model.ntypes();
  std::int64_t dim_descriptor = 0, dim_vectors = 0;
  for (const auto& part : model.parts)
    dim_descriptor += part.dim_out(), dim_vectors += part.dim_vectors();
  if (output != Output::energy && dim_vectors == 0) node.fail("needs a descriptor with vectors");
  FittingSpec spec;
  if (output == Output::dipole)
    spec.has_derivative =
        node.flag_or("r_differentiable", true) && node.flag_or("c_differentiable", true);
  if (output == Output::polarizability) {
    spec.has_derivative = false;
    spec.is_diagonal = node.flag_or("fit_diag", true);
    spec.scale = node.array("scale", {ntypes, 1}).data;
  }
  spec.is_mixed = node["mixed_types"].flag();
  spec.nets = NetCollection::read(node["nets"], "FittingNetwork", 1, true).nets;
  if (spec.nets.size() != std::size_t(spec.is_mixed ? 1 : ntypes))
    node["nets"].fail("does not fit the types");
  read_parameters(node, spec);
  const Net& net = spec.nets.front();
  if (net.nin() != dim_descriptor + spec.nextra()) node["nets"].fail("does not fit the descriptor");
  if (net.nout() != numbers_for(output, spec.is_diagonal, dim_vectors))
    node["nets"].fail("gives a wrong number of values");
  spec.bias = node.array("bias_atom_e", {ntypes, net.nout()}).data;
  spec.from_vacuum.assign(ntypes, 0);
  if (output == Output::energy) read_from_vacuum(node, ntypes, spec);
  if (node.has("exclude_types")) spec.exclude_types = node["exclude_types"].integers();
  spec.is_single = is_single_precision(node);
  return spec;
}

/// The constant of each type in the output, (ntypes, ncomponents): of polarizabilities a multiple
/// of the unit matrix, of dipoles nothing.
std::vector<double> read_bias(const Node& model, const ModelSpec& spec) {
  const std::int64_t ntypes = spec.ntypes(), n = spec.ncomponents();
  if (spec.output == Output::energy) return model.array("out_bias", {1, ntypes, 1}).data;
  std::vector<double> bias(ntypes * n, 0.0);
  if (spec.output == Output::dipole || !model["fitting"].flag_or("shift_diag", true)) return bias;
  const auto& given = model.array("out_bias", {1, ntypes, n}).data;
  const auto& beside = model["fitting"].array("constant_matrix", {ntypes}).data;
  for (std::int64_t t = 0; t < ntypes; ++t)
    for (int c = 0; c < 9; c += 4)
      bias[t * n + c] = spec.fitting.scale[t] *
                        ((given[t * n] + given[t * n + 4] + given[t * n + 8]) / 3.0 + beside[t]);
  return bias;
}

/// Which types have an output: those that neither the model nor a tensor's fitting leaves out.
std::vector<char> read_has_output(const Node& model, const ModelSpec& spec) {
  std::vector<char> has_output(spec.ntypes(), 1);
  std::vector<std::int64_t> excluded;
  if (model.has("atom_exclude_types")) excluded = model["atom_exclude_types"].integers();
  const auto& of_fitting = spec.fitting.exclude_types;
  if (spec.output != Output::energy)
    excluded.insert(excluded.end(), of_fitting.begin(), of_fitting.end());
  for (const auto type : excluded)
    if (type >= 0 && type < spec.ntypes()) has_output[type] = 0;
  return has_output;
}

TableSpec read_table(const Node& model, std::int64_t ntypes) {
  const Node node = model["tab"];
  node.check_class("PairTab", 1);
  TableSpec spec;
  if (node["ntypes"].integer() != ntypes) node["ntypes"].fail("is not the number of types");
  spec.ntypes = ntypes, spec.is_by_type = false;
  spec.sel = {std::max<std::int64_t>(0, model["sel"].integer())};
  spec.excluded.assign(ntypes * ntypes, 0);
  spec.rmin = node["rmin"].number(), spec.hh = node["hh"].number();
  spec.rcut = node["rcut"].number();
  spec.nspline = node.array("vdata", {-1, 1 + ntypes * (ntypes + 1) / 2}).shape[0] - 1;
  if (spec.nspline < 1 || !(spec.hh > 0.0 && spec.rmin >= 0.0 && spec.rcut > 0.0) ||
      !(spec.rcut < 1e3) || model["rcut"].number() != spec.rcut)
    node.fail("has no interval, or a wrong cut-off");
  spec.cubics = node.array("tab_data", {ntypes * ntypes * spec.nspline * 4}).data;
  return spec;
}

std::vector<double> read_weights(const Node& model, std::size_t number) {
  if (!model.has("weights")) return std::vector<double>(number, 1.0 / double(number));
  const Node node = model["weights"];
  if (node.value().is_string()) {
    const std::string name = node.text();
    if (name != "sum" && name != "mean") node.fail("is neither sum nor mean nor numbers");
    return std::vector<double>(number, name == "sum" ? 1.0 : 1.0 / double(number));
  }
  const auto weights = node.numbers();
  if (weights.size() != number) node.fail("has not one number for each model");
  return weights;
}

/// The neighbors that make the soft minimum: of the net's widest list, or of the table's where that
/// has not fewer places, as deepmd-kit takes it.
NeighborSpec nearest_list(const ModelSpec& net, const TableSpec& table) {
  NeighborSpec widest = *net.lists().front();
  for (const auto* each : net.lists())
    if (each->rcut > widest.rcut) widest = *each;
  for (const auto* each : net.lists())
    if (each->rcut == widest.rcut && each->is_by_type == widest.is_by_type)
      for (std::size_t k = 0; k < widest.sel.size(); ++k)
        widest.sel[k] = std::max(widest.sel[k], each->sel[k]);
  NeighborSpec found = table;
  if (table.sel[0] < widest.nslots()) {
    if (widest.slots_differ) refuse("a table beside a net with statistics of each slot");
    found.rcut = widest.rcut;
  }
  return found;
}

NearSpec read_near(const Node& model, const std::vector<ModelSpec>& models) {
  if (models.size() != 2 || models[1].kind != Kind::table)
    model["models"].fail("is not a net and a table");
  if (models[0].kind != Kind::net) refuse("a table beside something else than a net");
  NearSpec spec;
  spec.rmin = model["sw_rmin"].number(), spec.rmax = model["sw_rmax"].number();
  spec.alpha = model.number_or("smin_alpha", 0.1);
  if (!(spec.rmin < spec.rmax)) model["sw_rmin"].fail("is not below sw_rmax");
  if (!(spec.alpha >= 1e-6)) model["smin_alpha"].fail("is no length");
  spec.neighbors = nearest_list(models[0], models[1].table);
  return spec;
}

/// Reads a model; pairs that a combination leaves out are none of its parts' neighbors either.
ModelSpec read_model(const Node& model, const std::vector<char>& excluded_of_whole);

/// The models of a combination.
void read_parts(const Node& model, ModelSpec& spec) {
  const Node list = model["models"];
  if (list.size() == 0) list.fail("is empty");
  for (std::size_t k = 0; k < list.size(); ++k) {
    spec.models.push_back(read_model(list[k], spec.excluded));
    const ModelSpec& part = spec.models.back();
    if (part.output != Output::energy) list[k].fail("gives no energy, and is not to be combined");
    if (part.type_map != spec.type_map)
      refuse("models in a combination that number their own types");
    const auto own = [&](const NeighborSpec* each) { return each->slots_differ; };
    const auto lists = part.lists();
    if (part.excluded != spec.excluded && std::any_of(lists.begin(), lists.end(), own))
      refuse("pairs that one of several models leaves out, beside statistics of each slot");
  }
  for (const auto& [name, dim] : {std::pair("numb_fparam", &ModelSpec::dim_fparam),
                                  std::pair("numb_aparam", &ModelSpec::dim_aparam)})
    for (const auto& part : spec.models)
      if ((part.*dim)() != 0 && (part.*dim)() != (spec.*dim)())
        list.fail(std::string("takes different numbers as ") + name);
}

ModelSpec read_model(const Node& model, const std::vector<char>& excluded_of_whole) {
  const std::string type = model.has("type") ? model["type"].text() : "standard";
  const bool is_sum = type == "linear" || type == "linear_ener";
  if (type == "pairwise_dprc" || type == "spin_ener")
    throw NotCovered("models of the kind " + type + " are evaluated in Python only");
  if (type != "standard" && type != "pairtab" && type != "zbl" && !is_sum)
    refuse("models of the kind " + type);
  model.check_class("Model", is_sum ? 3 : 2);
  ModelSpec spec;
  for (std::size_t k = 0; k < model["type_map"].size(); ++k)
    spec.type_map.push_back(model["type_map"][k].text());
  if (spec.ntypes() == 0) model["type_map"].fail("is empty");
  spec.excluded = read_pairs(model, "pair_exclude_types", spec.ntypes());
  for (std::size_t k = 0; k < std::min(spec.excluded.size(), excluded_of_whole.size()); ++k)
    spec.excluded[k] |= excluded_of_whole[k];
  if (type == "standard") {
    read_descriptor(model["descriptor"], spec.type_map, spec.parts);
    spec.output = output_of(model["fitting"]["type"].text());
    spec.fitting = read_fitting(model["fitting"], spec.output, spec);
  } else if (type == "pairtab") {
    spec.kind = Kind::table;
    spec.table = read_table(model, spec.ntypes());
  } else {
    spec.kind = is_sum ? Kind::sum : Kind::near_net;
    read_parts(model, spec);
    if (is_sum)
      spec.weights = read_weights(model, spec.models.size());
    else
      spec.near = read_near(model, spec.models);
  }
  spec.bias = read_bias(model, spec);
  spec.has_output = read_has_output(model, spec);
  return spec;
}

}  // namespace

std::vector<const NeighborSpec*> ModelSpec::lists() const {
  std::vector<const NeighborSpec*> found;
  for (const auto& part : parts) found.push_back(&part);
  if (kind == Kind::table) found.push_back(&table);
  for (const auto& model : models)
    for (const auto* each : model.lists()) found.push_back(each);
  return found;
}

double ModelSpec::rcut() const {
  double largest = 0.0;
  for (const auto* each : lists()) largest = std::max(largest, each->rcut);
  return largest;
}

bool ModelSpec::is_single() const {
  return fitting.is_single &&
         std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.is_single; });
}

std::int64_t ModelSpec::dim_fparam() const {
  std::int64_t dim = fitting.dim_fparam;
  for (const auto& model : models) dim = std::max(dim, model.dim_fparam());
  return dim;
}

std::int64_t ModelSpec::dim_aparam() const {
  std::int64_t dim = fitting.dim_aparam;
  for (const auto& model : models) dim = std::max(dim, model.dim_aparam());
  return dim;
}

std::vector<double> ModelSpec::default_fparam() const {
  std::vector<double> found = fitting.default_fparam;
  bool is_first = true;
  for (const auto& model : models) {
    if (model.dim_fparam() == 0) continue;
    const auto own = model.default_fparam();
    if (!is_first && own != found) return {};
    found = own, is_first = false;
  }
  return found;
}

ModelSpec ModelSpec::read(const Document& document) {
  return read_model(Node(document)["model"], {});
}

}  // namespace deepmd::engine
