// SPDX-License-Identifier: LGPL-3.0-or-later
//
// What is needed of the HDF5 File Format Specification, version 3.0, and no more: superblock 0,
// groups of symbol tables, object headers of version 1, contiguous data, attributes in headers.
#include <cstring>
#include <map>

#include "document.hpp"

namespace deepmd::engine {
namespace {

using Offset = std::uint64_t;

constexpr Offset kUndefined = ~Offset(0);
// of continued headers, and of nodes of trees: more would be a circle
constexpr int kDeepest = 32;
constexpr std::size_t kMost = 1000000;

[[noreturn]] void refuse(const std::string& what) { throw Error("it has " + what); }

/// The bytes of a file, read with checks.
class Bytes {
 public:
  explicit Bytes(const std::string& data) : data_(data) {}

  const char* at(Offset offset, Offset size) const {
    if (offset > data_.size() || size > data_.size() - offset) throw Error("it ends too early");
    return data_.data() + offset;
  }
  template <class Number>
  Number get(Offset offset) const {
    Number value;
    std::memcpy(&value, at(offset, sizeof(Number)), sizeof(Number));
    return value;
  }
  Offset offset(Offset at) const { return get<std::uint64_t>(at); }
  int byte(Offset at) const { return get<std::uint8_t>(at); }
  bool has(Offset offset, const char* signature) const {
    return std::memcmp(at(offset, std::strlen(signature)), signature, std::strlen(signature)) == 0;
  }
  std::string text(Offset offset) const {
    std::string found;
    for (char letter; (letter = *at(offset, 1)) != '\0'; ++offset) found += letter;
    return found;
  }
  Offset size() const { return data_.size(); }

