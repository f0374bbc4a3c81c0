// SPDX-License-Identifier: LGPL-3.0-or-later
#include "model.hpp"

#include <filesystem>
#include <stdexcept>

#include "atom_parts.hpp"
#include "checks.hpp"
#include "freed_memory.hpp"
#include "ghosts.hpp"
#include "graph_inputs.hpp"
#include "plugins.hpp"
#include "result_rows.hpp"

namespace deepmd {
namespace {

// Local atoms that a graph gets at once: enough for products of matrices at full speed, and with
// default nets half a gigabyte; a GPU is faster with many, and holds them.
constexpr std::int64_t kAtomsOfPart = 512, kAtomsOfPartOnGpu = 16384;

void forward(void* receiver, const deepmd_array* result) {
  (*static_cast<const Take*>(receiver))(*result);
}

// What a frame without atoms gives; graphs and engines need not know of it.
void take_zeros(const Record& record, const deepmd_atoms& atoms, std::int32_t wanted,
                const Take& take) {
  for (const OutputSpec& output : record.outputs) {
    if (!output.is_wanted(wanted)) continue;
    const std::vector<std::int64_t> shape = output.shape(atoms.nloc, atoms.nall);
    const std::vector<double> zeros(size_of(shape), 0.0);
    take({output.name.c_str(), DEEPMD_FLOAT64, static_cast<std::int32_t>(shape.size()),
          shape.data(), zeros.data()});
  }
}

const deepmd_plugin& plugin_of_file(const std::string& path) {
  if (!std::filesystem::exists(path)) throw std::runtime_error(path + ": there is no such file.");
  return plugin_for(path);
}

}  // namespace

Model::Model(const std::string& path, const deepmd_open_options& options)
    : plugin_(plugin_of_file(path)),
      nthreads_(options.nthreads),
      atoms_of_part_(options.device < 0 ? kAtomsOfPart : kAtomsOfPartOnGpu) {
  if (plugin_.compute == nullptr) keep_freed_memory();
  deepmd_error error{};
  handle_ = plugin_.open(path.c_str(), &options, &error);
  if (handle_ == nullptr) throw std::runtime_error(error.text);
  try {
    record_ = Record(plugin_.record(handle_));
  } catch (const std::invalid_argument& refused) {
    plugin_.close(handle_);
    throw std::runtime_error(path + ": " + refused.what());
  }
}

void Model::compute(const deepmd_frame& frame, std::int32_t wanted, const Take& take) const {
  const GhostFrame ghosts(frame, record_.rcut, nthreads_);
  compute(ghosts.atoms(), wanted, [&](const deepmd_array& result) {
    const OutputSpec* output = record_.output(result.name);
    if (output != nullptr && output->is_of_all())
      ghosts.take_folded(result, take);
    else
      take(result);
  });
}

void Model::compute(const deepmd_atoms& atoms, std::int32_t wanted, const Take& take) const {
  deepmd_atoms complete = atoms;
  if (complete.fparam == nullptr && record_.has_default_fparam())
    complete.fparam = record_.default_fparam.data();
  check_atoms(complete, record_);
  if (atoms.nloc == 0) return take_zeros(record_, atoms, wanted, take);
  std::string odd;  // what is not finite is kept back; it is said when the plug-in has returned
  run(complete, wanted, [&](const deepmd_array& result) {
    if (odd.empty() && !is_finite(result)) odd = result.name;
    if (odd.empty()) take(result);
  });
  if (!odd.empty()) refuse_result(odd, complete);
}

void Model::run(const deepmd_atoms& atoms, std::int32_t wanted, const Take& take) const {
  if (plugin_.compute != nullptr) {
    deepmd_error error{};
    if (plugin_.compute(handle_, &atoms, wanted, &forward, const_cast<Take*>(&take), &error) != 0)
      throw std::runtime_error(error.text);
    return;
  }
  if (record_.is_message_passing || record_.has_means || atoms.nloc <= atoms_of_part_)
    return run_graph(atoms, wanted, take);
  const std::int64_t nparts = (atoms.nloc + atoms_of_part_ - 1) / atoms_of_part_;
  SumOfParts sums(record_, atoms);
  for (std::int64_t k = 0; k < nparts; ++k) {
    const AtomPart part(atoms, k * atoms.nloc / nparts, (k + 1) * atoms.nloc / nparts,
                        record_.dim_aparam);
    run_graph(part.atoms(), wanted, [&](const deepmd_array& result) { sums.add(result, part); });
  }
  sums.hand_on(take);
}

void Model::run_graph(const deepmd_atoms& atoms, std::int32_t wanted, const Take& take) const {
  const bool padded = plugin_.compiles_shapes != nullptr && plugin_.compiles_shapes(handle_) != 0;
  const GraphInputs inputs(record_, atoms, padded);
  const Take without_padding = [&](const deepmd_array& result) {
    inputs.take_unpadded(result, wanted, take);
  };
  deepmd_error error{};
  if (plugin_.run_graph(handle_, inputs.arrays().data(),
                        static_cast<std::int32_t>(inputs.arrays().size()), &forward,
                        const_cast<Take*>(&without_padding), &error) != 0)
    throw std::runtime_error(error.text);
}

}  // namespace deepmd
