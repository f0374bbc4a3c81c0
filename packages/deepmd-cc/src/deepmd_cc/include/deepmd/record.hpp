// SPDX-License-Identifier: LGPL-3.0-or-later
//
// What a model's file says of it: the record of deepmd_dp/kit/metadata.py (docs/files.md). Needs
// nlohmann/json.hpp.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "deepmd/backend_plugin.h"

namespace deepmd {

/// Words in one line.
inline std::string joined(const std::vector<std::string>& words, const char* between = " ") {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

struct ListSpec {
  double rcut = 0;  ///< [Å]
  bool by_type = false;
  std::vector<std::int64_t> widths;  ///< of the blocks, which hold the nearest; empty: any
};

/// An array that a graph takes.
struct InputSpec {
  std::string name;
  std::vector<std::string> axes;  ///< sizes: numbers, or names of open ones
  std::string dtype;              ///< float64 or int64
};

struct OutputSpec {
  std::string name;
  std::string kind;              ///< sum, atom, force, virial, atom_virial
  std::int64_t ncomponents = 1;  ///< of one atom's value
  bool is_scalar = true;         ///< whether derivatives lack the axis of the components

  /// Whether it has a row for each local atom; for each atom, ghosts included.
  bool is_of_local() const { return kind == "atom"; }
  bool is_of_all() const { return kind == "force" || kind == "atom_virial"; }

  /// Whether a caller gets it: sums and forces in any case.
  bool is_wanted(std::int32_t wanted) const {
    if (kind == "atom") return (wanted & DEEPMD_ATOMIC_VALUES) != 0;
    return kind != "atom_virial" || (wanted & DEEPMD_ATOMIC_VIRIALS) != 0;
  }

  /// Of the array, without the axis of the frames.
  std::vector<std::int64_t> shape(std::int64_t nloc, std::int64_t nall) const {
    if (kind == "sum") return {ncomponents};
    if (kind == "atom") return {nloc, ncomponents};
    std::vector<std::int64_t> shape;
    if (!is_scalar) shape.push_back(ncomponents);
    if (kind != "virial") shape.push_back(nall);
    shape.push_back(kind == "force" ? 3 : 9);
    return shape;
  }
};

struct Record {
  static constexpr int kVersion = 1;

  std::string text;  ///< the whole record, JSON
  std::string digest;
  std::vector<std::string> type_map;
  double rcut = 0;  ///< largest cut-off [Å]
  bool is_message_passing = false;
  double receptive_field = 0;  ///< how far an atom's output depends on others [Å]; 0: not known
  std::vector<std::pair<std::int32_t, std::int32_t>> pair_exclude_types;
  std::vector<std::int32_t> sel_types;  ///< types that have the first output
  bool has_means = false;  ///< an output of the frame is the atoms' mean, not their sum
  std::int64_t dim_fparam = 0;
  std::int64_t dim_aparam = 0;
  std::vector<double> default_fparam;  ///< empty: there is none
  bool takes_charge_spin = false;
  std::vector<std::int64_t> charge_spin;  ///< charge [e] and spin; empty: no default
  std::vector<ListSpec> lists;
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;

  Record() = default;

  /// Throws std::invalid_argument, in one line, where the text is no record or a newer one.
  explicit Record(std::string_view json) : text(json) {
    try {
      const auto record = nlohmann::json::parse(json);
      const int version = record.at("version");
      if (version > kVersion)
        throw std::invalid_argument("it is of version " + std::to_string(version) +
                                    ", this program reads up to " + std::to_string(kVersion) +
                                    ": update it");
      digest = record.value("digest", "");
      read_model(record.at("model"));
      for (const auto& row : record.at("lists")) lists.push_back(list_of(row));
      for (const auto& row : record.at("inputs")) inputs.push_back(input_of(row));
      for (const auto& row : record.at("outputs")) outputs.push_back(output_of(row));
    } catch (const nlohmann::json::exception&) {
      // what it says may quote bytes of the file that are no text
      throw std::invalid_argument("its record cannot be read; the file is damaged");
    }
  }

  std::int32_t ntypes() const { return static_cast<std::int32_t>(type_map.size()); }
  bool has_default_fparam() const { return !default_fparam.empty(); }

  /// Throws std::invalid_argument, in one line, for what the model has no vector for.
  void set_charge_spin(std::int64_t charge, std::int64_t spin) {
    if (!takes_charge_spin)
      throw std::invalid_argument("charge_spin is given, but the model takes none.");
    if (std::abs(charge + 0.5) > 100 || std::abs(spin - 49.5) > 50)
      throw std::invalid_argument("charge_spin is " + std::to_string(charge) + " " +
                                  std::to_string(spin) +
                                  "; expected a charge from -100 to 99 and a spin from 0 to 99.");
    charge_spin = {charge, spin};
  }

  /// The output of this name, or the first of this kind; nullptr where there is none.
  const OutputSpec* output(std::string_view name) const {
    for (const OutputSpec& each : outputs)
      if (each.name == name) return &each;
    return nullptr;
  }
  const OutputSpec* output_of_kind(std::string_view kind) const {
    for (const OutputSpec& each : outputs)
      if (each.kind == kind) return &each;
    return nullptr;
  }

  /// The output of this name where it is the first of its kind, which is what programs are given.
  const OutputSpec* main_output(std::string_view name) const {
    const OutputSpec* found = output(name);
    return found != nullptr && found == output_of_kind(found->kind) ? found : nullptr;
  }

  /// What a program gives it, for people: "types O H, fparam of 0 numbers, aparam of 0".
  std::string takes() const {
    return "types " + joined(type_map) + ", fparam of " + std::to_string(dim_fparam) +
           " numbers, aparam of " + std::to_string(dim_aparam) +
           (takes_charge_spin ? ", charge_spin" : "");
  }

  /// Throws std::invalid_argument, in one line behind the file's name, where a model is used beside
  /// another one that takes other things.
  void require_inputs_of(const Record& other, const std::string& path) const {
    if (takes() != other.takes())
      throw std::invalid_argument(path + ": the model takes " + takes() + ", another one " +
                                  other.takes() + "; take models of the same.");
  }

  /// Throw std::invalid_argument, in one line behind the file's name, where the model is no
  /// potential, or has no tensor of each atom.
  void require_potential(const std::string& path) const {
    if (!is_potential())
      refuse(path,
             "no energy with forces; tensors are for DeepTensor and `compute deeptensor/atom`.");
  }
  void require_tensor(const std::string& path) const {
    if (is_potential() || output_of_kind("atom") == nullptr)
      refuse(path, "no tensor of each atom; potentials are for DeepPot and `pair_style deepmd`.");
  }

 private:
  bool is_potential() const {
    return output("energy") != nullptr && output_of_kind("force") != nullptr;
  }

  [[noreturn]] void refuse(const std::string& path, const char* lacking) const {
    std::vector<std::string> names;
    for (const OutputSpec& each : outputs) names.push_back(each.name);
    throw std::invalid_argument(path + ": the model gives " + joined(names, ", ") + ", but " +
                                lacking);
  }

  void read_model(const nlohmann::json& model) {
    model.at("type_map").get_to(type_map);
    model.at("rcut").get_to(rcut);
    model.at("is_message_passing").get_to(is_message_passing);
    receptive_field = model.value("receptive_field", is_message_passing ? 0.0 : rcut);
    model.at("pair_exclude_types").get_to(pair_exclude_types);
    std::vector<std::int32_t> all(type_map.size());
    std::iota(all.begin(), all.end(), 0);
    sel_types = model.value("sel_types", all);
    has_means = model.value("has_means", false);
    model.at("dim_fparam").get_to(dim_fparam);
    model.at("dim_aparam").get_to(dim_aparam);
    const auto& fparam = model.at("default_fparam");
    if (!fparam.is_null()) fparam.get_to(default_fparam);
    takes_charge_spin = model.contains("default_charge_spin");
    if (const auto pair = model.value("default_charge_spin", charge_spin); pair.size() == 2)
      set_charge_spin(pair[0], pair[1]);
  }

  static ListSpec list_of(const nlohmann::json& row) {
    ListSpec list{row.at("rcut"), row.at("by_type"), {}};
    if (!row.at("widths").is_null()) row.at("widths").get_to(list.widths);
    return list;
  }

  static InputSpec input_of(const nlohmann::json& row) {
    InputSpec input{row.at("name"), {}, row.at("dtype")};
    for (const auto& axis : row.at("axes"))
      input.axes.push_back(axis.is_number() ? std::to_string(axis.get<std::int64_t>())
                                            : axis.get<std::string>());
    return input;
  }

  /// Components are the last axis of a value, and the one after the frames of a vector's
  /// derivatives. What is of several words is not for C++ (deepmd_dp/kit/metadata.py).
  static OutputSpec output_of(const nlohmann::json& row) {
    OutputSpec output{row.at("name"), row.at("kind")};
    if (output.kind.find(' ') + 1) throw std::invalid_argument("it gives " + output.kind);
    const auto& axes = row.at("axes");
    const bool is_value = output.kind == "sum" || output.kind == "atom";
    output.is_scalar = is_value || axes.size() == (output.kind == "virial" ? 2u : 3u);
    if (is_value || !output.is_scalar) output.ncomponents = axes.at(is_value ? axes.size() - 1 : 1);
    return output;
  }
};

}  // namespace deepmd
