// SPDX-License-Identifier: LGPL-3.0-or-later
// The C interface of deepmd/model.h.
#include "deepmd/model.h"

#include "deepmd/guarded.hpp"
#include "model.hpp"
#include "plugins.hpp"

struct deepmd_model : deepmd::Model {
  using Model::Model;
};

namespace {

// 0 where nothing was thrown.
template <class Function>
int succeeded(deepmd_error* error, const Function& function) {
  return deepmd::guarded(error, 1, [&] { return function(), 0; });
}

template <class Atoms>
int compute(const deepmd_model* model, const Atoms* atoms, int32_t wanted, deepmd_take take,
            void* receiver, deepmd_error* error) {
  return succeeded(error, [&] {
    model->compute(*atoms, wanted, [=](const deepmd_array& result) { take(receiver, &result); });
  });
}

}  // namespace

extern "C" {

deepmd_model* deepmd_open(const char* path, const deepmd_open_options* options,
                          deepmd_error* error) {
  return deepmd::guarded(error, static_cast<deepmd_model*>(nullptr), [&] {
    return new deepmd_model(path, options != nullptr ? *options : deepmd_open_options{0, -1});
  });
}

const char* deepmd_record(const deepmd_model* model) { return model->record().text.c_str(); }

const char* deepmd_backend_name(const deepmd_model* model) { return model->backend(); }

int deepmd_set_charge_spin(deepmd_model* model, int64_t charge, int64_t spin, deepmd_error* error) {
  return succeeded(error, [&] { model->set_charge_spin(charge, spin); });
}

int deepmd_compute(deepmd_model* model, const deepmd_atoms* atoms, int32_t wanted, deepmd_take take,
                   void* receiver, deepmd_error* error) {
  return compute(model, atoms, wanted, take, receiver, error);
}

int deepmd_compute_frame(deepmd_model* model, const deepmd_frame* frame, int32_t wanted,
                         deepmd_take take, void* receiver, deepmd_error* error) {
  return compute(model, frame, wanted, take, receiver, error);
}

void deepmd_close(deepmd_model* model) { delete model; }

void deepmd_find_plugins(void (*take)(void* receiver, const char* name, const char* file),
                         void* receiver) {
  succeeded(nullptr, [&] {
    for (const auto& each : deepmd::find_plugins())
      take(receiver, each.name.c_str(), each.file.c_str());
  });
}

int deepmd_load_plugin(const char* file, deepmd_error* error) {
  return succeeded(error, [&] { deepmd::load_plugin(file); });
}

}  // extern "C"
