// SPDX-License-Identifier: LGPL-3.0-or-later
// The plug-ins of the backends: found beside this library and in DEEPMD_PLUGIN_PATH, loaded when a
// file asks for them, and kept.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "deepmd/backend_plugin.h"

namespace deepmd {

struct PluginFile {
  std::string name;  // NAME of libdeepmd_backend_NAME.so
  std::filesystem::path file;
};

// All plug-ins, not loaded; of those with the same name the first found.
//
// Looked for in the folders of DEEPMD_PLUGIN_PATH (with colons between them), in this library's
// folder, and in `deepmd_*/lib` of the site-packages folder that this library lies in.
std::vector<PluginFile> find_plugins();

// Loads a plug-in, once in a process; it stays, since frameworks can't be unloaded. Throws
// std::runtime_error, in one line.
const deepmd_plugin& load_plugin(const std::filesystem::path& file);

// The plug-in that reads a file, by the ending of its name. Those whose names stand for other
// endings are not loaded, since each brings its framework.
//
// Throws std::runtime_error, in one line that says what to install.
const deepmd_plugin& plugin_for(const std::string& path);

}  // namespace deepmd
