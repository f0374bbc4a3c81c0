// SPDX-License-Identifier: LGPL-3.0-or-later
//
// libtorch's C++ interface is that of one minor release.
#pragma once

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/headeronly/version.h>

namespace deepmd_pt {

/// Whether libtorch is of the release that this was built with.
inline bool is_torch_release() { return aoti_torch_abi_version() >> 48 == TORCH_ABI_VERSION >> 48; }

}  // namespace deepmd_pt
