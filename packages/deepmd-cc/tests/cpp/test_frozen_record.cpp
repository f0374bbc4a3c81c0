// SPDX-License-Identifier: LGPL-3.0-or-later
// What plug-ins read files with: any bytes are read or refused, and nothing else.
#include <cstring>
#include <random>

#include "check.hpp"
#include "deepmd/graph_plugin.hpp"
#include "deepmd/wire_format.hpp"
#include "deepmd/zip_archive.hpp"

using deepmd::Record;

namespace {

void test_sha256() {
  using deepmd::sha256;
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // the ends of a block: where the number of bits just fits into it, and where it does not
  CHECK(sha256(std::string(55, 'x')) ==
        "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072");
  CHECK(sha256(std::string(56, 'x')) ==
        "04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e");
  CHECK(sha256(std::string(64, 'x')) ==
        "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c");
}

std::string number(std::size_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += char(value >> (8 * i));
  return bytes;
}

/// An archive of stored members, without checksums, which are not looked at.
std::string archive(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string files, directory;
  for (const auto& [name, content] : members) {
    const std::string sizes = number(content.size(), 4) + number(content.size(), 4);
    const std::string common = number(20, 2) + std::string(12, 0) + sizes + number(name.size(), 2);
    directory +=
        "PK\1\2" + number(20, 2) + common + std::string(12, 0) + number(files.size(), 4) + name;
    files += "PK\3\4" + common + number(0, 2) + name + content;
  }
  return files + directory + "PK\5\6" + number(0, 4) + number(members.size(), 2) +
         number(members.size(), 2) + number(directory.size(), 4) + number(files.size(), 4) +
         number(0, 2);
}

/// Any beginning and any change of the bytes is taken by the reader or refused by it.
template <class Read>
void spoil(const std::string& whole, const Read& read) {
  std::mt19937 random(1);
  const auto attempt = [&](const std::string& bytes) {
    try {
      read(bytes);
    } catch (const std::invalid_argument&) {
    }
    CHECK(true);
  };
  for (std::size_t n = 0; n < whole.size(); ++n) attempt(whole.substr(0, n));
  for (int i = 0; i < 2000; ++i) {
    std::string changed = whole;
    for (int k = 0; k < 3; ++k) changed[random() % changed.size()] = char(random());
    attempt(changed);
  }
}

void test_zip_members() {
  const std::string bytes = archive({{"model/a", "first"}, {"model/b", ""}, {"c", "third"}});
  const auto members = deepmd::zip_members(bytes);
  CHECK(members.size() == 3);
  CHECK(members.at("model/a") == "first" && members.at("model/b").empty());
  CHECK(members.at("c") == "third");
  CHECK_REFUSED(deepmd::zip_members("no archive"), "damaged");
  spoil(bytes, [](const std::string& text) {
    std::size_t size = 0;
    for (const auto& [name, content] : deepmd::zip_members(text))
      for (const char c : content) size += c != 0;
    return size;
  });
}

void test_wire_format() {
  // 1: "ab", 2: 300, 3: four bytes, 4: eight bytes, 5: an entry "k" -> "v"
  const std::string bytes = std::string("\x0a\2ab\x10\xac\2") + "\x1d" + "1234" + "\x21" +
                            "12345678" + "\x2a\6\x0a\1k\x12\1v";
  const auto found = deepmd::fields(bytes);
  CHECK(found.size() == 5);
  CHECK(found[0].value == "ab" && found[0].whole == bytes.substr(0, 4));
  CHECK(found[1].number == 2 && found[1].value == "\xac\2");
  CHECK(deepmd::field(bytes, 4) == "12345678" && deepmd::field(bytes, 9).empty());
  CHECK(deepmd::entries(bytes, 5).at("k") == "v");
  CHECK_REFUSED(deepmd::fields("\x0b"), "no message");
  spoil(bytes, [](const std::string& text) { return deepmd::entries(text, 5); });
}

std::string record_with(const std::string& version, const std::string& digest) {
  return R"({"version": )" + version + R"(, "model": {"type_map": ["O", "H"], "rcut": 6.0,
          "is_message_passing": false, "pair_exclude_types": [[0, 1]], "sel_types": [1],
          "dim_fparam": 1, "dim_aparam": 0, "default_fparam": [0.5],
          "default_charge_spin": [-1, 2]},
          "lists": [{"rcut": 6.0, "by_type": true, "widths": [2, 4]}],
          "digest": ")" +
         digest +
         R"(", "inputs": [{"name": "x", "axes": ["n", 3], "dtype": "float64"},
          {"name": "y", "axes": ["n"], "dtype": "int64"}], "outputs": [
          {"name": "dipole", "kind": "sum", "axes": ["nframes", 3]},
          {"name": "dipole_force", "kind": "force", "axes": ["nframes", 3, "nall", 3]}]})";
}

