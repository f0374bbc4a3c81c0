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

[[noreturn]] void fail(const std::string& keyword, const std::string& text) {
  throw std::invalid_argument("pair_style deepmd: " + keyword + " " + text);
}

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

// The words behind a keyword, taken one by one.
class Words {
 public:
  explicit Words(const std::vector<std::string>& words) : words_(words) {}

  bool is_at_end() const { return next_ == words_.size(); }
  const std::string& peek() const { return words_[next_]; }
  const std::string& take() { return words_[next_++]; }

  const std::string& take_for(const std::string& keyword, const std::string& what) {
    if (is_at_end()) fail(keyword, "needs " + what + " behind it.");
    return take();
  }

  double take_number(const std::string& keyword) {
    const std::string word = take_for(keyword, "a number");
    if (const auto value = number_of(word)) return *value;
    fail(keyword, "is `" + word + "`; expected a number.");
  }

  // All numbers that follow.
  std::vector<double> take_numbers(const std::string& keyword) {
    std::vector<double> values{take_number(keyword)};
    while (!is_at_end() && number_of(peek())) values.push_back(*number_of(take()));
    return values;
  }

 private:
  const std::vector<std::string>& words_;
  std::size_t next_ = 0;
};

long whole_number(Words& words, const std::string& keyword, long lowest) {
  const double value = words.take_number(keyword);
  if (value != std::floor(value) || value < lowest || value > 1e15)
    fail(keyword, "is " + std::to_string(value) + "; expected a whole number from " +
                      std::to_string(lowest) + ".");
  return static_cast<long>(value);
}

double positive(Words& words, const std::string& keyword) {
  const double value = words.take_number(keyword);
  if (!(value > 0)) fail(keyword, "is " + std::to_string(value) + "; expected more than 0.");
  return value;
}

void take_new(ParameterSource& source, const std::string& keyword) {
  if (source.is_given()) fail(keyword, "is a second source of the same parameters; give one.");
}

using Reader = std::function<void(PairOptions&, Words&, const std::string&)>;

const std::map<std::string, Reader>& readers() {
  static const std::map<std::string, Reader> table = {
      {"out_file",
       [](PairOptions& options, Words& words, const std::string& key) {
         options.out_file = words.take_for(key, "a file's name");
         options.has_out_file = true;
       }},
      {"out_freq", [](PairOptions& options, Words& words,
                      const std::string& key) { options.out_freq = whole_number(words, key, 0); }},
      {"atomic", [](PairOptions& options, Words&, const std::string&) { options.atomic = true; }},
      {"relative", [](PairOptions& options, Words& words,
                      const std::string& key) { options.relative = positive(words, key); }},
      {"relative_v", [](PairOptions& options, Words& words,
                        const std::string& key) { options.relative_v = positive(words, key); }},
      {"fparam",
       [](PairOptions& options, Words& words, const std::string& key) {
         take_new(options.fparam, key);
         options.fparam.values = words.take_numbers(key);
       }},
      {"aparam",
       [](PairOptions& options, Words& words, const std::string& key) {
         take_new(options.aparam, key);
         options.aparam.values = words.take_numbers(key);
       }},
      {"fparam_from_compute",
       [](PairOptions& options, Words& words, const std::string& key) {
         take_new(options.fparam, key);
         options.fparam.compute = words.take_for(key, "a compute's ID");
       }},
      {"aparam_from_compute",
       [](PairOptions& options, Words& words, const std::string& key) {
         take_new(options.aparam, key);
         options.aparam.compute = words.take_for(key, "a compute's ID");
       }},
      {"fparam_from_fix",
       [](PairOptions& options, Words& words, const std::string& key) {
         take_new(options.fparam, key);
         options.fparam.fix = words.take_for(key, "a fix's ID");
         if (!words.is_at_end() && number_of(words.peek()))
           options.fparam.first = static_cast<int>(whole_number(words, key, 1));
       }},
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
  if (options.models.empty()) fail("it", "needs a model's file behind it.");
  while (!words.is_at_end()) {
    const std::string keyword = words.take();
    if (const auto found = refused.find(keyword); found != refused.end())
      fail(keyword, "is not supported: " + found->second + ".");
    const auto reader = readers().find(keyword);
    if (reader == readers().end())
      fail("`" + keyword + "`", "is no keyword; models stand before the keywords.");
    reader->second(options, words, keyword);
  }
  return options;
}

}  // namespace deepmd_lammps
