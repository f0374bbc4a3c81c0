// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A graph and its session, by TensorFlow's C interface.
#pragma once

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
    if (tf().GetCode(*this) != TF_OK) throw std::runtime_error(tf().Message(*this));
  }

 private:
  std::unique_ptr<TF_Status, void (*)(TF_Status*)> status_{tf().NewStatus(), tf().DeleteStatus};
};

template <class T>
using Handle = std::unique_ptr<T, void (*)(T*)>;

/// A ConfigProto: threads, and the CPU alone or one GPU. All sessions of a process share the
/// threads; the first one says how many.
inline std::string config_of(const deepmd_open_options& options) {
  std::string config;
  const auto add = [&](char key, const std::string& value) {
    config += key;
    config += char(value.size());
    config += value;
  };
  if (options.nthreads > 0)  // within an operation, and operations at a time
    for (const char key : {0x10, 0x28}) (config += key) += char(options.nthreads & 127);
  if (options.device < 0)
    add(0x0a, std::string("\x0a\x03GPU\x10\x00", 7));  // device_count: none
  else  // gpu_options: memory as it is needed, visible_device_list
    add(0x32, std::string("\x20\x01\x2a\x01", 4) + char('0' + options.device % 10));
  return config;
}

class Session {
 public:
  /// Of a GraphDef.
  Session(const std::string& definition, const deepmd_open_options& options) {
    const Status status;
    const Handle<TF_Buffer> buffer(tf().NewBufferFromString(definition.data(), definition.size()),
                                   tf().DeleteBuffer);
    const Handle<TF_ImportGraphDefOptions> plain(tf().NewImportGraphDefOptions(),
                                                 tf().DeleteImportGraphDefOptions);
    tf().GraphImportGraphDef(graph_.get(), buffer.get(), plain.get(), status);
    status.check();
    session_.reset(tf().NewSession(graph_.get(), session_options(options).get(), status));
    status.check();
  }

  /// Of the folder of a SavedModel; gives its MetaGraphDef.
  Session(const std::string& folder, const deepmd_open_options& options, std::string& definition) {
    const Status status;
    const Handle<TF_Buffer> buffer(tf().NewBuffer(), tf().DeleteBuffer);
    const char* tag = "serve";
    session_.reset(tf().LoadSessionFromSavedModel(session_options(options).get(), nullptr,
                                                  folder.c_str(), &tag, 1, graph_.get(),
                                                  buffer.get(), status));
    status.check();
    definition.assign(static_cast<const char*>(buffer->data), buffer->length);
  }

  /// A tensor by its name, such as `atype:0`; without a number the first of the operation.
  TF_Output find(const std::string& name) const {
    const std::size_t colon = name.find(':');
    const int index = colon == std::string::npos ? 0 : std::stoi(name.substr(colon + 1));
    TF_Operation* operation =
        tf().GraphOperationByName(graph_.get(), name.substr(0, colon).c_str());
    if (operation == nullptr) throw std::invalid_argument("its graph has no tensor " + name);
    return {operation, index};
  }

  std::vector<Handle<TF_Tensor>> run(const std::vector<TF_Output>& inputs,
                                     const std::vector<Handle<TF_Tensor>>& values,
                                     const std::vector<TF_Output>& outputs) const {
    std::vector<TF_Tensor*> given, found(outputs.size());
    for (const auto& value : values) given.push_back(value.get());
    const Status status;
    tf().SessionRun(session_.get(), nullptr, inputs.data(), given.data(), int(given.size()),
                    outputs.data(), found.data(), int(found.size()), nullptr, 0, nullptr, status);
    std::vector<Handle<TF_Tensor>> results;
    for (TF_Tensor* tensor : found) results.emplace_back(tensor, tf().DeleteTensor);
    status.check();
    return results;
  }

 private:
  Handle<TF_Graph> graph_{tf().NewGraph(), tf().DeleteGraph};
  Handle<TF_Session> session_{nullptr, [](TF_Session* session) {
                                const Status ignored;
                                tf().CloseSession(session, ignored);
                                tf().DeleteSession(session, ignored);
                              }};

  static Handle<TF_SessionOptions> session_options(const deepmd_open_options& options) {
    const Status status;
    Handle<TF_SessionOptions> made(tf().NewSessionOptions(), tf().DeleteSessionOptions);
    const std::string config = config_of(options);
    tf().SetConfig(made.get(), config.data(), config.size(), status);
    status.check();
    return made;
  }
};

}  // namespace deepmd_tf
