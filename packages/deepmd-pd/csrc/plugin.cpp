// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The plug-in that runs `.json` with `.pdiparams` (deepmd/backend_plugin.h): Paddle's programs by
// its C++ interface.
#include <dlfcn.h>
#include <paddle/common/flags.h>
#include <paddle/fluid/pir/dialect/operator/ir/op_dialect.h>
#include <paddle/jit/all.h>
#include <paddle/phi/api/ext/op_meta_info.h>
#include <paddle/phi/api/include/tensor_utils.h>
#include <paddle/pir/include/core/ir_context.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "deepmd/graph_plugin.hpp"

// exported by Paddle, in no header of its wheel
namespace paddle {
namespace framework {
void InitDevices();
void InitMemoryMethod();
std::unordered_map<std::string, std::vector<OpMetaInfo>> LoadOpMetaInfoAndRegisterOp(
    const std::string& library);
}  // namespace framework
namespace platform {
void SetNumThreads(int nthreads);
}  // namespace platform
}  // namespace paddle
namespace paddle_flags {
extern int32_t FLAGS_paddle_num_threads;
}
namespace fLI {
extern int32_t FLAGS_minloglevel;
}

namespace deepmd_pd {
namespace {

namespace fs = std::filesystem;

/// What `import paddle` does, once.
void initialize_paddle() {
  static const bool once = [] {
    // it notes on the terminal what its executor does, unless somebody wants that
    if (std::getenv("GLOG_minloglevel") == nullptr) fLI::FLAGS_minloglevel = 2;
    paddle::framework::InitMemoryMethod();
    paddle::framework::InitDevices();
    pir::IrContext::Instance()->GetOrRegisterDialect<paddle::dialect::OperatorDialect>();
    return true;
  }();
  (void)once;
}

/// Whether our operators, whose library lies beside this one, are there; loaded once.
bool load_operators() {
  static const bool loaded = [] {
    Dl_info own;
    if (dladdr(reinterpret_cast<void*>(&load_operators), &own) == 0) return false;
    try {
      const fs::path library = fs::path(own.dli_fname).replace_filename(OPERATORS_LIBRARY);
      paddle::framework::LoadOpMetaInfoAndRegisterOp(library.string());
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }();
  return loaded;
}

/// A folder that lasts as long as the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code failed;
    fs::path place = fs::temp_directory_path(failed);
    if (failed) place = "/tmp";  // TMPDIR may name a folder of another machine
    path_ = (place / "deepmd_pd_XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr)
      throw std::runtime_error("no folder can be made like " + path_ + "; set TMPDIR");
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  fs::path path() const { return path_; }

 private:
  std::string path_;
};

/// What is in a program's file and the constants beside it.
struct File {
  deepmd::Record record;
  std::string operators;  // the text of the form on our operators; may be empty
};

/// The program's own text, which ends before the key `deepmd`, the texts under that key and the
/// constants are the parts (deepmd_pd/frozen.py).
File read_file(const fs::path& path) {
  const std::string key = ",\"deepmd\":";
  std::string program = deepmd::read_file(path);
  const std::string constants = deepmd::read_file(fs::path(path).replace_extension(".pdiparams"));
  const std::size_t place = program.rfind(key), end = program.rfind('}');
  std::map<std::string, std::string> added;
  if (place != std::string::npos && place < end) {
    const std::size_t start = place + key.size();
    const auto entries =
        nlohmann::json::parse(program.begin() + start, program.begin() + end, nullptr, false);
    for (const auto& [name, text] : entries.items())
      if (text.is_string()) added[name] = text.get<std::string>();
    program.replace(place, std::string::npos, "}");
  }
  const std::string record = added["metadata"];
  added.erase("metadata");
  std::vector<deepmd::Part> parts{{"program", program}, {"constants", constants}};
  parts.insert(parts.end(), added.begin(), added.end());
  return {deepmd::read_frozen(record, std::move(parts)), added["operators"]};
}

/// Adds the operators and types of a program, which stand under the key `#` (deepmd_pd/frozen.py).
void add_operators(const nlohmann::json& part, std::set<std::string>& found) {
  if (part.is_object() && part.contains("#") && part["#"].is_string()) found.insert(part["#"]);
  if (part.is_structured())
    for (const auto& each : part) add_operators(each, found);
}

/// Operators of our files.
const std::set<std::string> OPERATORS = {
#include "../src/deepmd_pd/operators.inc"
};

/// Refuses the text of a program for an operator of it.
void check_operators(const std::string& program) {
  std::set<std::string> found;
  add_operators(nlohmann::json::parse(program, nullptr, false), found);
  deepmd::refuse_operators(found, OPERATORS);
}

class Model {
 public:
  Model(const fs::path& path, const deepmd_open_options& options)
      : Model(path, read_file(fs::path(path).replace_extension(".json")), options) {}

  const deepmd::Record& record() const { return record_; }
  bool compiles_shapes() const { return false; }

  void run(const std::vector<deepmd_array>& inputs, deepmd_take take, void* receiver) {
    if (nthreads_ > 0) {
      paddle::platform::SetNumThreads(nthreads_);
      paddle_flags::FLAGS_paddle_num_threads = nthreads_;  // for our operators
    }
    std::vector<paddle::Tensor> tensors;
    for (const auto& input : inputs) tensors.push_back(tensor_of(input));
    // one more follows the outputs (deepmd_pd/graph.py)
    const auto found = layer_.forward(tensors);
    if (found.size() < record_.outputs.size())
      throw std::runtime_error("its program gives fewer outputs than its record says");
    for (std::size_t i = 0; i < record_.outputs.size(); ++i)
      give(record_.outputs[i].name, found[i], take, receiver);
  }

 private:
  deepmd::Record record_;
  int nthreads_;
  paddle::jit::Layer layer_;

  Model(const fs::path& path, File file, const deepmd_open_options& options)
      : record_(std::move(file.record)),
        nthreads_(options.nthreads),
        layer_(load(path, file.operators, options)) {}

  static paddle::jit::Layer load(const fs::path& path, const std::string& operators,
                                 const deepmd_open_options& options) {
    if (options.device >= 0)
      throw std::invalid_argument("Paddle's files run on the CPU only; open it with device -1");
    initialize_paddle();
    // else operations that do not wait for each other run on threads of the executor's own
    if (options.nthreads == 1) paddle::flags::SetFlagValue("new_executor_serial_run", "true");
    const fs::path stem = fs::absolute(path).replace_extension();
    const bool is_plain =
        operators.empty() || !deepmd::are_kernels_wanted(options) || !load_operators();
    check_operators(is_plain ? deepmd::read_file(stem.string() + ".json") : operators);
    if (is_plain) return paddle::jit::Load(stem, phi::CPUPlace());
    // Paddle reads nothing but two files of one name
    const TemporaryFolder folder;
    const fs::path second = folder.path() / "model";
    std::ofstream program(second.string() + ".json", std::ios::binary);
    if (!(program << operators << std::flush))
      throw std::runtime_error("there is no room for a copy in " + second.string() +
                               "; set TMPDIR");
    fs::create_symlink(stem.string() + ".pdiparams", second.string() + ".pdiparams");
    return paddle::jit::Load(second, phi::CPUPlace());
  }

  /// A tensor on the caller's memory, which is read only.
  static paddle::Tensor tensor_of(const deepmd_array& array) {
    static double nothing;  // for arrays without numbers: Paddle takes no null
    void* data = array.data == nullptr ? &nothing : const_cast<void*>(array.data);
    const auto dtype = array.dtype == DEEPMD_INT64 ? phi::DataType::INT64 : phi::DataType::FLOAT64;
    const std::vector<int64_t> shape(array.shape, array.shape + array.ndim);
    return paddle::from_blob(data, shape, dtype);
  }

  static void give(const std::string& name, const paddle::Tensor& tensor, deepmd_take take,
                   void* receiver) {
    const std::vector<int64_t> shape = tensor.shape();
    const deepmd_array result{name.c_str(), DEEPMD_FLOAT64, int32_t(shape.size()), shape.data(),
                              tensor.data<double>()};
    take(receiver, &result);
  }
};

}  // namespace
}  // namespace deepmd_pd

extern "C" __attribute__((visibility("default"))) const deepmd_plugin* deepmd_backend_plugin() {
  static const deepmd_plugin plugin =
      deepmd::GraphPlugin<deepmd_pd::Model>::make("pd", ".json .pdiparams");
  return &plugin;
}
