// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The plug-in that runs `.pb`, and the `.savedmodel` of deepmd-jax (deepmd/backend_plugin.h), by
// TensorFlow's C interface, which is the same in all its releases.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/graph_plugin.hpp"
#include "deepmd/wire_format.hpp"
#include "plugin_session.hpp"

namespace deepmd_tf {
namespace {

namespace fs = std::filesystem;

/// A model ready to run: tensors in the record's order.
struct Graph {
  deepmd::Record record;
  std::unique_ptr<Session> session;
  std::vector<TF_Output> inputs, outputs;
};

/// Operators of our files.
const std::set<std::string> OPERATORS = {
#include "../src/deepmd_tf/operators.inc"
    // and, in a .savedmodel, of deepmd-jax
    "NoOp", "PreventGradient", "RestoreV2", "StatefulPartitionedCall", "XlaCallModule"};

/// Refuses a GraphDef, which lies within fields of these numbers, for an operator of it or of its
/// functions.
void check_operators(std::string_view content, const std::vector<std::uint64_t>& within) {
  for (const auto& graph : deepmd::values(content, within)) {
    deepmd::refuse_operators(deepmd::values(graph, {1, 2}), OPERATORS);
    deepmd::refuse_operators(deepmd::values(graph, {2, 1, 3, 2}), OPERATORS);
  }
}

/// A `.pb`: a GraphDef with constants that compute nothing (deepmd_tf/frozen.py), of which
/// `metadata` alone is not hashed, and `deepmd_operators` is nodes of a form on operators.
Graph read_graph(const std::string& path, const deepmd_open_options& options) {
  const std::string content = deepmd::read_file(path);
  std::string hashed, computes, scope;
  std::map<std::string_view, std::string> strings{
      {"metadata", {}}, {"deepmd_document", {}}, {"deepmd_operators", {}}};
  for (const auto& each : deepmd::fields(content)) {
    const auto name = each.number == 1 ? deepmd::field(each.value, 1) : std::string_view();
    const auto found = strings.find(name);
    if (found == strings.end()) computes += each.whole;
    // attr["value"].tensor.string_val
    if (found != strings.end()) found->second = *deepmd::values(each.value, {5, 2, 8, 8}).begin();
    if (name != "metadata") hashed += each.whole;
  }
  Graph graph{deepmd::read_frozen(strings["metadata"], {{"graph", hashed}}), nullptr, {}, {}};
  const std::string& second = strings["deepmd_operators"];
  if (!second.empty() && deepmd::are_kernels_wanted(options) && are_operators_loaded())
    computes += second, scope = "operators/";
  check_operators(computes, {});
  graph.session = std::make_unique<Session>(computes, options);
  for (const auto& each : graph.record.inputs)
    graph.inputs.push_back(graph.session->find(each.name));
  for (const auto& each : graph.record.outputs)
    graph.outputs.push_back(graph.session->find(scope + "o_" + each.name));
  return graph;
}

/// Adds the functions that an attribute's value names, also within what it hands on to them.
void add_called(std::string_view value, std::set<std::string>& called, int depth = 0) {
  if (depth > 32) throw std::invalid_argument("its functions are nested too deep");
  for (const auto& path : {std::vector<std::uint64_t>{10}, {1, 9}})
    for (const auto& function : deepmd::values(value, path)) {
      called.merge(deepmd::values(function, {1}));
      for (const auto& each : deepmd::values(function, {2, 2})) add_called(each, called, depth + 1);
    }
}

/// Refuses a GraphDef with functions that call each other in a circle, which TensorFlow would
/// follow until the process ends (deepmd_jax/saved_model.py).
void refuse_circles(std::string_view definition) {
  std::map<std::string, std::set<std::string>> calls;
  for (const auto& function : deepmd::values(definition, {2, 1}))
    for (const auto& name : deepmd::values(function, {1, 1}))
      for (const auto& value : deepmd::values(function, {3, 5, 2})) add_called(value, calls[name]);
  const auto ends = [&](const auto& each) {
    return std::none_of(each.second.begin(), each.second.end(),
                        [&](const std::string& name) { return calls.count(name) != 0; });
  };
  for (auto end = calls.begin(); !calls.empty(); calls.erase(end))
    if ((end = std::find_if(calls.begin(), calls.end(), ends)) == calls.end())
      throw std::runtime_error("it has functions that call themselves: " + calls.begin()->first);
}

/// A `.savedmodel`: a folder, whose files are the parts (deepmd_jax/saved_model.py). Its graph
/// alone is run, as that of a `.pb`: the variables beside it are none.
Graph read_saved_model(const fs::path& path, const deepmd_open_options& options) {
  std::vector<std::pair<std::string, std::string>> files;
  const auto read = [&](const std::string& name) {
    files.emplace_back(name, deepmd::read_file(path / name));
  };
  read("saved_model.pb");
  check_operators(files[0].second, {2, 2});
  read("deepmd_document.safetensors");
  if (fs::is_directory(path / "variables"))
    for (const auto& each : fs::directory_iterator(path / "variables"))
      read("variables/" + each.path().filename().string());
  Graph graph{
      deepmd::read_frozen(deepmd::read_file(path / "metadata.json"), {files.begin(), files.end()}),
      nullptr,
      {},
      {}};
  const std::string_view meta = deepmd::field(files[0].second, 2);
  const std::string definition(deepmd::field(meta, 2));
  refuse_circles(definition);
  graph.session = std::make_unique<Session>(definition, options);
  const auto signatures = deepmd::entries(meta, 5);
  const auto find = [&](const auto& each, std::uint64_t which) {
    const auto tensors = deepmd::entries(signatures.at("serving_default"), which);
    return graph.session->find(std::string(deepmd::field(tensors.at(each.name), 1)));
  };
  for (const auto& each : graph.record.inputs) graph.inputs.push_back(find(each, 1));
  for (const auto& each : graph.record.outputs) graph.outputs.push_back(find(each, 2));
  return graph;
}

class Model {
 public:
  Model(const std::string& path, const deepmd_open_options& options)
      : is_saved_model_(fs::path(path).extension() == ".savedmodel"),
        graph_(is_saved_model_ ? read_saved_model(path, options) : read_graph(path, options)) {}

