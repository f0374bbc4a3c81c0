// SPDX-License-Identifier: LGPL-3.0-or-later
//
// libdeepmd_backend_pd.so: Paddle's main library is an extension of Python, whose names a program
// that is no Python must load first; linked, they would tie a wheel to one version. Then the other
// half.
#include <dlfcn.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "deepmd/backend_plugin.h"
#include "deepmd/own_symbols.hpp"

namespace fs = std::filesystem;

/// Of `own`, .../lib/python3.12/site-packages/deepmd_pd/lib/libdeepmd_backend_pd.so, the libpython:
/// that beside the folder of programs, or where the loader looks.
static void load_python(const fs::path& own) {
  if (dlsym(RTLD_DEFAULT, "Py_IsInitialized") != nullptr) return;
  const fs::path version = own.parent_path().parent_path().parent_path().parent_path();
  const fs::path prefix = version.parent_path().parent_path();
  fs::path programs = prefix / "bin";
  std::ifstream environment(prefix / "pyvenv.cfg");  // a virtual one names its installation's
  for (std::string line; std::getline(environment, line);)
    if (line.rfind("home = ", 0) == 0) programs = line.substr(7);
  const std::string name = "lib" + version.filename().string() + ".so.1.0";
  const fs::path beside = programs.parent_path() / "lib" / name;
  if (dlopen(beside.c_str(), RTLD_LAZY | RTLD_GLOBAL) == nullptr)
    dlopen(name.c_str(), RTLD_LAZY | RTLD_GLOBAL);
}

extern "C" __attribute__((visibility("default"))) const deepmd_plugin* deepmd_backend_plugin() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&deepmd_backend_plugin), &info) == 0) return nullptr;
  load_python(info.dli_fname);
  const fs::path half = fs::path(info.dli_fname).replace_filename(OTHER_HALF);
  void* const library = dlopen(half.c_str(), RTLD_NOW | RTLD_LOCAL | deepmd::own_symbols());
  if (library == nullptr) return nullptr;
  return reinterpret_cast<const deepmd_plugin* (*)()>(dlsym(library, "deepmd_backend_plugin"))();
}
