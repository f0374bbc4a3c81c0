// SPDX-License-Identifier: LGPL-3.0-or-later
//
// libdeepmd_backend_dp.so: the native engine behind the plain C interface of plug-ins.
#include <string>

#include "deepmd/backend_plugin.h"
#include "deepmd/guarded.hpp"
#include "deepmd/record.hpp"
#include "engine.hpp"

namespace {

using deepmd::engine::Engine;
using deepmd::engine::Frame;
using deepmd::engine::Results;

struct Model {
  std::unique_ptr<Engine> engine;
  deepmd::Record record;
  Frame frame;
  Results results;
};

void* open_model(const char* path, const deepmd_open_options* options, deepmd_error* error) {
  return deepmd::guarded(error, static_cast<Model*>(nullptr), [&] {
    if (options->device >= 0)
      throw deepmd::engine::Error("the native engine runs on the CPU; ask for no GPU");
    auto engine = Engine::open(deepmd::engine::read_document(path), options->nthreads);
    deepmd::Record record(engine->record());
    return new Model{std::move(engine), std::move(record), {}, {}};
  });
}

void set_frame(const deepmd_atoms& atoms, Frame& frame) {
  static_cast<deepmd_atoms&>(frame) = atoms;
  frame.neighbors.assign(atoms.nloc, nullptr);
  frame.counts.assign(atoms.nloc, 0);
  for (std::int64_t k = 0; k < atoms.ncenter; ++k) {
    const std::int32_t i = atoms.center[k];
    frame.neighbors[i] = atoms.neighbor[i];
    frame.counts[i] = atoms.nneighbor[i];
  }
}

void give_all(const Model& model, std::int32_t wanted, deepmd_take take, void* receiver) {
  for (const deepmd::OutputSpec& output : model.record.outputs) {
    if (!output.is_wanted(wanted)) continue;
    const auto shape = output.shape(model.frame.nloc, model.frame.nall);
    const deepmd_array array{output.name.c_str(), DEEPMD_FLOAT64, std::int32_t(shape.size()),
                             shape.data(), model.results.of(output.kind).data()};
    take(receiver, &array);
  }
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

const char* record(void* opened) { return static_cast<Model*>(opened)->record.text.c_str(); }

void close_model(void* opened) { delete static_cast<Model*>(opened); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const deepmd_plugin* deepmd_backend_plugin(void) {
  static const deepmd_plugin plugin{
      DEEPMD_PLUGIN_ABI,           "native", ".safetensors .dp", open_model, record,
      /*run_graph=*/nullptr,
      /*compiles_shapes=*/nullptr, compute,  close_model};
  return &plugin;
}
