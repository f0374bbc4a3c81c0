// SPDX-License-Identifier: LGPL-3.0-or-later
// A model that is open, whatever computes it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "deepmd/backend_plugin.h"
#include "record.hpp"

namespace deepmd {

// Gets results; the array is valid until it returns.
using Take = std::function<void(const deepmd_array&)>;

// A model of a backend. What it gives and takes is in its record; subclasses say how it is
// computed.
class ModelBackend {
 public:
  virtual ~ModelBackend() = default;

  virtual const Record& record() const = 0;
  virtual const std::string& record_text() const = 0;
  virtual const char* name() const = 0;

  // Computes all outputs for the atoms. Throws std::runtime_error or std::invalid_argument.
  virtual void compute(const deepmd_atoms& atoms, std::int32_t wanted, const Take& take) = 0;
};

// Opens a file by the plug-in that its ending asks for. Throws std::runtime_error.
std::unique_ptr<ModelBackend> open_model(const std::string& path,
                                         const deepmd_open_options& options);

}  // namespace deepmd
