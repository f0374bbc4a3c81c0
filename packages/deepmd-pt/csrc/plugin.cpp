// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The plug-in that runs `.pth` (deepmd/backend_plugin.h): TorchScript by libtorch.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>
#include <caffe2/serialize/inline_container.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <cctype>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/graph_plugin.hpp"
#include "deepmd/zip_archive.hpp"
#include "torch_release.hpp"

namespace deepmd_pt {
namespace {

void check_torch() {
  const std::uint64_t found = aoti_torch_abi_version();
  if (!is_torch_release())
    throw std::runtime_error(
        "the plug-in of deepmd-pt was built with PyTorch " TORCH_VERSION ", here is " +
        std::to_string(found >> 56) + "." + std::to_string((found >> 48) & 255) +
        "; install the release that it was built with");
}

/// The folder of the members that only the form with our operator has (deepmd_pt/archive.py).
const std::string OPERATORS = "extra/operators/";

/// An archive's members by their names without the top folder.
using Members = std::map<std::string, std::string_view>;

Members members_of(std::string_view content) {
  Members members;
  for (const auto& [name, member] : deepmd::zip_members(content))
    members[name.substr(name.find('/') + 1)] = member;
  return members;
}

/// The record of an archive, whose members are its parts; the record's own text in the scripts is
/// not hashed (deepmd_pt/archive.py).
deepmd::Record read_record(const Members& members) {
  const auto found = members.find("extra/deepmd_metadata.json");
  const std::string_view record = found == members.end() ? "" : found->second;
  std::vector<deepmd::Part> parts;
  std::list<std::string> scripts;
  for (const auto& [name, member] : members) {
    if (name == "data.pkl" || name == OPERATORS + "data.pkl") {
      std::string& rest = scripts.emplace_back(member);
      for (std::size_t at; !record.empty() && (at = rest.find(record)) != rest.npos;)
        rest.erase(at, record.size());
      parts.emplace_back(name, rest);
    } else if (found == members.end() || name != found->first) {
      parts.emplace_back(name, member);
    }
  }
  return deepmd::read_frozen(record, std::move(parts));
}

/// The members of one form: of that with our operator, where there is one, or of the plain form.
Members form_of(const Members& members, bool with_operators) {
  Members chosen;
  for (const auto& [name, member] : members) {
    if (with_operators && name.rfind(OPERATORS, 0) == 0)
      chosen[name.substr(OPERATORS.size())] = member;
    else if (name.rfind("extra/", 0) != 0)
      chosen.emplace(name, member);
  }
  return chosen;
}

std::string packed(const Members& members) {
  std::string archive;
  caffe2::serialize::PyTorchStreamWriter writer([&](const void* bytes, std::size_t size) {
    archive.append(static_cast<const char*>(bytes), size);
    return size;
  });
  for (const auto& [name, member] : members) writer.writeRecord(name, member.data(), member.size());
  writer.writeEndOfFile();
  return archive;
}

/// Adds what a source calls or defines, as deepmd_dp/kit/called_names.py names it. What this one
/// can't read is given as a name too, which nothing has: calls of what is no name, comments, texts
/// of several lines.
void add_names(std::string_view code, std::set<std::string>& found) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  std::string name;
  char last = ' ';  // what came before, blanks apart; 'w': a word, which belongs to the name
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (std::isspace(static_cast<unsigned char>(c))) continue;
    if (is_word(c)) {
      const std::size_t start = i;
      while (i + 1 < code.size() && is_word(code[i + 1])) ++i;
      const std::string word(code.substr(start, i + 1 - start));
      const bool names_class = last == 'w' && name == "class";  // whose base is in brackets
      name = last == '.' && !name.empty() ? name + "." + word : word;
      last = names_class ? 'c' : 'w';
      continue;
    }
    if (c == '(' && last == 'w') {
      const bool is_operator = name.rfind("torch.", 0) == 0 || name.rfind("ops.", 0) == 0;
      found.insert(is_operator ? name : name.substr(name.rfind('.') + 1));
    }
    if (c == '(' && (last == ')' || last == ']')) found.insert("a call of no name");
    const bool is_quote = c == '"' || c == '\'';
    if (c == '#' || c == '\\' || (is_quote && code.substr(i, 3) == std::string(3, c)))
      found.insert({c});
    if (is_quote)
      for (++i; i < code.size() && code[i] != c; ++i) i += code[i] == '\\';
    if (c != '.' || last != 'w') name.clear();
    last = c;
  }
}

