// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A plug-in of kind graph (deepmd/backend_plugin.h) made of a class in C++: what is the same for
// every framework.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "deepmd/backend_plugin.h"
#include "deepmd/frozen_record.hpp"
#include "deepmd/guarded.hpp"

namespace deepmd {

/// The arrays that a graph is given, in the record's order; others are passed over.
///
/// Throws std::invalid_argument where one is missing or has another type or shape than the record
/// says: a framework may abort on these.
inline std::vector<deepmd_array> match_inputs(const Record& record, const deepmd_array* inputs,
                                              int32_t ninputs) {
  std::map<std::string, std::string> sizes;  // of the open ones, in digits
  std::vector<deepmd_array> matched;
  for (const auto& expected : record.inputs) {
    const auto found = std::find_if(inputs, inputs + ninputs, [&](const deepmd_array& each) {
      return each.name == expected.name;
    });
    if (found == inputs + ninputs)
      throw std::invalid_argument("the model needs the input " + expected.name +
                                  ", see its metadata");
    bool fits = found->dtype == (expected.dtype == "int64" ? DEEPMD_INT64 : DEEPMD_FLOAT64) &&
                found->ndim == int32_t(expected.axes.size());
    for (int32_t k = 0; fits && k < found->ndim; ++k) {
      const std::string& axis = expected.axes[k];
      const std::string size = std::to_string(found->shape[k]);
      const bool is_number = axis.find_first_not_of("0123456789") == std::string::npos;
      fits = found->shape[k] >= 0 &&
             size == (is_number ? axis : sizes.try_emplace(axis, size).first->second);
    }
    if (!fits)
      throw std::invalid_argument("the input " + expected.name +
                                  " has another type or shape than the model's metadata say");
    matched.push_back(*found);
  }
  return matched;
}

/// Whether a file's form with operators is to be taken where it has one and they are installed:
/// they run on the CPU, and the environment variable turns them off (deepmd_dp/kit/kernels.py).
inline bool are_kernels_wanted(const deepmd_open_options& options) {
  const char* const plain = std::getenv("DP_PLAIN_OPS");
  return options.device < 0 && (plain == nullptr || std::string(plain) != "1");
}

/// Throws for an operator that no model of ours needs, see deepmd_dp/kit/operators.py.
inline void refuse_operators(const std::set<std::string>& found,
                             const std::set<std::string>& ours) {
  const char* const any = std::getenv("DP_ANY_OPERATOR");
  if (any != nullptr && std::string(any) == "1") return;
  for (const auto& each : found)
    if (ours.count(each) == 0)
      throw std::runtime_error("it has the operator " + each + ", which no model of ours needs;" +
                               " where you trust who gave it, set DP_ANY_OPERATOR=1");
}

/// The plug-in of a class `Model` that has
///
///     Model(const std::string& path, const deepmd_open_options& options);
///     const Record& record() const;
///     bool compiles_shapes() const;
///     void run(const std::vector<deepmd_array>& inputs, deepmd_take take, void* receiver);
///
/// whose functions may throw, with inputs in the record's order. What the first one says gets the
/// path before it, unless it is in there. A result is given with the name that the record has for
/// it.
template <class Model>
struct GraphPlugin {
  static deepmd_plugin make(const char* name, const char* suffixes) {
    return {DEEPMD_PLUGIN_ABI, name,    suffixes, open, record, run_graph,
            compiles_shapes,   nullptr, close};
  }

 private:
  static void* open(const char* path, const deepmd_open_options* options, deepmd_error* error) {
    Model* const model =
        guarded(error, static_cast<Model*>(nullptr), [&] { return new Model(path, *options); });
    // in which of several files something is wrong, a message says itself
    if (model == nullptr && std::strstr(error->text, path) == nullptr)
      set_error(error, std::string(path) + ": " + error->text);
    return model;
  }

  static const char* record(void* model) {
    return static_cast<Model*>(model)->record().text.c_str();
  }

  static int run_graph(void* model, const deepmd_array* inputs, int32_t ninputs, deepmd_take take,
                       void* receiver, deepmd_error* error) {
    return guarded(error, 1, [&] {
      auto& self = *static_cast<Model*>(model);
      self.run(match_inputs(self.record(), inputs, ninputs), take, receiver);
      return 0;
    });
  }

  static int compiles_shapes(void* model) { return static_cast<Model*>(model)->compiles_shapes(); }

  static void close(void* model) {
    deepmd_error ignored;
    guarded(&ignored, 0, [&] { return delete static_cast<Model*>(model), 0; });
  }
};

}  // namespace deepmd
