// SPDX-License-Identifier: LGPL-3.0-or-later
//
// libdeepmd_backend_dp.so: the native engine behind the plain C interface of plug-ins.
#include <string>

#include "deepmd/backend_plugin.h"
#include "deepmd/guarded.hpp"
#include "engine.hpp"

namespace {

using deepmd::engine::Engine;
using deepmd::engine::Frame;
using deepmd::engine::Output;
using deepmd::engine::Results;

struct Model {
  std::unique_ptr<Engine> engine;
  Frame frame;
  Results results;
};

void* open_model(const char* path, const deepmd_open_options* options, deepmd_error* error) {
  return deepmd::guarded(error, static_cast<Model*>(nullptr), [&] {
    if (options->device >= 0)
      throw deepmd::engine::Error("the native engine runs on the CPU; ask for no GPU");
    return new Model{Engine::open(deepmd::engine::read_document(path), options->nthreads), {}, {}};
  });
}

void set_frame(const deepmd_atoms& atoms, Frame& frame) {
  frame.nloc = atoms.nloc, frame.nall = atoms.nall;
  frame.coord = atoms.coord, frame.type = atoms.type;
  frame.index_mask = atoms.index_mask, frame.empty_type = atoms.empty_type;
  frame.fparam = atoms.fparam, frame.aparam = atoms.aparam;
  frame.neighbors.assign(static_cast<std::size_t>(atoms.nloc), nullptr);
  frame.counts.assign(static_cast<std::size_t>(atoms.nloc), 0);
  for (std::int64_t k = 0; k < atoms.ncenter; ++k) {
    const std::int32_t i = atoms.center[k];
    if (i < 0 || i >= atoms.nloc)
      throw deepmd::engine::Error("atom " + std::to_string(i) + " has neighbors but is not local");
    frame.neighbors[std::size_t(i)] = atoms.neighbor[i];
    frame.counts[std::size_t(i)] = atoms.nneighbor[i];
  }
}

void give(const std::string& name, const std::vector<double>& data,
          const std::vector<std::int64_t>& shape, deepmd_take take, void* receiver) {
  const deepmd_array array{name.c_str(), DEEPMD_FLOAT64, std::int32_t(shape.size()), shape.data(),
                           data.data()};
  take(receiver, &array);
}

void give_all(const Model& model, std::int32_t wanted, deepmd_take take, void* receiver) {
  const auto& fitting = model.engine->spec().fitting;
  const Results& results = model.results;
  const bool is_energy = fitting.output == Output::energy;
  const std::string name = is_energy ? "energy" : "dipole", stem = is_energy ? "" : "dipole_";
  const std::int64_t n = is_energy ? 1 : 3, nloc = model.frame.nloc, nall = model.frame.nall;
  const auto of_components = [&](std::vector<std::int64_t> shape) {
    if (!is_energy) shape.insert(shape.begin(), n);
    return shape;
  };
  give(name, results.sum, {n}, take, receiver);
  if (wanted & DEEPMD_ATOMIC_VALUES) give("atom_" + name, results.atom, {nloc, n}, take, receiver);
  if (!fitting.has_derivative) return;
  give(stem + "force", results.force, of_components({nall, 3}), take, receiver);
  give(stem + "virial", results.virial, of_components({9}), take, receiver);
  if (wanted & DEEPMD_ATOMIC_VIRIALS)
    give("atom_" + stem + "virial", results.atom_virial, of_components({nall, 9}), take, receiver);
}

int compute(void* opened, const deepmd_atoms* atoms, std::int32_t wanted, deepmd_take take,
            void* receiver, deepmd_error* error) {
  return deepmd::guarded(error, 1, [&] {
    auto& model = *static_cast<Model*>(opened);
    set_frame(*atoms, model.frame);
    model.engine->compute(model.frame, wanted & DEEPMD_ATOMIC_VIRIALS, model.results);
    give_all(model, wanted, take, receiver);
    return 0;
  });
}

const char* record(void* opened) { return static_cast<Model*>(opened)->engine->record().c_str(); }

void close_model(void* opened) { delete static_cast<Model*>(opened); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const deepmd_plugin* deepmd_backend_plugin(void) {
  static const deepmd_plugin plugin{
      DEEPMD_PLUGIN_ABI,           "native", ".safetensors .dp", open_model, record,
      /*run_graph=*/nullptr,
      /*compiles_shapes=*/nullptr, compute,  close_model};
  return &plugin;
}
