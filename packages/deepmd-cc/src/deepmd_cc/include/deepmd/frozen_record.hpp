// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A frozen file's bytes and its record, with the digest of all it computes with, checked before a
// framework sees the file.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "deepmd/record.hpp"
#include "deepmd/sha256.hpp"

namespace deepmd {

/// Name and content of a piece of a file.
using Part = std::pair<std::string, std::string_view>;

/// SHA-256 of named parts, whatever their order: of name, a zero byte, length in 8 bytes, content.
inline std::string digest_of(std::vector<Part> parts) {
  std::sort(parts.begin(), parts.end());
  std::string all;
  for (const auto& [name, content] : parts) {
    (all += name) += '\0';
    for (int i = 0; i < 8; ++i) all += char(std::uint64_t(content.size()) >> (8 * i));
    all += content;
  }
  return sha256(all);
}

/// The record of a frozen file with these parts; std::invalid_argument where it is none of ours,
/// damaged, or of a newer version. The digest covers the record too, with no digest in it.
inline Record read_frozen(std::string_view text, std::vector<Part> parts) {
  if (text.empty())
    throw std::invalid_argument(
        "it has no record, so that it is damaged or of another program; convert the model by "
        "`dp convert-backend`");
  Record record(text);
  std::string rest = record.text;
  if (const std::size_t at = rest.find(record.digest); at != std::string::npos)
    rest.erase(at, record.digest.size());
  parts.emplace_back("record", rest);
  if (record.digest != digest_of(std::move(parts)))
    throw std::invalid_argument(
        "it is damaged: its contents are not what was written; get the file again");
  return record;
}

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
