// SPDX-License-Identifier: LGPL-3.0-or-later
// TensorFlow's C interface, loaded when the first file has been checked: it reads its settings
// while it is being loaded, and a machine without it gets a message of ours.
#pragma once

#include <dlfcn.h>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "tensorflow/c/c_api.h"

// clang-format off
#define DEEPMD_TENSORFLOW_FUNCTIONS(X) \
  X(CloseSession) X(DeleteBuffer) X(DeleteGraph) X(DeleteImportGraphDefOptions) \
  X(DeleteSession) X(DeleteSessionOptions) X(DeleteStatus) X(DeleteTensor) X(Dim) X(GetCode) \
  X(GraphImportGraphDef) X(GraphOperationByName) X(LoadSessionFromSavedModel) X(Message) \
  X(NewBuffer) X(NewBufferFromString) X(NewGraph) X(NewImportGraphDefOptions) X(NewSession) \
  X(NewSessionOptions) X(NewStatus) X(NewTensor) X(NumDims) X(SessionRun) X(SetConfig) \
  X(TensorData) X(TensorType)
// clang-format on

namespace deepmd_tf {

/// The functions, without the `TF_` before their names.
struct TensorFlow {
#define DEEPMD_MEMBER(name) decltype(&TF_##name) name;
  DEEPMD_TENSORFLOW_FUNCTIONS(DEEPMD_MEMBER)
#undef DEEPMD_MEMBER

  TensorFlow() {
    // it announces itself on the terminal unless somebody has said otherwise
    setenv("TF_CPP_MIN_LOG_LEVEL", "2", /*overwrite=*/0);
    setenv("TF_ENABLE_ONEDNN_OPTS", "0", /*overwrite=*/0);
    void* library = dlopen("libtensorflow_cc.so.2", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
      throw std::runtime_error("TensorFlow, which runs it, cannot be loaded (" +
                               std::string(dlerror()) + "): `pip install deepmd-tf`");
#define DEEPMD_LOAD(name) name = load<decltype(name)>(library, "TF_" #name);
    DEEPMD_TENSORFLOW_FUNCTIONS(DEEPMD_LOAD)
#undef DEEPMD_LOAD
  }

 private:
  template <class Function>
  static Function load(void* library, const char* name) {
    void* found = dlsym(library, name);
    if (found == nullptr) throw std::runtime_error(std::string("this TensorFlow has no ") + name);
    return reinterpret_cast<Function>(found);
  }
};

/// The interface; throws std::runtime_error where there is no TensorFlow.
inline const TensorFlow& tf() {
  static const TensorFlow functions;
  return functions;
}

}  // namespace deepmd_tf
