// SPDX-License-Identifier: LGPL-3.0-or-later
#include "model.hpp"

#include <filesystem>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "checks.hpp"
#include "deepmd/atom_part.hpp"
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

// The results for all atoms, from those of their parts.
class SumOfParts {
 public:
  SumOfParts(const Record& record, const deepmd_atoms& all, std::int32_t wanted) {
    for (const OutputSpec& output : record.outputs) {
      if (!output.is_wanted(wanted)) continue;
      const auto shape = output.shape(all.nloc, all.nall);
      // of no atoms all is zero
      sums_.push_back({&output, shape, std::vector<double>(size_of(shape), 0.0), all.nloc == 0});
    }
  }

  void add(const deepmd_array& result, const AtomPart& part) {
    for (Sum& sum : sums_) {
      if (sum.output->name != result.name) continue;
      sum.is_given = true;
      if (sum.output->is_of_local() || sum.output->is_of_all()) {
        const std::int64_t natoms = sum.shape[sum.shape.size() - 2];
        add_rows(result, natoms, [&](std::int64_t row) { return part.order()[row]; }, sum.numbers);
        continue;
      }
      const auto* numbers = static_cast<const double*>(result.data);
      for (double& each : sum.numbers) each += *numbers++;
    }
  }

  void hand_on(const Take& take) const {
    for (const Sum& sum : sums_)
      if (sum.is_given)
        take({sum.output->name.c_str(), DEEPMD_FLOAT64, static_cast<std::int32_t>(sum.shape.size()),
              sum.shape.data(), sum.numbers.data()});
  }

 private:
  struct Sum {
    const OutputSpec* output;
    std::vector<std::int64_t> shape;
    std::vector<double> numbers;
    bool is_given;
  };
  std::vector<Sum> sums_;
};

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
  // graphs and engines need not know of it
  if (atoms.nloc == 0) return SumOfParts(record_, atoms, wanted).hand_on(take);
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
    return run_graph(plugin_, handle_, record_, atoms, wanted, take);
  const std::int64_t nparts = (atoms.nloc + atoms_of_part_ - 1) / atoms_of_part_;
  SumOfParts sums(record_, atoms, wanted);
  for (std::int64_t k = 0; k < nparts; ++k) {
    std::vector<std::int64_t> local((k + 1) * atoms.nloc / nparts - k * atoms.nloc / nparts);
    std::iota(local.begin(), local.end(), k * atoms.nloc / nparts);
    const AtomPart part(atoms, std::move(local), record_.dim_aparam);
    run_graph(plugin_, handle_, record_, part.atoms(), wanted,
              [&](const deepmd_array& result) { sums.add(result, part); });
  }
  sums.hand_on(take);
}

}  // namespace deepmd
