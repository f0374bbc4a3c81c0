// SPDX-License-Identifier: LGPL-3.0-or-later
#include "model_file.hpp"

#include <algorithm>
#include <stdexcept>

#include "error.h"
#include "lammps.h"

namespace deepmd_lammps {
namespace {

// The text with the file's name before it, once.
std::string naming(const std::string& path, const std::string& text) {
  return text.rfind(path, 0) == 0 ? text : path + ": " + text;
}

}  // namespace

void Results::store(const std::string& kind, const deepmd_array& result) {
  std::size_t size = 1;
  for (std::int32_t axis = 0; axis < result.ndim; ++axis) size *= result.shape[axis];
  const auto* data = static_cast<const double*>(result.data);
  arrays_[kind].assign(data, data + size);
  given_.insert(kind);
}

std::vector<double>& Results::at(const std::string& kind) {
  if (!has(kind)) throw std::runtime_error("the model gave no results of the kind " + kind + ".");
  return arrays_[kind];
}

ModelFile::ModelFile(const std::string& path, const deepmd_open_options& options,
                     LAMMPS_NS::LAMMPS* lmp)
    : path_(path) {
  deepmd_error error{};
  handle_.reset(deepmd_open(path.c_str(), &options, &error));
  std::string reason = naming(path, error.text);
  if (handle_ == nullptr && options.device >= 0) {
    const deepmd_open_options on_cpu{options.nthreads, -1};
    handle_.reset(deepmd_open(path.c_str(), &on_cpu, &error));
    if (handle_ != nullptr) lmp->error->warning(FLERR, reason + " It is computed on the CPU.");
    reason = naming(path, error.text);
  }
  if (handle_ == nullptr) throw std::runtime_error(reason);
  record_ = deepmd::Record(deepmd_record(handle_.get()));
}

bool ModelFile::uses_empty_type() const {
  return std::any_of(record_.lists.begin(), record_.lists.end(),
                     [](const deepmd::ListSpec& list) { return !list.by_type; });
}

void ModelFile::set_charge_spin(std::int64_t charge, std::int64_t spin) {
  deepmd_error error{};
  if (deepmd_set_charge_spin(handle_.get(), charge, spin, &error) != 0)
    throw std::runtime_error(naming(path_, error.text));
}

void ModelFile::compute(const deepmd_atoms& atoms, std::int32_t wanted, Results& results) {
  auto store = [&](const deepmd_array& result) {
    if (const deepmd::OutputSpec* output = record_.main_output(result.name))
      results.store(output->kind, result);
  };
  using Store = decltype(store);
  const deepmd_take take = [](void* receiver, const deepmd_array* result) {
    (*static_cast<Store*>(receiver))(*result);
  };
  results.clear();
  deepmd_error error{};
  deepmd_atoms seen = atoms;
  if (!record_.is_message_passing) {  // what is wide for another model's messages are ghosts to it
    seen.nloc = seen.nowned;
    while (seen.ncenter > 0 && seen.center[seen.ncenter - 1] >= seen.nowned) --seen.ncenter;
    seen.mapping = nullptr;
  }
  if (deepmd_compute(handle_.get(), &seen, wanted, take, &store, &error) != 0)
    throw std::runtime_error(naming(path_, error.text));
}

}  // namespace deepmd_lammps
