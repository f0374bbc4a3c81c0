// SPDX-License-Identifier: LGPL-3.0-or-later
// Frames for the programs, and models with what they compute.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "deepmd/model.h"

// Atoms on a lattice, displaced. Lengths in Å.
struct Atoms {
  std::vector<double> coord;
  std::vector<std::int32_t> type;
  std::vector<double> cell, fparam, aparam;  // empty: none

  static Atoms lattice(int side, std::int32_t ntypes, double constant = 2.1) {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> shift(-0.3, 0.3);
    Atoms atoms;
    for (int k = 0; k < side * side * side; ++k) {
      for (const int n : {k % side, k / side % side, k / side / side})
        atoms.coord.push_back(constant * n + shift(random));
      atoms.type.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(ntypes)));
    }
    const double size = constant * side;
    atoms.cell = {size, 0, 0, 0.3, size, 0, -0.2, 0.1, size};
    return atoms;
  }

  deepmd_frame frame() const {
    const auto data = [](const std::vector<double>& v) { return v.empty() ? nullptr : v.data(); };
    return {static_cast<std::int64_t>(type.size()),
            coord.data(),
            type.data(),
            data(cell),
            data(fparam),
            data(aparam)};
  }
};

// A model, closed at the end.
class Model {
 public:
  explicit Model(const std::string& path, int nthreads = 1) {
    const deepmd_open_options options{nthreads, -1};
    model_ = deepmd_open(path.c_str(), &options, &error_);
  }
  ~Model() {
    if (model_ != nullptr) deepmd_close(model_);
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  bool is_open() const { return model_ != nullptr; }
  deepmd_model* handle() const { return model_; }
  std::string error() const { return error_.text; }
  std::string record() const { return deepmd_record(model_); }
  // An integer of the record.
  int number(const std::string& key) const {
    const std::string text = record();
    return std::stoi(text.substr(text.find("\"" + key + "\":") + key.size() + 3));
  }
  std::int32_t ntypes() const {
    std::string names = record();
    names = names.substr(names.find("\"type_map\":[") + 12);
    names = names.substr(0, names.find(']'));
    std::int32_t commas = 0;
    for (const char letter : names) commas += letter == ',';
    return names.empty() ? 0 : commas + 1;
  }

  // Numbers of all outputs, one after the other; none where it fails.
  std::vector<double> compute(const Atoms& atoms) {
    std::vector<double> found;
    const deepmd_frame frame = atoms.frame();
    const int failed = deepmd_compute_frame(
        model_, &frame, DEEPMD_ATOMIC_VALUES | DEEPMD_ATOMIC_VIRIALS, take, &found, &error_);
    if (failed != 0) found.clear();
    return found;
  }

 private:
  static void take(void* receiver, const deepmd_array* result) {
    std::int64_t size = 1;
    for (int axis = 0; axis < result->ndim; ++axis) size *= result->shape[axis];
    const auto* numbers = static_cast<const double*>(result->data);
    auto& found = *static_cast<std::vector<double>*>(receiver);
    found.insert(found.end(), numbers, numbers + size);
  }

  deepmd_model* model_ = nullptr;
  deepmd_error error_{};
};

// A frame of lattice atoms with the parameters that the model takes.
inline Atoms atoms_of(const Model& model, int side) {
  Atoms atoms = Atoms::lattice(side, model.ntypes());
  atoms.fparam.assign(static_cast<std::size_t>(model.number("dim_fparam")), 0.3);
  atoms.aparam.assign(atoms.type.size() * static_cast<std::size_t>(model.number("dim_aparam")),
                      0.2);
  return atoms;
}

inline bool all_finite(const std::vector<double>& numbers) {
  for (const double number : numbers)
    if (!std::isfinite(number)) return false;
  return true;
}
