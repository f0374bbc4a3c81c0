// SPDX-License-Identifier: LGPL-3.0-or-later
#include "net.hpp"

#include <algorithm>

#include "deepmd/instruction_sets.hpp"

namespace deepmd::engine {
namespace {

/// One number a column; deepmd-kit's TensorFlow wrote (1, nout).
std::vector<double> read_row(const Node& node, const char* key, std::int64_t nout) {
  try {
    return node.array(key, {1, nout}).data;
  } catch (const Error&) {
    return node.array(key, {nout}).data;
  }
}

Layer read_layer(const Node& node) {
  node.check_class("Layer", 2);
  Layer layer;
  const Array& w = node.array("w", {-1, -1});
  layer.nin = w.shape[0], layer.nout = w.shape[1];
  layer.w = w.data;
  if (node["bias"].flag()) layer.b = read_row(node, "b", layer.nout);
  if (node["use_timestep"].flag()) layer.idt = read_row(node, "idt", layer.nout);
  layer.activation = Activation::named(
      node.has("activation_function") ? node["activation_function"].text() : "none");
  layer.is_residual = node["resnet"].flag();
  is_single_precision(node);  // refuses others
  return layer;
}

/// y += x w
template <class Real>
DEEPMD_CLONES void add_product(std::int64_t n, std::int64_t nin, std::int64_t nout, const Real* x,
                               const double* w, Real* y) {
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < nin; ++k) {
      const Real factor = x[i * nin + k];
      for (std::int64_t j = 0; j < nout; ++j) y[i * nout + j] += factor * w[k * nout + j];
    }
}

template <class Real>
void add_skip(const Layer& layer, std::int64_t n, const Real* x, Real* y) {
  for (int copy = 0; copy < layer.skips(); ++copy)
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < layer.nin; ++j)
        y[i * layer.nout + copy * layer.nin + j] += x[i * layer.nin + j];
}

template <class Real>
void evaluate_layer(const Layer& layer, std::int64_t n, const Real* x, const Real* dx, Real* y,
                    Real* dy) {
  const std::int64_t nout = layer.nout;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < nout; ++j)
      y[i * nout + j] = layer.b.empty() ? Real(0) : Real(layer.b[j]);
  add_product(n, layer.nin, nout, x, layer.w.data(), y);
  if (dx) {
    std::fill_n(dy, n * nout, Real(0));
    add_product(n, layer.nin, nout, dx, layer.w.data(), dy);
  }
  for (std::int64_t k = 0; k < n * nout; ++k) {
    const Real idt = layer.idt.empty() ? 1.0 : layer.idt[k % nout];
    Real value = 0, slope = 0;
    activate(layer.activation, y[k], value, slope);
    y[k] = value * idt;
    if (dx) dy[k] *= slope * idt;
  }
  add_skip(layer, n, x, y);
  if (dx) add_skip(layer, n, dx, dy);
}

}  // namespace

bool is_single_precision(const Node& node) {
  const std::string name = node.has("precision") ? node["precision"].text() : "float64";
  if (name == "float32" || name == "float") return true;
  if (name == "float64" || name == "double" || name == "default") return false;
  throw NotCovered("the native engine computes in float64 and float32, not in " + name);
}

bool Net::is_analytic() const {
  const auto is_smooth = [](const Layer& layer) { return layer.activation.is_analytic(); };
  return table.rows.empty() && std::all_of(layers.begin(), layers.end(), is_smooth);
}

Net Net::read(const Node& node, const char* name, double highest_version) {
  node.check_class(name, highest_version);
  Net net;
  const Node layers = node["layers"];
  std::int64_t width = node["in_dim"].integer();
  for (std::size_t k = 0; k < layers.size(); ++k) {
    net.layers.push_back(read_layer(layers[k]));
    if (net.layers.back().nin != width) layers[k].fail("does not fit the layer before it");
    width = net.layers.back().nout;
  }
  if (net.layers.empty()) node.fail("has no layers");
  return net;
}

template <class Real>
void Net::evaluate(std::int64_t n, const Real* x, const Real* dx, Real* y, Real* dy) const {
  if (!table.rows.empty()) return table.evaluate(n, x, dx, y, dy);
  std::vector<Real> in(x, x + n * nin()), din, out, dout;
  if (dx) din.assign(dx, dx + n * nin());
  for (const Layer& layer : layers) {
    out.resize(n * layer.nout);
    if (dx) dout.resize(out.size());
    evaluate_layer(layer, n, in.data(), dx ? din.data() : nullptr, out.data(), dout.data());
    in.swap(out), din.swap(dout);
  }
  std::copy_n(in.begin(), n * nout(), y);
  if (dx) std::copy_n(din.begin(), n * nout(), dy);
}

template void Net::evaluate(std::int64_t, const double*, const double*, double*, double*) const;
template void Net::evaluate(std::int64_t, const long double*, const long double*, long double*,
                            long double*) const;

NetCollection NetCollection::read(const Node& node, const char* name, double highest_version,
                                  bool allow_missing) {
  node.check_class("NetworkCollection", 1);
  NetCollection collection;
  collection.ndim = int(node["ndim"].integer());
  collection.ntypes = node["ntypes"].integer();
  const Node nets = node["networks"];
  if (collection.ndim < 0 || collection.ndim > 2)
    node.fail("has nets for more than pairs of types");
  std::int64_t expected = 1;
  for (int k = 0; k < collection.ndim; ++k) expected *= collection.ntypes;
  if (std::int64_t(nets.size()) != expected) nets.fail("has a wrong number of nets");
  const Net* first = nullptr;
  collection.nets.resize(nets.size());
  for (std::size_t k = 0; k < nets.size(); ++k)
    if (!allow_missing || !nets[k].value().is_null()) {
      collection.nets[k] = Net::read(nets[k], name, highest_version);
      if (first == nullptr) first = &collection.nets[k];
      if (collection.nets[k].nin() != first->nin() || collection.nets[k].nout() != first->nout())
        nets[k].fail("is of another size than the other nets");
    }
  if (first == nullptr) nets.fail("holds no net");
  Net zero = *first;
  for (auto& layer : zero.layers)
    for (auto* numbers : {&layer.w, &layer.b, &layer.idt})
      std::fill(numbers->begin(), numbers->end(), 0.0);
  for (auto& net : collection.nets)
    if (net.layers.empty()) net = zero;
  return collection;
}

void NetCollection::read_tables(const Node& compress) {
  const Node data = compress["@variables"]["compress_data"];
  const Node info = compress["@variables"]["compress_info"];
  if (data.size() != nets.size() || info.size() != nets.size())
    compress.fail("has not one table for each net");
  for (std::size_t k = 0; k < nets.size(); ++k)
    nets[k].table = Table::read(data[k], info[k], nets[k].nout());
}

}  // namespace deepmd::engine