 private:
  const std::string& data_;
};

enum Message {
  dataspace = 1,
  datatype = 3,
  layout = 8,
  attribute = 12,
  continued = 16,
  symbols = 17
};

/// Where the messages of an object's header lie, by their kind: (offset, size).
using Header = std::multimap<int, std::pair<Offset, Offset>>;

void read_messages(const Bytes& bytes, Offset at, Offset size, int depth, Header& header) {
  if (depth > kDeepest) refuse("a header that does not end");
  const Offset end = at + size;
  bytes.at(at, size);
  while (at + 8 <= end) {
    const int kind = bytes.get<std::uint16_t>(at);
    const Offset length = bytes.get<std::uint16_t>(at + 2);
    bytes.at(at + 8, length);
    header.emplace(kind, std::make_pair(at + 8, length));
    if (header.size() > kMost) refuse("a header that does not end");
    if (kind == continued)
      read_messages(bytes, bytes.offset(at + 8), bytes.offset(at + 16), depth + 1, header);
    at += 8 + length;
  }
}

Header read_header(const Bytes& bytes, Offset at) {
  if (bytes.byte(at) != 1) refuse("object headers of a newer kind");
  Header header;
  read_messages(bytes, at + 16, bytes.get<std::uint32_t>(at + 8), 0, header);
  return header;
}

Offset only(const Header& header, int kind, const char* name) {
  const auto found = header.find(kind);
  if (found == header.end()) refuse(std::string("an array without ") + name);
  return found->second.first;
}

std::vector<std::uint64_t> read_shape(const Bytes& bytes, Offset at) {
  const int version = bytes.byte(at), ndim = bytes.byte(at + 1);
  if (version != 1 && version != 2) refuse("an array of a newer kind");
  std::vector<std::uint64_t> shape;
  for (int k = 0; k < ndim; ++k)
    shape.push_back(bytes.offset(at + (version == 1 ? 8 : 4) + 8 * Offset(k)));
  return shape;
}

/// The name that safetensors has for a type of numbers.
std::string read_type(const Bytes& bytes, Offset at) {
  const int kind = bytes.byte(at) & 15;
  if (bytes.byte(at + 1) & 1) refuse("numbers with the highest byte first");
  if (kind > 1) refuse("numbers of a kind that is not read here");
  return (kind == 1 ? "F" : "I") + std::to_string(8 * bytes.get<std::uint32_t>(at + 4));
}

Array read_dataset(const Bytes& bytes, Offset at) {
  const Header header = read_header(bytes, at);
  const Offset place = only(header, layout, "data");
  if (bytes.byte(place) < 3 || bytes.byte(place + 1) != 1) refuse("arrays in chunks");
  const Offset first = bytes.offset(place + 2);
  return read_array(read_type(bytes, only(header, datatype, "a type")),
                    read_shape(bytes, only(header, dataspace, "a shape")), bytes.size(),
                    [&](std::size_t size) {
                      return first == kUndefined || size == 0 ? nullptr : bytes.at(first, size);
                    });
}

/// The objects of a group: header addresses by name.
std::map<std::string, Offset> read_group(const Bytes& bytes, Offset tree, Offset heap) {
  if (!bytes.has(heap, "HEAP")) refuse("no heap where one belongs");
  const Offset names = bytes.offset(heap + 24);
  std::vector<Offset> nodes{tree}, leaves;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (nodes.size() + leaves.size() > kMost) refuse("a tree that does not end");
    const Offset node = nodes[n];
    if (!bytes.has(node, "TREE")) refuse("no tree where one belongs");
    std::vector<Offset>& children = bytes.byte(node + 5) > 0 ? nodes : leaves;
    const int count = bytes.get<std::uint16_t>(node + 6);
    for (int k = 0; k < count; ++k) children.push_back(bytes.offset(node + 32 + 16 * Offset(k)));
  }
  std::map<std::string, Offset> objects;
  for (const Offset leaf : leaves) {
    if (!bytes.has(leaf, "SNOD")) refuse("no symbols where they belong");
    const int count = bytes.get<std::uint16_t>(leaf + 6);
    for (int k = 0; k < count; ++k) {
      const Offset entry = leaf + 8 + 40 * Offset(k);
      objects[bytes.text(names + bytes.offset(entry))] = bytes.offset(entry + 8);
    }
  }
  return objects;
}

/// A text of any length, which lies in a heap of the file.
std::string heap_text(const Bytes& bytes, Offset reference) {
  const Offset length = bytes.get<std::uint32_t>(reference);
  const Offset heap = bytes.offset(reference + 4);
  const int wanted = int(bytes.get<std::uint32_t>(reference + 12));
  if (!bytes.has(heap, "GCOL")) refuse("no heap where one belongs");
  const Offset end = heap + bytes.offset(heap + 8);
  for (Offset at = heap + 16; at + 16 <= end;) {
    const int index = bytes.get<std::uint16_t>(at);
    const Offset size = bytes.offset(at + 8);
    bytes.at(at + 16, size);
    if (index == wanted) return std::string(bytes.at(at + 16, length), length);
    if (index == 0) break;
    at += 16 + (size + 7) / 8 * 8;
  }
  refuse("a text that is missing");
}

/// The text of an attribute where it has this name, else empty.
std::string attribute_text(const Bytes& bytes, Offset at, const std::string& name) {
  const int version = bytes.byte(at);
  const Offset sizes[] = {bytes.get<std::uint16_t>(at + 2), bytes.get<std::uint16_t>(at + 4),
                          bytes.get<std::uint16_t>(at + 6)};
  const auto padded = [version](Offset size) { return version == 1 ? (size + 7) / 8 * 8 : size; };
  const Offset first = at + (version == 3 ? 9 : 8), type = first + padded(sizes[0]);
  const Offset data = type + padded(sizes[1]) + padded(sizes[2]);
  if (bytes.text(first) != name) return "";
  const int kind = bytes.byte(type) & 15;
  if (kind == 9) return heap_text(bytes, data);
  if (kind != 3) refuse("a tree that is no text");
  const Offset size = bytes.get<std::uint32_t>(type + 4);
  return std::string(bytes.at(data, size), size);
}

/// Puts `{"@array": NAME}` where a tree has `/NAME` below `@variables`.
void set_references(nlohmann::json& tree, const std::map<std::string, Offset>& objects,
                    bool inside) {
  if (inside && tree.is_string()) {
    const auto text = tree.get<std::string>();
    if (text.size() > 1 && text[0] == '/' && objects.count(text.substr(1)))
      tree = {{"@array", text.substr(1)}};
  } else if (tree.is_object()) {
    for (auto& [key, value] : tree.items())
      set_references(value, objects, inside || key == "@variables");
  } else if (tree.is_array()) {
    for (auto& value : tree) set_references(value, objects, inside);
  }
}

Document read_all(const Bytes& bytes) {
  if (!bytes.has(0, "\x89HDF\r\n\x1a\n")) refuse("not the beginning of HDF5");
  if (bytes.byte(8) != 0 || bytes.byte(13) != 8 || bytes.byte(14) != 8 || bytes.offset(24) != 0)
    refuse("a layout of a newer kind");
  const Offset root = bytes.offset(64);
  const Header header = read_header(bytes, root);
  const Offset table = only(header, symbols, "a table of symbols");
  const auto objects = read_group(bytes, bytes.offset(table), bytes.offset(table + 8));
  std::string text;
  const auto attributes = header.equal_range(attribute);
  for (auto each = attributes.first; each != attributes.second && text.empty(); ++each)
    text = attribute_text(bytes, each->second.first, "json");
  if (text.empty()) refuse("no attribute json");
  Document document;
  document.tree = parse_tree(text);
  for (const auto& [name, at] : objects) document.arrays[name] = read_dataset(bytes, at);
  set_references(document.tree, objects, false);
  return document;
}

}  // namespace

Document parse_hdf5(const std::string& bytes, const std::string& source) {
  try {
    return read_all(Bytes(bytes));
  } catch (const std::exception& error) {
    const bool is_ours = dynamic_cast<const Error*>(&error) != nullptr;
    throw Error(source + " is not read as HDF5, or it is damaged: " +
                (is_ours ? error.what() : "its tree is no JSON") +
                "; make another file of it: dp convert-backend " + source + " model.safetensors");
  }
}

}  // namespace deepmd::engine
