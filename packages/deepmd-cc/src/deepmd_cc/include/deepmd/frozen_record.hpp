// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The record of a frozen file (docs/files.md): what its graph takes and gives, and the digest of
// what it computes with, checked before a framework sees the file. Needs nlohmann/json.hpp.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "deepmd/sha256.hpp"

namespace deepmd {

/// Name and content of a piece of a file.
using Part = std::pair<std::string, std::string_view>;

/// SHA-256 of named parts, whatever their order: of name, a zero byte, length in 8 bytes, content.
inline std::string digest_of(std::vector<Part> parts) {
  std::sort(parts.begin(), parts.end());
  Sha256 digest;
  for (const auto& [name, content] : parts) {
    char size[8];
    for (int i = 0; i < 8; ++i) size[i] = char(std::uint64_t(content.size()) >> (8 * i));
    digest.update(name);
    digest.update(std::string_view("\0", 1));
    digest.update(std::string_view(size, 8));
    digest.update(content);
  }
  return digest.hex();
}

/// An array that a graph takes or gives.
struct ArrayDef {
  std::string name;
  std::vector<std::string> axes;  ///< sizes: numbers, or names of open ones
  std::string dtype;              ///< float64 or int64
};

/// What a graph's caller and its plug-in must know of a frozen file.
struct FrozenRecord {
  static constexpr int kVersion = 1;

  std::string text;  ///< the whole record, JSON
  std::vector<ArrayDef> inputs;
  std::vector<ArrayDef> outputs;

  FrozenRecord() = default;

  /// That of a file with these parts; std::invalid_argument where it is none of ours, damaged, or
  /// of a newer version.
  FrozenRecord(std::string_view json, std::vector<Part> parts) : text(json) {
    if (json.empty())
      throw std::invalid_argument(
          "it has no record, so that it is damaged or of another program; convert the model by "
          "`dp convert-backend`");
    try {
      const auto record = nlohmann::json::parse(json);
      const int version = record.at("version");
      if (version > kVersion)
        throw std::invalid_argument("it is of version " + std::to_string(version) +
                                    ", this program reads up to " + std::to_string(kVersion) +
                                    ": update it");
      if (record.at("digest") != digest_of(std::move(parts)))
        throw std::invalid_argument(
            "it is damaged: its contents are not what was written; get the file again");
      inputs = definitions(record.at("inputs"));
      outputs = definitions(record.at("outputs"));
    } catch (const nlohmann::json::exception&) {
      // what it says may quote bytes of the file that are no text
      throw std::invalid_argument("its record cannot be read; the file is damaged");
    }
  }

 private:
  static std::vector<ArrayDef> definitions(const nlohmann::json& rows) {
    std::vector<ArrayDef> found;
    for (const auto& row : rows) {
      ArrayDef each{row.at("name"), {}, row.at("dtype")};
      for (const auto& axis : row.at("axes"))
        each.axes.push_back(axis.is_number() ? std::to_string(axis.get<std::int64_t>())
                                             : axis.get<std::string>());
      found.push_back(std::move(each));
    }
    return found;
  }
};

/// All bytes of a file.
inline std::string read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  // of an empty file there is nothing to copy, which counts as a failure
  if (!(file && (file.peek() == EOF || content << file.rdbuf())) || file.bad())
    throw std::invalid_argument(path + " cannot be read: " + std::strerror(errno));
  return content.str();
}

}  // namespace deepmd