void test_record() {
  const Record record(record_with("1", ""));
  CHECK(record.ntypes() == 2 && record.rcut == 6.0 && record.receptive_field == 6.0);
  CHECK(record.sel_types == std::vector<std::int32_t>{1} && record.has_default_fparam());
  CHECK((record.takes_charge_spin && record.charge_spin == std::vector<std::int64_t>{-1, 2}));
  CHECK(record.takes() == "types O H, fparam of 1 numbers, aparam of 0, charge_spin");
  CHECK(record.lists[0].by_type && record.lists[0].widths[1] == 4);
  CHECK(record.inputs[0].axes[1] == "3" && record.inputs[1].dtype == "int64");
  CHECK((record.output("dipole_force")->shape(2, 5) == std::vector<std::int64_t>{3, 5, 3}));
  CHECK(record.output_of_kind("sum")->ncomponents == 3 && record.output("energy") == nullptr);
  CHECK_REFUSED(Record(record_with("2", "")), "of version 2");
  CHECK_REFUSED(Record("{}"), "cannot be read");
  CHECK_REFUSED(Record(std::string(100000, '[')), "cannot be read");
}

void test_frozen_record() {
  const std::vector<deepmd::Part> parts{{"b", "two"}, {"a", "one"}};
  CHECK(deepmd::digest_of(parts) == deepmd::digest_of({{"a", "one"}, {"b", "two"}}));
  const std::string blank = record_with("1", "");
  const std::string text =
      record_with("1", deepmd::digest_of({{"a", "one"}, {"b", "two"}, {"record", blank}}));
  CHECK(deepmd::read_frozen(text, parts).rcut == 6.0);
  CHECK_REFUSED(deepmd::read_frozen(text, {{"a", "one"}}), "damaged");
  std::string other = text;
  other.replace(other.find("6.0"), 3, "6.5");
  CHECK_REFUSED(deepmd::read_frozen(other, parts), "damaged");
  CHECK_REFUSED(deepmd::read_frozen(blank, parts), "damaged");
  CHECK_REFUSED(deepmd::read_frozen("", parts), "no record");
  spoil(text, [&](const std::string& changed) { return deepmd::read_frozen(changed, parts); });
}

void test_match_inputs() {
  const Record record(record_with("1", ""));
  const std::int64_t five[] = {5, 3}, four[] = {4};
  const deepmd_array x{"x", DEEPMD_FLOAT64, 2, five, nullptr};
  const deepmd_array y{"y", DEEPMD_INT64, 1, five, nullptr};
  const deepmd_array given[] = {y, x, {"z", 0, 0, nullptr, nullptr}};
  const auto matched = deepmd::match_inputs(record, given, 3);
  CHECK(matched.size() == 2 && matched[0].name[0] == 'x' && matched[1].name[0] == 'y');
  CHECK_REFUSED(deepmd::match_inputs(record, given, 1), "needs the input x");
  const deepmd_array shorter[] = {x, {"y", DEEPMD_INT64, 1, four, nullptr}};
  CHECK_REFUSED(deepmd::match_inputs(record, shorter, 2), "the input y has another");
  const deepmd_array real[] = {x, {"y", DEEPMD_FLOAT64, 1, five, nullptr}};
  CHECK_REFUSED(deepmd::match_inputs(record, real, 2), "the input y has another");
}

void test_set_error() {
  deepmd_error error;
  deepmd::set_error(&error, "  one\n\n\ttwo \n");
  CHECK(std::strcmp(error.text, "one two") == 0);
  deepmd::set_error(&error, std::string(5000, 'x'));
  CHECK(std::strlen(error.text) == sizeof error.text - 1);
  CHECK(deepmd::guarded(&error, 7, [] { return throw std::runtime_error("no"), 0; }) == 7);
  CHECK(std::strcmp(error.text, "no") == 0);
}

}  // namespace

int main() {
  test_sha256();
  test_zip_members();
  test_wire_format();
  test_record();
  test_frozen_record();
  test_match_inputs();
  test_set_error();
  return close_checks();
}
