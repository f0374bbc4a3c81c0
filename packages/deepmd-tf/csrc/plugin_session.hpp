// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A graph and its session, by TensorFlow's C interface.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "deepmd/backend_plugin.h"
#include "plugin_api.hpp"

namespace deepmd_tf {

/// How a call went.
class Status {
 public:
  operator TF_Status*() const { return status_.get(); }

  void check() const {
    if (DEEPMD_TF(GetCode)(*this) != TF_OK) throw std::runtime_error(DEEPMD_TF(Message)(*this));
  }

 private:
  std::unique_ptr<TF_Status, void (*)(TF_Status*)> status_{DEEPMD_TF(NewStatus)(),
                                                           DEEPMD_TF(DeleteStatus)};
};

/// Whether the operators beside this library are loaded, for this TensorFlow; once a process.
inline bool are_operators_loaded() {
  static const bool loaded = [] {
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(&are_operators_loaded), &info) == 0) return false;
    std::string version = DEEPMD_TF(Version)();
    version.replace(version.find('.'), 1, "_");
    const auto name = "libdeepmd_tf_ops_" + version.substr(0, version.rfind('.')) + ".so";
    const auto file = std::filesystem::path(info.dli_fname).replace_filename(name);
    const Status status;
    DEEPMD_TF(LoadLibrary)(file.c_str(), status);
    return DEEPMD_TF(GetCode)(status) == TF_OK;
  }();
  return loaded;
}

template <class T>
using Handle = std::unique_ptr<T, void (*)(T*)>;

/// A ConfigProto: threads, and the CPU alone or one GPU. All sessions of a process share the
/// threads; the first one says how many.
inline std::string config_of(const deepmd_open_options& options) {
  const auto with_size = [](char key, const std::string& value) {
    return key + (char(value.size()) + value);
  };
  std::string config;
  const char nthreads = char(std::clamp(options.nthreads, 0, 127));
  if (nthreads > 0)  // within an operation, and operations at a time
    for (const char key : {0x10, 0x28}) (config += key) += nthreads;
  if (options.device < 0)  // device_count: no GPU
    return config + with_size(0x0a, with_size(0x0a, "GPU") + std::string("\x10\0", 2));
  // gpu_options: memory as it is needed, visible_device_list
  const std::string visible = with_size(0x2a, std::to_string(options.device));
  return config + with_size(0x32, "\x20\x01" + visible);
}

class Session {
 public:
  /// Of a GraphDef.
  Session(const std::string& definition, const deepmd_open_options& options) {
    const Status status;
    const Handle<TF_Buffer> buffer(
        DEEPMD_TF(NewBufferFromString)(definition.data(), definition.size()),
        DEEPMD_TF(DeleteBuffer));
    const Handle<TF_ImportGraphDefOptions> plain(DEEPMD_TF(NewImportGraphDefOptions)(),
                                                 DEEPMD_TF(DeleteImportGraphDefOptions));
    DEEPMD_TF(GraphImportGraphDef)(graph_.get(), buffer.get(), plain.get(), status);
    status.check();
    session_.reset(DEEPMD_TF(NewSession)(graph_.get(), session_options(options).get(), status));
    status.check();
  }

  /// A tensor by its name, such as `atype:0`; without a number the first of the operation.
  TF_Output find(const std::string& name) const {
    const std::size_t colon = name.find(':');
    const int index = colon == std::string::npos ? 0 : std::stoi(name.substr(colon + 1));
    TF_Operation* operation =
        DEEPMD_TF(GraphOperationByName)(graph_.get(), name.substr(0, colon).c_str());
    if (operation == nullptr) throw std::invalid_argument("its graph has no tensor " + name);
    return {operation, index};
  }

  std::vector<Handle<TF_Tensor>> run(const std::vector<TF_Output>& inputs,
                                     const std::vector<Handle<TF_Tensor>>& values,
                                     const std::vector<TF_Output>& outputs) const {
    std::vector<TF_Tensor*> given, found(outputs.size());
    for (const auto& value : values) given.push_back(value.get());
    const Status status;
    DEEPMD_TF(SessionRun)(session_.get(), nullptr, inputs.data(), given.data(), int(given.size()),
                          outputs.data(), found.data(), int(found.size()), nullptr, 0, nullptr,
                          status);
    std::vector<Handle<TF_Tensor>> results;
    for (TF_Tensor* tensor : found) results.emplace_back(tensor, DEEPMD_TF(DeleteTensor));
    status.check();
    return results;
  }

 private:
  Handle<TF_Graph> graph_{DEEPMD_TF(NewGraph)(), DEEPMD_TF(DeleteGraph)};
  Handle<TF_Session> session_{nullptr, [](TF_Session* session) {
                                const Status ignored;
                                DEEPMD_TF(CloseSession)(session, ignored);
                                DEEPMD_TF(DeleteSession)(session, ignored);
                              }};

  static Handle<TF_SessionOptions> session_options(const deepmd_open_options& options) {
    const Status status;
    Handle<TF_SessionOptions> made(DEEPMD_TF(NewSessionOptions)(), DEEPMD_TF(DeleteSessionOptions));
    const std::string config = config_of(options);
    DEEPMD_TF(SetConfig)(made.get(), config.data(), config.size(), status);
    status.check();
    return made;
  }
};

}  // namespace deepmd_tf
