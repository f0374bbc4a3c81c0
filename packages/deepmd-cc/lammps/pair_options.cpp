// SPDX-License-Identifier: LGPL-3.0-or-later
#include "pair_options.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>

#include "deepmd/record.hpp"
#include "utils.h"

namespace deepmd_lammps {
namespace {

// deepmd-kit's keywords that are not there, and why.
const std::map<std::string, std::string> refused = {
    {"ttm", "write the electrons' temperature into a compute, and give it by aparam_from_compute"},
    {"virtual_len", "models with spins are not there"},
    {"spin_norm", "models with spins are not there"},
};

// The words of the command, taken one by one.
class Words {
 public:
  explicit Words(const std::vector<std::string>& words) : words_(words) {}

  std::string keyword = "it";  // that is being read, for messages
  [[noreturn]] void fail(const std::string& text) const {
    throw std::invalid_argument(keyword + " " + text);
  }

  bool is_at_end() const { return next_ == words_.size(); }
  bool is_at_number() const { return !is_at_end() && LAMMPS_NS::utils::is_double(peek()); }
  const std::string& peek() const { return words_[next_]; }
  const std::string& take() { return words_[next_++]; }

  const std::string& take(const std::string& what) {
    if (is_at_end()) fail("needs " + what + " behind it.");
    return take();
  }

  double number() {
    const std::string word = take("a number");
    const double value = std::strtod(word.c_str(), nullptr);
    if (!LAMMPS_NS::utils::is_double(word) || !std::isfinite(value))
      fail("is `" + word + "`; expected a number.");
    return value;
  }

  double positive() {
    const double value = number();
    if (!(value > 0)) fail("is " + std::to_string(value) + "; expected more than 0.");
    return value;
  }

  long whole_number(long lowest) {
    const double value = number();
    if (value != std::floor(value) || value < lowest || value > 1e15)
      fail("is " + std::to_string(value) + "; expected a whole number from " +
           std::to_string(lowest) + ".");
    return static_cast<long>(value);
  }

 private:
  const std::vector<std::string>& words_;
  std::size_t next_ = 0;
};

// Where parameters come from, which is said once.
ParameterSource& only_source(ParameterSource& source, const Words& words) {
  if (source.is_given()) words.fail("is a second source of the same parameters; give one.");
  return source;
}

void read_values(ParameterSource& source, Words& words) {
  std::vector<double>& values = only_source(source, words).values;
  do values.push_back(words.number());
  while (words.is_at_number());
}

void read_compute(ParameterSource& source, Words& words) {
  only_source(source, words).compute = words.take("a compute's ID");
}

void read_fix(ParameterSource& source, Words& words) {
  only_source(source, words).fix = words.take("a fix's ID");
  if (words.is_at_number()) source.first = static_cast<int>(words.whole_number(1));
}

using Reader = std::function<void(PairOptions&, Words&)>;

const std::map<std::string, Reader> readers = {
    {"out_file",
     [](auto& options, auto& words) {
       options.out_file = words.take("a file's name");
       options.has_out_file = true;
     }},
    {"out_freq", [](auto& options, auto& words) { options.out_freq = words.whole_number(0); }},
    {"atomic", [](auto& options, auto&) { options.atomic = true; }},
    {"relative", [](auto& options, auto& words) { options.relative = words.positive(); }},
    {"relative_v", [](auto& options, auto& words) { options.relative_v = words.positive(); }},
    {"fparam", [](auto& options, auto& words) { read_values(options.fparam, words); }},
    {"aparam", [](auto& options, auto& words) { read_values(options.aparam, words); }},
    {"charge_spin",
     [](auto& options, auto& words) {
       const long charge = words.whole_number(-1000);
       options.charge_spin = {charge, words.whole_number(0)};
     }},
    {"fparam_from_compute",
     [](auto& options, auto& words) { read_compute(options.fparam, words); }},
    {"aparam_from_compute",
     [](auto& options, auto& words) { read_compute(options.aparam, words); }},
    {"fparam_from_fix", [](auto& options, auto& words) { read_fix(options.fparam, words); }},
};

std::string keywords() {
  std::vector<std::string> names;
  for (const auto& [name, _] : readers) names.push_back(name);
  return deepmd::joined(names);
}

}  // namespace

PairOptions read_pair_options(const std::vector<std::string>& arguments) {
  PairOptions options;
  Words words(arguments);
  while (!words.is_at_end() && readers.count(words.peek()) + refused.count(words.peek()) == 0) {
    if (!std::filesystem::path(words.peek()).has_extension())
      throw std::invalid_argument("`" + words.peek() + "` is neither a keyword (" + keywords() +
                                  ") nor the file of a model, which has an ending.");
    options.models.push_back(words.take());
  }
  if (options.models.empty()) words.fail("needs a model's file behind it.");
  while (!words.is_at_end()) {
    words.keyword = words.take();
    if (const auto found = refused.find(words.keyword); found != refused.end())
      words.fail("is not supported: " + found->second + ".");
    const auto reader = readers.find(words.keyword);
    if (reader == readers.end())
      throw std::invalid_argument("`" + words.keyword +
                                  "` is no keyword; models stand before the keywords.");
    reader->second(options, words);
  }
  return options;
}

}  // namespace deepmd_lammps