/// Operators and methods of our files, and words that stand before brackets.
const std::set<std::string> KNOWN = {
    "and", "assert", "elif", "else", "if", "in", "is", "not", "or", "return", "while",
#include "../src/deepmd_pt/operators.inc"
};

void check_operators(const Members& members) {
  std::set<std::string> found;
  for (const auto& [name, member] : members) {
    if (name.rfind("code/", 0) == 0) add_names(std::string(member), found);
    if (member.find("torch.classes") != member.npos) found.insert("torch.classes");
  }
  deepmd::refuse_operators(found, KNOWN);
}

/// Bytes as torch reads a file.
class Memory : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit Memory(std::string content) : content_(std::move(content)) {}
  std::size_t size() const override { return content_.size(); }
  std::size_t read(std::uint64_t pos, void* buffer, std::size_t n, const char*) const override {
    return content_.copy(static_cast<char*>(buffer), n, std::min<std::size_t>(pos, size()));
  }

 private:
  std::string content_;
};

/// The line of torch's text that helps: the first, behind the trace of the script if there is one,
/// whose code is indented.
std::string sentence(const std::string& text) {
  const std::size_t trace = text.rfind("<--- HERE");
  std::istringstream lines(trace == text.npos ? text : text.substr(trace).erase(0, 9));
  std::string line;
  while (std::getline(lines, line) && (line.empty() || line[0] == ' ')) continue;
  return line;
}

class Model {
 public:
  Model(const std::string& path, const deepmd_open_options& options)
      : nthreads_(options.nthreads), device_(at::kCPU) {
    check_torch();
    if (options.device >= 0) {
      if (!at::hasCUDA()) throw std::runtime_error("this PyTorch sees no GPU");
      device_ = at::Device(at::kCUDA, at::DeviceIndex(options.device));
    }
    const std::string content = deepmd::read_file(path);
    const Members members = members_of(content);
    record_ = read_record(members);
    const Members form = form_of(members, deepmd::are_kernels_wanted(options));
    check_operators(form);
    in_few_words([&] {
      // packed anew: of two members of one name torch might take the other one
      script_ = torch::jit::load(std::make_shared<Memory>(packed(form)), device_);
      script_.eval();
    });
  }

  const deepmd::Record& record() const { return record_; }
  bool compiles_shapes() const { return false; }

  void run(const std::vector<deepmd_array>& inputs, deepmd_take take, void* receiver) {
    // a setting of the thread that calls
    if (nthreads_ > 0 && at::get_num_threads() != nthreads_) at::set_num_threads(nthreads_);
    // the optimizer takes seconds at each of the first calls, see deepmd_pt/frozen.py
    const torch::jit::GraphOptimizerEnabledGuard not_optimized(false);
    c10::Dict<std::string, at::Tensor> arrays;
    for (const auto& input : inputs) arrays.insert(input.name, tensor_of(input));
    in_few_words([&] {
      const auto terms = script_.forward({arrays, /*atomic=*/true}).toGenericDict();
      for (const auto& output : record_.outputs)
        give(output.name, terms.at(output.name).toTensor(), take, receiver);
    });
  }

 private:
  int nthreads_;
  at::Device device_;
  deepmd::Record record_;
  torch::jit::Module script_;

  /// torch's errors in few words.
  template <class Function>
  static void in_few_words(const Function& function) {
    try {
      function();
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      throw std::runtime_error(sentence(error.what()));
    }
  }

  at::Tensor tensor_of(const deepmd_array& array) const {
    const auto dtype = array.dtype == DEEPMD_INT64 ? at::kLong : at::kDouble;
    // it is read only
    return at::from_blob(const_cast<void*>(array.data), {array.shape, std::size_t(array.ndim)},
                         dtype)
        .to(device_);
  }

  static void give(const std::string& name, const at::Tensor& found, deepmd_take take,
                   void* receiver) {
    const at::Tensor tensor = found.to(at::kCPU, at::kDouble).contiguous();
    const deepmd_array result{name.c_str(), DEEPMD_FLOAT64, int32_t(tensor.dim()),
                              tensor.sizes().data(), tensor.const_data_ptr()};
    take(receiver, &result);
  }
};

}  // namespace
}  // namespace deepmd_pt

extern "C" __attribute__((visibility("default"))) const deepmd_plugin* deepmd_backend_plugin() {
  static const deepmd_plugin plugin = deepmd::GraphPlugin<deepmd_pt::Model>::make("pt", ".pth");
  return &plugin;
}
