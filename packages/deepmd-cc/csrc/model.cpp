// SPDX-License-Identifier: LGPL-3.0-or-later
#include "model.hpp"

#include <filesystem>
#include <stdexcept>

#include "atoms_check.hpp"
#include "freed_memory.hpp"
#include "graph_inputs.hpp"
#include "plugins.hpp"

namespace deepmd {
namespace {

void forward(void* receiver, const deepmd_array* result) {
  (*static_cast<const Take*>(receiver))(*result);
}

// What a frame without atoms gives; graphs and engines need not know of it.
void take_zeros(const Record& record, const deepmd_atoms& atoms, std::int32_t wanted,
                const Take& take) {
  for (const OutputSpec& output : record.outputs) {
    if (output.kind == "atom" && !(wanted & DEEPMD_ATOMIC_VALUES)) continue;
    if (output.kind == "atom_virial" && !(wanted & DEEPMD_ATOMIC_VIRIALS)) continue;
    const std::vector<std::int64_t> shape = output.shape(atoms.nloc, atoms.nall);
    std::int64_t size = 1;
    for (const auto axis : shape) size *= axis;
    const std::vector<double> zeros(size, 0.0);
    take({output.name.c_str(), DEEPMD_FLOAT64, static_cast<std::int32_t>(shape.size()),
          shape.data(), zeros.data()});
  }
}

// A model that a plug-in holds.
class PluginModel : public ModelBackend {
 public:
  PluginModel(const deepmd_plugin& plugin, const std::string& path,
              const deepmd_open_options& options)
      : plugin_(plugin) {
    if (plugin.compute == nullptr) keep_freed_memory();
    deepmd_error error{};
    handle_ = plugin.open(path.c_str(), &options, &error);
    if (handle_ == nullptr) throw std::runtime_error(error.text);
    try {
      text_ = plugin.record(handle_);
      record_ = read_record(text_, path);
    } catch (...) {
      plugin.close(handle_);
      throw;
    }
  }
  ~PluginModel() override { plugin_.close(handle_); }
  PluginModel(const PluginModel&) = delete;
  PluginModel& operator=(const PluginModel&) = delete;

  const Record& record() const override { return record_; }
  const std::string& record_text() const override { return text_; }
  const char* name() const override { return plugin_.name; }

  void compute(const deepmd_atoms& atoms, std::int32_t wanted, const Take& take) override {
    check_atoms(atoms, record_);
    if (atoms.nloc == 0) return take_zeros(record_, atoms, wanted, take);
    deepmd_atoms complete = atoms;
    if (complete.fparam == nullptr && record_.has_default_fparam)
      complete.fparam = record_.default_fparam.data();
    deepmd_error error{};
    if (run(complete, wanted, take, error) != 0) throw std::runtime_error(error.text);
  }

 private:
  int run(const deepmd_atoms& atoms, std::int32_t wanted, const Take& take, deepmd_error& error) {
    void* receiver = const_cast<Take*>(&take);
    if (plugin_.compute != nullptr)
      return plugin_.compute(handle_, &atoms, wanted, &forward, receiver, &error);
    const bool padded = plugin_.compiles_shapes != nullptr && plugin_.compiles_shapes(handle_) != 0;
    const GraphInputs inputs(record_, atoms, padded);
    const Take without_padding = [&](const deepmd_array& result) {
      inputs.take_unpadded(result, wanted, take);
    };
    return plugin_.run_graph(handle_, inputs.arrays().data(),
                             static_cast<std::int32_t>(inputs.arrays().size()), &forward,
                             const_cast<Take*>(&without_padding), &error);
  }

  const deepmd_plugin& plugin_;
  void* handle_ = nullptr;
  std::string text_;
  Record record_;
};

}  // namespace

std::unique_ptr<ModelBackend> open_model(const std::string& path,
                                         const deepmd_open_options& options) {
  if (!std::filesystem::exists(path)) throw std::runtime_error(path + ": there is no such file.");
  return std::make_unique<PluginModel>(plugin_for(path), path, options);
}

}  // namespace deepmd
