// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A model file as a tree of JSON with arrays: docs/files.md, deepmd/contract/safetensors_file.py.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace deepmd::engine {

/// The text with blanks for what breaks a line.
std::string one_line(std::string text);

/// What is wrong with a file, a model or an input, in one line for people.
struct Error : std::runtime_error {
  explicit Error(const std::string& text) : std::runtime_error(one_line(text)) {}
};

/// A model that is whole, but of a kind that the engine does not compute.
struct NotCovered : Error {
  using Error::Error;
};

/// Numbers of a file, whatever type they had there, the last axis fastest.
struct Array {
  std::vector<std::int64_t> shape;
  std::vector<double> data;
};

/// An array of a file of at most `limit` bytes. `type` as safetensors has it, such as F64; `place`
/// gives where so many bytes of it lie, or null for zeros.
Array read_array(const std::string& type, const std::vector<std::uint64_t>& shape,
                 std::size_t limit, const std::function<const char*(std::size_t)>& place);

/// A tree in which `{"@array": NAME}` stands for an array.
struct Document {
  nlohmann::json tree;
  std::unordered_map<std::string, Array> arrays;
};

/// JSON; throws nlohmann's parse_error, or `Error` where it is too deep.
nlohmann::json parse_tree(std::string_view text);

/// Reads a file by its ending; throws `Error`.
Document read_document(const std::string& path);

/// The document in a block of bytes as safetensors has them; `source` names it in messages.
Document parse_safetensors(const std::string& bytes, const std::string& source);

/// The document of a `.dp` file as h5py writes it by default: the tree in the attribute `json` of
/// the root, arrays in contiguous datasets beside each other. Other layouts of HDF5 are refused.
Document parse_hdf5(const std::string& bytes, const std::string& source);

/// A place in a document's tree, for checked reading; all errors name the place.
class Node {
 public:
  explicit Node(const Document& document) : document_(&document), value_(&document.tree) {}

  /// The value of a key, which must be there.
  Node operator[](const std::string& key) const;
  Node operator[](std::size_t index) const;
  /// Whether the key is there and not null.
  bool has(const std::string& key) const;
  std::size_t size() const;

  double number() const { return as<double>(value_->is_number(), "a number"); }
  std::int64_t integer() const;
  bool flag() const { return as<bool>(value_->is_boolean(), "true or false"); }
  std::string text() const { return as<std::string>(value_->is_string(), "a text"); }
  std::vector<std::int64_t> integers() const;

  double number_or(const std::string& key, double otherwise) const {
    return has(key) ? (*this)[key].number() : otherwise;
  }
  std::int64_t integer_or(const std::string& key, std::int64_t otherwise) const {
    return has(key) ? (*this)[key].integer() : otherwise;
  }
  bool flag_or(const std::string& key, bool otherwise) const {
    return has(key) ? (*this)[key].flag() : otherwise;
  }

  /// The array below `@variables`, of this shape; -1 stands for any size.
  const Array& array(const std::string& key, const std::vector<std::int64_t>& shape) const;
  /// The array that this place itself stands for.
  const Array& array(const std::vector<std::int64_t>& shape) const;

  /// Refuses another `@class` or a version that is too new.
  void check_class(const std::string& name, double highest) const;

  /// Numbers that a plain list or nested lists of one element hold; null: NaN.
  std::vector<double> numbers() const;

  const std::string& path() const { return path_; }
  const nlohmann::json& value() const { return *value_; }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  Node(const Document* document, const nlohmann::json* value, std::string path)
      : document_(document), value_(value), path_(std::move(path)) {}
  template <class T>
  T as(bool is_so, const char* what) const {
    if (!is_so) fail(std::string("is not ") + what);
    return value_->get<T>();
  }
  double plain_number(const nlohmann::json& value) const;

  const Document* document_;
  const nlohmann::json* value_;
  std::string path_;
};

}  // namespace deepmd::engine
