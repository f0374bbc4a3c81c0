// SPDX-License-Identifier: LGPL-3.0-or-later
#include "record.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace deepmd {
namespace {

using Json = nlohmann::json;

constexpr int newest_version = 1;

ListSpec read_list(const Json& entry) {
  ListSpec list;
  list.rcut = entry.at("rcut");
  list.by_type = entry.at("by_type");
  if (!entry.at("widths").is_null())
    list.widths = entry.at("widths").get<std::vector<std::int64_t>>();
  return list;
}

// Components are the last axis of a value, and the one after the frames of a vector's derivatives.
OutputSpec read_output(const Json& entry) {
  OutputSpec output;
  output.name = entry.at("name");
  output.kind = entry.at("kind");
  const Json& axes = entry.at("axes");
  if (output.kind == "sum" || output.kind == "atom") {
    output.ncomponents = axes.back();
    return output;
  }
  output.is_scalar = axes.size() == (output.kind == "virial" ? 2u : 3u);
  if (!output.is_scalar) output.ncomponents = axes.at(1);
  return output;
}

Record read_checked(const Json& json) {
  const Json& model = json.at("model");
  Record record;
  record.type_map = model.at("type_map").get<std::vector<std::string>>();
  record.rcut = model.at("rcut");
  record.is_message_passing = model.at("is_message_passing");
  record.receptive_field =
      model.value("receptive_field", record.is_message_passing ? 0.0 : record.rcut);
  record.pair_exclude_types =
      model.at("pair_exclude_types").get<std::vector<std::pair<std::int32_t, std::int32_t>>>();
  record.dim_fparam = model.at("dim_fparam");
  record.dim_aparam = model.at("dim_aparam");
  record.has_default_fparam = !model.at("default_fparam").is_null();
  if (record.has_default_fparam)
    record.default_fparam = model.at("default_fparam").get<std::vector<double>>();
  for (const Json& entry : json.at("lists")) record.lists.push_back(read_list(entry));
  for (const Json& entry : json.at("inputs")) record.inputs.push_back(entry.at("name"));
  for (const Json& entry : json.at("outputs")) record.outputs.push_back(read_output(entry));
  return record;
}

}  // namespace

Record read_record(const std::string& text, const std::string& where) {
  try {
    const Json json = Json::parse(text);
    if (json.at("version").get<int>() > newest_version)
      throw std::runtime_error(where + " is of version " + json.at("version").dump() +
                               ", this library reads up to " + std::to_string(newest_version) +
                               ": update deepmd-cc.");
    return read_checked(json);
  } catch (const Json::exception& error) {
    // the text of the error may hold bytes of the file, which need not be UTF-8
    throw std::runtime_error(where + ": its record cannot be read (error " +
                             std::to_string(error.id) + " of JSON); the file is damaged.");
  }
}

}  // namespace deepmd
