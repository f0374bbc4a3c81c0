// SPDX-License-Identifier: LGPL-3.0-or-later
#pragma once

#include <string>

#include "document.hpp"

namespace deepmd {
namespace engine {

/// The document of a `.dp` file as h5py writes it by default: the tree in the attribute `json` of
/// the root, arrays in contiguous datasets beside each other. Other layouts of HDF5 are refused.
Document parse_hdf5(const std::string& bytes, const std::string& source);

}  // namespace engine
}  // namespace deepmd
