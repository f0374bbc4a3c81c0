// SPDX-License-Identifier: LGPL-3.0-or-later
#include "model_file.hpp"

#include <algorithm>
#include <stdexcept>

namespace deepmd_lammps {
namespace {

void store(void* receiver, const deepmd_array* result) {
  static_cast<Results*>(receiver)->store(*result);
}

// The text with the file's name before it, once.
std::string naming(const std::string& path, const std::string& text) {
  return text.rfind(path, 0) == 0 ? text : path + ": " + text;
}

}  // namespace

void Results::store(const deepmd_array& result) {
  std::size_t size = 1;
  for (std::int32_t axis = 0; axis < result.ndim; ++axis) size *= result.shape[axis];
  const auto* data = static_cast<const double*>(result.data);
  arrays_[result.name].assign(data, data + size);
  sizes_[result.name] = size;
}

std::vector<double>& Results::at(const std::string& name) {
  if (!has(name)) throw std::runtime_error("the model gave no " + name + ".");
  return arrays_[name];
}

ModelFile::ModelFile(const std::string& path, const deepmd_open_options& options) : path_(path) {
  deepmd_error error{};
  handle_.reset(deepmd_open(path.c_str(), &options, &error));
  if (handle_ == nullptr) throw std::runtime_error(naming(path, error.text));
  record_ = deepmd::Record(deepmd_record(handle_.get()));
}

bool ModelFile::uses_empty_type() const {
  return std::any_of(record_.lists.begin(), record_.lists.end(),
                     [](const deepmd::ListSpec& list) { return !list.by_type; });
}

void ModelFile::compute(const deepmd_atoms& atoms, std::int32_t wanted, Results& results) {
  results.clear();
  deepmd_error error{};
  if (deepmd_compute(handle_.get(), &atoms, wanted, &store, &results, &error) != 0)
    throw std::runtime_error(naming(path_, error.text));
}

}  // namespace deepmd_lammps
