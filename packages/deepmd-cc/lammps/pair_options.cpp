// SPDX-License-Identifier: LGPL-3.0-or-later
#include "pair_options.hpp"

#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <stdexcept>

namespace deepmd_lammps {
namespace {

// deepmd-kit's keywords that are not there, and why.
const std::map<std::string, std::string> refused = {
    {"ttm", "write the electrons' temperature into a compute, and give it by aparam_from_compute"},
    {"charge_spin", "models with embedded charge and spin are not there"},
    {"virtual_len", "models with spins are not there"},
    {"spin_norm", "models with spins are not there"},
};

std::optional<double> number_of(const std::string& word) {
  try {
    std::size_t used = 0;
    const double value = std::stod(word, &used);
    if (used == word.size()) return value;
  } catch (const std::logic_error&) {
    // no number, or none that fits a double
  }
  return std::nullopt;
}

// The words of the command, taken one by one.
class Words {
 public:
  explicit Words(const std::vector<std::string>& words) : words_(words) {}

  std::string keyword = "it";  // that is being read, for messages
  [[noreturn]] void fail(const std::string& text) const {
    throw std::invalid_argument(keyword + " " + text);
  }

  bool is_at_end() const { return next_ == words_.size(); }
  bool is_at_number() const { return !is_at_end() && number_of(peek()); }
  const std::string& peek() const { return words_[next_]; }
  const std::string& take() { return words_[next_++]; }

  const std::string& take(const std::string& what) {
    if (is_at_end()) fail("needs " + what + " behind it.");
    return take();
  }

  double number() {
    const std::string word = take("a number");
    if (const auto value = number_of(word)) return *value;
    fail("is `" + word + "`; expected a number.");
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

using Reader = std::function<void(PairOptions&, Words&)>;
using Source = ParameterSource PairOptions::*;

// A reader of where parameters come from, which is said once.
template <class Read>
Reader reads_source(Source source, const Read& read) {
  return [=](PairOptions& options, Words& words) {
    if ((options.*source).is_given())
      words.fail("is a second source of the same parameters; give one.");
    read(options.*source, words);
  };
}

Reader reads_values(Source source) {
  return reads_source(source, [](ParameterSource& from, Words& words) {
    do from.values.push_back(words.number());
    while (words.is_at_number());
  });
}

Reader reads_compute(Source source) {
  return reads_source(source, [](ParameterSource& from, Words& words) {
    from.compute = words.take("a compute's ID");
  });
}

Reader reads_fix(Source source) {
  return reads_source(source, [](ParameterSource& from, Words& words) {
    from.fix = words.take("a fix's ID");
    if (words.is_at_number()) from.first = static_cast<int>(words.whole_number(1));
  });
}

const std::map<std::string, Reader>& readers() {
  static const std::map<std::string, Reader> table = {
      {"out_file",
       [](PairOptions& options, Words& words) {
         options.out_file = words.take("a file's name");
         options.has_out_file = true;
       }},
      {"out_freq", [](auto& options, Words& words) { options.out_freq = words.whole_number(0); }},
      {"atomic", [](auto& options, Words&) { options.atomic = true; }},
      {"relative", [](auto& options, Words& words) { options.relative = words.positive(); }},
      {"relative_v", [](auto& options, Words& words) { options.relative_v = words.positive(); }},
      {"fparam", reads_values(&PairOptions::fparam)},
      {"aparam", reads_values(&PairOptions::aparam)},
      {"fparam_from_compute", reads_compute(&PairOptions::fparam)},
      {"aparam_from_compute", reads_compute(&PairOptions::aparam)},
      {"fparam_from_fix", reads_fix(&PairOptions::fparam)},
  };
  return table;
}

bool is_keyword(const std::string& word) {
  return readers().count(word) > 0 || refused.count(word) > 0;
}

}  // namespace

PairOptions read_pair_options(const std::vector<std::string>& arguments) {
  PairOptions options;
  Words words(arguments);
  while (!words.is_at_end() && !is_keyword(words.peek())) options.models.push_back(words.take());
  if (options.models.empty()) words.fail("needs a model's file behind it.");
  while (!words.is_at_end()) {
    words.keyword = words.take();
    if (const auto found = refused.find(words.keyword); found != refused.end())
      words.fail("is not supported: " + found->second + ".");
    const auto reader = readers().find(words.keyword);
    if (reader == readers().end())
      throw std::invalid_argument("`" + words.keyword +
                                  "` is no keyword; models stand before the keywords.");
    reader->second(options, words);
  }
  return options;
}

}  // namespace deepmd_lammps
