// SPDX-License-Identifier: LGPL-3.0-or-later
//
// libdeepmd_backend_dp.so: the native engine behind the plain C interface of plug-ins.
#include <algorithm>
#include <cstring>
#include <exception>
#include <string>

#include "deepmd/backend_plugin.h"
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

void put(deepmd_error* error, const std::string& text) {
  if (error == nullptr) return;
  std::size_t size = std::min(text.size(), sizeof(error->text) - 1);
  // no half of a letter at the end
  while (size < text.size() && size > 0 && (text[size] & 0xC0) == 0x80) --size;
  std::memcpy(error->text, text.data(), size);
  error->text[size] = '\0';
}

/// Runs `task`; what it throws becomes text.
template <class Task>
bool succeeds(deepmd_error* error, const Task& task) {
  try {
    task();
    return true;
  } catch (const std::exception& exception) {
    put(error, exception.what());
  } catch (...) {
    put(error, "an unknown error");
  }
  return false;
}

void* open_model(const char* path, const deepmd_open_options* options, deepmd_error* error) {
  auto model = std::make_unique<Model>();
  const bool is_open = succeeds(error, [&] {
    if (options != nullptr && options->device >= 0)
      throw deepmd::engine::Error("the native engine runs on the CPU; ask for no GPU");
    model->engine = Engine::open(deepmd::engine::read_document(path),
                                 options == nullptr ? 0 : options->nthreads);
  });
  return is_open ? model.release() : nullptr;
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
  auto& model = *static_cast<Model*>(opened);
  return succeeds(error,
                  [&] {
                    set_frame(*atoms, model.frame);
                    model.engine->compute(model.frame, wanted & DEEPMD_ATOMIC_VIRIALS,
                                          model.results);
                    give_all(model, wanted, take, receiver);
                  })
             ? 0
             : 1;
}

const char* record(void* opened) { return static_cast<Model*>(opened)->engine->record().c_str(); }

void close_model(void* opened) { delete static_cast<Model*>(opened); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const deepmd_plugin* deepmd_backend_plugin(void) {
  static const deepmd_plugin plugin = [] {
    deepmd_plugin native{};
    native.abi = DEEPMD_PLUGIN_ABI;
    native.name = "native";
    native.suffixes = ".safetensors .dp";
    native.open = open_model, native.close = close_model;
    native.record = record, native.compute = compute;
    return native;
  }();
  return &plugin;
}
