// SPDX-License-Identifier: LGPL-3.0-or-later
// The C interface of deepmd/model.h.
#include "deepmd/model.h"

#include <cstring>
#include <exception>
#include <memory>

#include "ghosts.hpp"
#include "model.hpp"
#include "plugins.hpp"

struct deepmd_model {
  std::unique_ptr<deepmd::ModelBackend> backend;
  deepmd_open_options options;
};

namespace {

// Runs something that may throw; 0 where it did not.
template <class Function>
int guarded(deepmd_error* error, const Function& function) {
  const auto fail = [&](const char* text) {
    if (error != nullptr) {
      std::strncpy(error->text, text, sizeof(error->text) - 1);
      error->text[sizeof(error->text) - 1] = 0;
    }
    return 1;
  };
  try {
    function();
    return 0;
  } catch (const std::bad_alloc&) {
    return fail("out of memory; take fewer atoms at a time.");
  } catch (const std::exception& exception) {
    return fail(exception.what());
  } catch (...) {
    return fail("failed for a reason that is not known.");
  }
}

deepmd::Take taker(deepmd_take take, void* receiver) {
  return [=](const deepmd_array& result) { take(receiver, &result); };
}

}  // namespace

extern "C" {

deepmd_model* deepmd_open(const char* path, const deepmd_open_options* options,
                          deepmd_error* error) {
  auto model = std::make_unique<deepmd_model>();
  model->options = options != nullptr ? *options : deepmd_open_options{0, -1};
  const int failed =
      guarded(error, [&] { model->backend = deepmd::open_model(path, model->options); });
  return failed != 0 ? nullptr : model.release();
}

const char* deepmd_record(const deepmd_model* model) {
  return model->backend->record_text().c_str();
}

const char* deepmd_backend_name(const deepmd_model* model) { return model->backend->name(); }

int deepmd_compute(deepmd_model* model, const deepmd_atoms* atoms, int32_t wanted, deepmd_take take,
                   void* receiver, deepmd_error* error) {
  return guarded(error, [&] { model->backend->compute(*atoms, wanted, taker(take, receiver)); });
}

int deepmd_compute_frame(deepmd_model* model, const deepmd_frame* frame, int32_t wanted,
                         deepmd_take take, void* receiver, deepmd_error* error) {
  return guarded(error, [&] {
    const deepmd::Record& record = model->backend->record();
    const deepmd::GhostFrame ghosts(*frame, record, model->options.nthreads);
    const deepmd::Take outer = taker(take, receiver);
    model->backend->compute(ghosts.atoms(), wanted, [&](const deepmd_array& result) {
      ghosts.take_folded(result, record, outer);
    });
  });
}

void deepmd_close(deepmd_model* model) { delete model; }

void deepmd_find_plugins(void (*take)(void* receiver, const char* name, const char* file),
                         void* receiver) {
  guarded(nullptr, [&] {
    for (const auto& each : deepmd::find_plugins())
      take(receiver, each.name.c_str(), each.file.c_str());
  });
}

int deepmd_load_plugin(const char* file, deepmd_error* error) {
  return guarded(error, [&] { deepmd::load_plugin(file); });
}

}  // extern "C"
