// SPDX-License-Identifier: LGPL-3.0-or-later
// The plug-ins of the backends: found beside this library and in DEEPMD_PLUGIN_PATH, loaded when a
// file asks for them, and kept.
#pragma once

#include <string>

#include "deepmd/backend_plugin.h"

namespace deepmd {

// The plug-in that reads a file, by the ending of its name.
//
// Looked for in the folders of DEEPMD_PLUGIN_PATH (with colons between them), in this library's
// folder, and in `deepmd_*/lib` of the site-packages folder that this library lies in. Plug-ins
// whose names stand for other endings are not loaded, since each brings its framework.
//
// Throws std::runtime_error, in one line that says what to install.
const deepmd_plugin& plugin_for(const std::string& path);

}  // namespace deepmd
