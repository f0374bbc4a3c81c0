// SPDX-License-Identifier: LGPL-3.0-or-later
// A model that is open in LAMMPS: libdeepmd_cc's C interface, with what it gives kept in vectors.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "deepmd/model.h"
#include "deepmd/record.hpp"

namespace LAMMPS_NS {
class LAMMPS;
}

namespace deepmd_lammps {

// What a model gave of each kind: sum, atom, force, virial, atom_virial. The storage is reused from
// step to step.
class Results {
 public:
  void clear() { given_.clear(); }
  void store(const std::string& kind, const deepmd_array& result);
  bool has(const std::string& kind) const { return given_.count(kind) > 0; }

  // Throws std::runtime_error where the model did not give it.
  std::vector<double>& at(const std::string& kind);

 private:
  std::map<std::string, std::vector<double>> arrays_;
  std::set<std::string> given_;
};

class ModelFile {
 public:
  // Opens it on the CPU where its backend cannot use the GPU. Throws std::runtime_error, in one
  // line that names the file.
  ModelFile(const std::string& path, const deepmd_open_options& options, LAMMPS_NS::LAMMPS* lmp);

  const std::string& path() const { return path_; }
  const deepmd::Record& record() const { return record_; }
  const char* backend() const { return deepmd_backend_name(handle_.get()); }

  // The output of a kind; the model's first. nullptr: it has none.
  const deepmd::OutputSpec* output(const std::string& kind) const {
    return record_.output_of_kind(kind);
  }

  // Whether the type that fills empty slots of neighbor lists enters the outputs.
  bool uses_empty_type() const;

  // What counts from now on. Throw std::runtime_error, in one line that names the file.
  void set_charge_spin(std::int64_t charge, std::int64_t spin);
  void compute(const deepmd_atoms& atoms, std::int32_t wanted, Results& results);

 private:
  struct Close {
    void operator()(deepmd_model* model) const { deepmd_close(model); }
  };
  std::string path_;
  std::unique_ptr<deepmd_model, Close> handle_;
  deepmd::Record record_;
};

}  // namespace deepmd_lammps
