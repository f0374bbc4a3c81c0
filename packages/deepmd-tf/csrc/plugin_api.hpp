// SPDX-License-Identifier: LGPL-3.0-or-later
//
// TensorFlow's C interface, loaded when the first file has been checked: TensorFlow reads its
// settings while it is being loaded, and a machine without it gets a message of ours.
#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "tensorflow/c/c_api.h"

namespace deepmd_tf {

/// TensorFlow's library; throws std::runtime_error where there is none.
inline void* library() {
  static void* const opened = [] {
    // it announces itself on the terminal unless somebody has said otherwise
    setenv("TF_CPP_MIN_LOG_LEVEL", "2", /*overwrite=*/0);
    setenv("TF_ENABLE_ONEDNN_OPTS", "0", /*overwrite=*/0);
    void* const found = dlopen("libtensorflow_cc.so.2", RTLD_NOW | RTLD_LOCAL);
    if (found == nullptr)
      throw std::runtime_error("TensorFlow, which runs it, cannot be loaded (" +
                               std::string(dlerror()) + "): `pip install deepmd-tf`");
    return found;
  }();
  return opened;
}

template <class Function>
Function load(const char* name) {
  void* const found = dlsym(library(), name);
  if (found == nullptr) throw std::runtime_error(std::string("this TensorFlow has no ") + name);
  return reinterpret_cast<Function>(found);
}

}  // namespace deepmd_tf

/// A function of the interface, by its name without `TF_`.
#define DEEPMD_TF(name)                                                           \
  ([] {                                                                           \
    static const auto found = deepmd_tf::load<decltype(&TF_##name)>("TF_" #name); \
    return found;                                                                 \
  }())