  const deepmd::Record& record() const { return graph_.record; }

  /// XLA, which runs a SavedModel of JAX, makes a program for each shape.
  bool compiles_shapes() const { return is_saved_model_; }

  void run(const std::vector<deepmd_array>& inputs, deepmd_take take, void* receiver) {
    std::vector<Handle<TF_Tensor>> values;
    for (const auto& input : inputs) values.push_back(tensor_of(input));
    const auto found = graph_.session->run(graph_.inputs, values, graph_.outputs);
    for (std::size_t i = 0; i < found.size(); ++i)
      give(graph_.record.outputs[i].name, *found[i], take, receiver);
  }

 private:
  bool is_saved_model_;
  Graph graph_;

  /// A tensor on the caller's memory, which is read only.
  static Handle<TF_Tensor> tensor_of(const deepmd_array& array) {
    std::size_t size = 8;
    for (int32_t k = 0; k < array.ndim; ++k) size *= array.shape[k];
    return {DEEPMD_TF(NewTensor)(
                array.dtype == DEEPMD_INT64 ? TF_INT64 : TF_DOUBLE, array.shape, array.ndim,
                const_cast<void*>(array.data), size, [](void*, std::size_t, void*) {}, nullptr),
            DEEPMD_TF(DeleteTensor)};
  }

  static void give(const std::string& name, const TF_Tensor& tensor, deepmd_take take,
                   void* receiver) {
    if (DEEPMD_TF(TensorType)(&tensor) != TF_DOUBLE)
      throw std::runtime_error("the output " + name + " is not in float64");
    std::vector<int64_t> shape;
    for (int k = 0; k < DEEPMD_TF(NumDims)(&tensor); ++k)
      shape.push_back(DEEPMD_TF(Dim)(&tensor, k));
    const deepmd_array result{name.c_str(), DEEPMD_FLOAT64, int32_t(shape.size()), shape.data(),
                              DEEPMD_TF(TensorData)(&tensor)};
    take(receiver, &result);
  }
};

}  // namespace
}  // namespace deepmd_tf

extern "C" __attribute__((visibility("default"))) const deepmd_plugin* deepmd_backend_plugin() {
  static const deepmd_plugin plugin =
      deepmd::GraphPlugin<deepmd_tf::Model>::make("tf", ".pb .savedmodel");
  return &plugin;
}
