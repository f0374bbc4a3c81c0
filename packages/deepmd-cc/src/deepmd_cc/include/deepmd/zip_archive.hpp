// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Zip archives whose members are stored as they are, not compressed.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace deepmd {

namespace detail {

/// Reads the directory at an archive's end.
class ZipReader {
 public:
  explicit ZipReader(std::string_view bytes) : bytes_(bytes) {}

  std::map<std::string, std::string_view> members() {
    const std::size_t end = bytes_.rfind(std::string_view("PK\5\6", 4));
    check(end != std::string_view::npos && end + kEndSize <= bytes_.size());
    const std::uint64_t count = number(end + 10, 2);
    std::uint64_t entry = number(end + 16, 4);
    for (std::uint64_t i = 0; i < count; ++i) entry = take_entry(entry);
    return std::move(members_);
  }

 private:
  static constexpr std::uint64_t kEndSize = 22, kEntrySize = 46, kHeaderSize = 30;

  std::string_view bytes_;
  std::map<std::string, std::string_view> members_;

  static void check(bool holds) {
    if (!holds)
      throw std::invalid_argument("it is damaged, or no archive of a model; get the file again");
  }

  /// The part of the bytes, which must be there.
  std::string_view part(std::uint64_t start, std::uint64_t size) const {
    check(start <= bytes_.size() && size <= bytes_.size() - start);
    return bytes_.substr(start, size);
  }

  /// An integer, the lowest byte first.
  std::uint64_t number(std::uint64_t start, int size) const {
    const std::string_view found = part(start, size);
    std::uint64_t value = 0;
    for (int i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(found[i]);
    return value;
  }

  /// Takes a row of the directory; gives where the next one is.
  std::uint64_t take_entry(std::uint64_t entry) {
    check(part(entry, kEntrySize).substr(0, 4) == std::string_view("PK\1\2", 4));
    const std::uint64_t method = number(entry + 10, 2), size = number(entry + 24, 4);
    const std::uint64_t name_size = number(entry + 28, 2), header = number(entry + 42, 4);
    check(method == 0 && size == number(entry + 20, 4));
    const std::string name(part(entry + kEntrySize, name_size));
    check(part(header, kHeaderSize).substr(0, 4) == std::string_view("PK\3\4", 4));
    const std::uint64_t start =
        header + kHeaderSize + number(header + 26, 2) + number(header + 28, 2);
    members_[name] = part(start, size);
    return entry + kEntrySize + name_size + number(entry + 30, 2) + number(entry + 32, 2);
  }
};

}  // namespace detail

/// The members by name; they are parts of the bytes given.
///
/// Throws std::invalid_argument where these are no such archive, for instance since some are
/// missing. Archives above 4 GiB are none.
inline std::map<std::string, std::string_view> zip_members(std::string_view bytes) {
  return detail::ZipReader(bytes).members();
}

}  // namespace deepmd
