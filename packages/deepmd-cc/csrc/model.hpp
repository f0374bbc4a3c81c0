// SPDX-License-Identifier: LGPL-3.0-or-later
// A model that is open, whatever computes it.
#pragma once

#include <functional>
#include <string>

#include "deepmd/model.h"
#include "deepmd/record.hpp"

namespace deepmd {

// Gets results; the array is valid until it returns.
using Take = std::function<void(const deepmd_array&)>;

// For plug-ins: hands on to a Take, which `receiver` is.
inline void forward(void* receiver, const deepmd_array* result) {
  (*static_cast<const Take*>(receiver))(*result);
}

// A model that a plug-in holds. Functions throw std::runtime_error or std::invalid_argument, in one
// line.
class Model {
 public:
  // Opens a file by the plug-in that its ending asks for.
  Model(const std::string& path, const deepmd_open_options& options);
  ~Model() { plugin_.close(handle_); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const Record& record() const { return record_; }
  const char* backend() const { return plugin_.name; }

  // What counts instead of the record's default.
  void set_charge_spin(std::int64_t charge, std::int64_t spin) {
    record_.set_charge_spin(charge, spin);
  }

  // Computes all outputs for atoms with their neighbors, or for a frame with a cell.
  void compute(const deepmd_atoms& atoms, std::int32_t wanted, const Take& take) const;
  void compute(const deepmd_frame& frame, std::int32_t wanted, const Take& take) const;

 private:
  void run(const deepmd_atoms& atoms, std::int32_t wanted, const Take& take) const;

  const deepmd_plugin& plugin_;
  int nthreads_;
  std::int64_t atoms_of_part_;
  void* handle_;
  Record record_;
};

}  // namespace deepmd
