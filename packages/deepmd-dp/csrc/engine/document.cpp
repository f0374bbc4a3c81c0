// SPDX-License-Identifier: LGPL-3.0-or-later
#include "document.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "deepmd/frozen_record.hpp"

namespace deepmd::engine {

using nlohmann::json;

namespace {

const char* const kReference = "@array";
const char* const kVariables = "@variables";
constexpr std::string_view kMark = "deepmd-sha256:";

template <class Number>
void convert(const char* bytes, std::vector<double>& to) {
  for (std::size_t k = 0; k < to.size(); ++k) {
    Number value;
    std::memcpy(&value, bytes + k * sizeof(Number), sizeof(Number));
    to[k] = static_cast<double>(value);
  }
}

struct NumberType {
  const char* name;
  std::size_t size;
  void (*convert)(const char* bytes, std::vector<double>& to);
};

const NumberType kNumberTypes[] = {
    {"F64", 8, convert<double>},       {"F32", 4, convert<float>},
    {"I64", 8, convert<std::int64_t>}, {"I32", 4, convert<std::int32_t>},
    {"U8", 1, convert<std::uint8_t>},  {"BOOL", 1, convert<std::uint8_t>},
};

const NumberType& number_type(const std::string& name) {
  for (const auto& each : kNumberTypes)
    if (name == each.name) return each;
  throw Error("its arrays have numbers of the type " + name + ", which is not read here");
}

/// One tensor of the header; `data` are the `size` bytes behind the header.
Array read_tensor(const json& entry, const char* data, std::size_t size) {
  const auto ends = entry.at("data_offsets").get<std::vector<std::uint64_t>>();
  if (ends.size() != 2 || ends[0] > ends[1] || ends[1] > size)
    throw Error("an array reaches beyond its end");
  return read_array(entry.at("dtype"), entry.at("shape"), size, [&](std::size_t needed) {
    if (ends[1] - ends[0] != needed) throw Error("an array has not the size of its shape");
    return data + ends[0];
  });
}

/// More levels than models have; what reads a tree goes down by recursion.
constexpr int kDeepest = 200;

/// Refuses a file whose digest, if any, is not that of all bytes with zeros in its place; see
/// deepmd/contract/digest.py.
void check_digest(std::string bytes, const std::string& path) {
  std::size_t at = bytes.find(kMark);
  if (at == std::string::npos) return;
  at += kMark.size();
  const std::string digest = bytes.substr(at, 64);
  if (sha256(bytes.replace(at, 64, 64, '0')) != digest)
    throw Error(path + " is damaged: its contents are not what was written; get the file again.");
}

}  // namespace

json parse_tree(std::string_view text) {
  return json::parse(text, [](int depth, json::parse_event_t, json&) {
    if (depth > kDeepest) throw Error("its tree is deeper than that of a model");
    return true;
  });
}

std::string one_line(std::string text) {
  for (auto& character : text)
    if (static_cast<unsigned char>(character) < ' ') character = ' ';
  return text;
}

Array read_array(const std::string& type, const std::vector<std::uint64_t>& shape,
                 std::size_t limit, const std::function<const char*(std::size_t)>& place) {
  const NumberType& numbers = number_type(type);
  Array array{{shape.begin(), shape.end()}, {}};
  std::size_t count = 1;
  for (const auto axis : shape) {
    if (axis != 0 && count > limit / axis) throw Error("an array is larger than the file");
    count *= axis;
  }
  array.data.assign(count, 0.0);
  if (const char* bytes = place(count * numbers.size)) numbers.convert(bytes, array.data);
  return array;
}

Document parse_safetensors(const std::string& bytes, const std::string& source) {
  try {
    if (bytes.size() < 8) throw Error("it ends within the header");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    if (length > bytes.size() - 8) throw Error("it ends within the header");
    const std::size_t start = 8 + length;
    const json header = parse_tree(std::string_view(bytes).substr(8, start - 8));
    Document document;
    const json metadata = header.value("__metadata__", json::object());
    if (!metadata.contains("deepmd")) throw Error("it holds no Deep Potential model");
    document.tree = parse_tree(metadata.at("deepmd").get<std::string>());
    for (const auto& [name, entry] : header.items())
      if (name != "__metadata__")
        document.arrays[name] = read_tensor(entry, bytes.data() + start, bytes.size() - start);
    return document;
  } catch (const json::parse_error& error) {
    // its text quotes bytes that may be no text
    throw Error(source +
                " is no model in the safetensors format, or it is damaged: no JSON at byte " +
                std::to_string(error.byte) + "; get the file again.");
  } catch (const std::exception& error) {
    throw Error(source + " is no model in the safetensors format, or it is damaged: " +
                error.what() + "; get the file again.");
  }
}

Document read_document(const std::string& path) {
  const auto ending = std::filesystem::path(path).extension();
  if (ending != ".dp" && ending != ".safetensors")
    throw Error(path + " is of no kind that the native engine reads; make a .safetensors of it: " +
                "dp convert-backend " + path + " model.safetensors");
  const std::string bytes = read_file(path);
  check_digest(bytes, path);
  return ending == ".dp" ? parse_hdf5(bytes, path) : parse_safetensors(bytes, path);
}

void Node::fail(const std::string& what) const {
  throw Error("the model file is damaged or not one of ours: " +
              (path_.empty() ? std::string("it") : path_) + " " + what);
}

Node Node::operator[](const std::string& key) const {
  if (!value_->is_object() || !value_->contains(key)) fail("lacks the key " + key);
  return Node(document_, &(*value_)[key], path_.empty() ? key : path_ + "." + key);
}

Node Node::operator[](std::size_t index) const {
  if (!value_->is_array() || index >= value_->size())
    fail("has no element " + std::to_string(index));
  return Node(document_, &(*value_)[index], path_ + "." + std::to_string(index));
}

bool Node::has(const std::string& key) const {
  return value_->is_object() && value_->contains(key) && !(*value_)[key].is_null();
}

std::size_t Node::size() const {
  if (!value_->is_array()) fail("is not a list");
  return value_->size();
}

std::int64_t Node::integer() const {
  const double value = number();
  if (!(std::abs(value) < 1e9) || value != std::floor(value)) fail("is not an integer");
  return static_cast<std::int64_t>(value);
}

std::vector<std::int64_t> Node::integers() const {
  if (value_->is_number()) return {integer()};
  std::vector<std::int64_t> values;
  for (std::size_t k = 0; k < size(); ++k) values.push_back((*this)[k].integer());
  return values;
}

const Array& Node::array(const std::string& key, const std::vector<std::int64_t>& shape) const {
  return (*this)[kVariables][key].array(shape);
}

const Array& Node::array(const std::vector<std::int64_t>& shape) const {
  if (!value_->is_object() || !value_->contains(kReference) || !(*value_)[kReference].is_string())
    fail("is no array");
  const auto found = document_->arrays.find((*value_)[kReference].get<std::string>());
  if (found == document_->arrays.end()) fail("names an array that is not there");
  const auto& given = found->second.shape;
  bool fits = given.size() == shape.size();
  for (std::size_t k = 0; fits && k < shape.size(); ++k)
    fits = shape[k] < 0 || shape[k] == given[k];
  if (!fits) fail("is an array of a wrong shape");
  return found->second;
}

void Node::check_class(const std::string& name, double highest) const {
  const std::string found = has("@class") ? (*this)["@class"].text() : "nothing";
  if (found != name) fail("is " + found + " where " + name + " belongs");
  const double version = number_or("@version", 1.0);
  if (version > highest)
    throw Error((path_.empty() ? name : path_) + " has version " + std::to_string(int(version)) +
                ", written by a newer version of the software; " + std::to_string(int(highest)) +
                " is read here: upgrade deepmd-dp.");
}

double Node::plain_number(const json& value) const {
  if (value.is_array() && value.size() == 1) return plain_number(value[0]);
  if (value.is_object() && value.contains(kReference) && value[kReference].is_string()) {
    const auto found = document_->arrays.find(value[kReference].get<std::string>());
    if (found != document_->arrays.end() && found->second.data.size() == 1)
      return found->second.data[0];
  }
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) fail("holds something else than numbers");
  return value.get<double>();
}

std::vector<double> Node::numbers() const {
  std::vector<double> values;
  for (std::size_t k = 0; k < size(); ++k) values.push_back(plain_number((*value_)[k]));
  return values;
}

}  // namespace deepmd::engine
