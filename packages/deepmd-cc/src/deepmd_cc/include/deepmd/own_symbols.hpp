// SPDX-License-Identifier: LGPL-3.0-or-later
#pragma once

#include <dlfcn.h>

namespace deepmd {

// For dlopen: how a framework keeps to its own symbols where the program has some of the same names
// for everybody: Python's `import tensorflow` its own, LAMMPS the matrix products of Netlib's
// reference, in which PyTorch would spend half of its time.
inline int own_symbols() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;  // sanitizers refuse it
#else
  const auto has = [](const char* name) { return dlsym(RTLD_DEFAULT, name) != nullptr; };
  return has("TF_Version") || has("dgemm_") ? RTLD_DEEPBIND : 0;
#endif
}

}  // namespace deepmd
