// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The fields of a serialized protobuf message (see deepmd_tf/wire_format.py), so that a file is
// read before TensorFlow sees it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace deepmd {

/// A field's number, all of its bytes, and those of its value.
struct Field {
  std::uint64_t number;
  std::string_view whole;
  std::string_view value;
};

namespace detail {

[[noreturn]] inline void refuse_message() {
  throw std::invalid_argument("it is damaged, or no message of protobuf; get the file again");
}

/// An integer at the start of the bytes, which are then those after it.
inline std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    value |= std::uint64_t(byte & 127) << shift;
    if (byte < 128) return value;
  }
  refuse_message();
}

/// Bytes that a value of this kind has, at the start of these, from which its length is taken.
inline std::uint64_t take_size(std::uint64_t kind, std::string_view& bytes) {
  std::string_view rest = bytes;
  switch (kind) {
    case 0:
      take_varint(rest);
      return bytes.size() - rest.size();
    case 1:
      return 8;
    case 2:
      return take_varint(bytes);
    case 5:
      return 4;
    default:
      refuse_message();
  }
}

}  // namespace detail

/// The fields of a message; std::invalid_argument where the bytes are none.
inline std::vector<Field> fields(std::string_view message) {
  std::vector<Field> found;
  while (!message.empty()) {
    std::string_view rest = message;
    const std::uint64_t key = detail::take_varint(rest), size = detail::take_size(key & 7, rest);
    if (size > rest.size()) detail::refuse_message();
    const std::size_t used = message.size() - rest.size() + size;
    found.push_back({key >> 3, message.substr(0, used), rest.substr(0, size)});
    message.remove_prefix(used);
  }
  return found;
}

/// The value of the first field of this number; none where there is no such field.
inline std::string_view field(std::string_view message, std::uint64_t number) {
  for (const auto& each : fields(message))
    if (each.number == number) return each.value;
  return {};
}

/// All values of fields within fields, whose numbers these are, the outermost one's first.
inline std::set<std::string> values(std::string_view message, std::vector<std::uint64_t> path) {
  if (path.empty()) return {std::string(message)};
  std::set<std::string> found;
  for (const auto& each : fields(message))
    if (each.number == path[0]) found.merge(values(each.value, {path.begin() + 1, path.end()}));
  return found;
}

/// A map, which is a field for each entry, with the key first.
inline std::map<std::string, std::string_view> entries(std::string_view message,
                                                       std::uint64_t number) {
  std::map<std::string, std::string_view> found;
  for (const auto& each : fields(message))
    if (each.number == number) found.emplace(field(each.value, 1), field(each.value, 2));
  return found;
}

}  // namespace deepmd
