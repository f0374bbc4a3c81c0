// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The plug-in that runs `.json` with `.pdiparams` (deepmd/backend_plugin.h): Paddle's programs by
// its C++ interface.
#include <paddle/common/flags.h>
#include <paddle/fluid/pir/dialect/operator/ir/op_dialect.h>
#include <paddle/jit/all.h>
#include <paddle/phi/api/include/tensor_utils.h>
#include <paddle/pir/include/core/ir_context.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/graph_plugin.hpp"

// exported by Paddle, in no header of its wheel
namespace paddle {
namespace framework {
void InitDevices();
void InitMemoryMethod();
}  // namespace framework
namespace platform {
void SetNumThreads(int nthreads);
}  // namespace platform
}  // namespace paddle
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

/// The record of a program and the constants beside it: the program's own text, which ends before
/// the key `deepmd`, that key's value and the constants are the parts (deepmd_pd/frozen.py).
deepmd::Record read_record(const fs::path& path) {
  const std::string key = ",\"deepmd\":";
  std::string program = deepmd::read_file(path);
  const std::string constants = deepmd::read_file(fs::path(path).replace_extension(".pdiparams"));
  const std::size_t place = program.rfind(key), end = program.rfind('}');
  std::string record, document;
  if (place != std::string::npos && place < end) {
    const std::size_t start = place + key.size();
    const auto added =
        nlohmann::json::parse(program.begin() + start, program.begin() + end, nullptr, false);
    if (added.is_object()) {
      record = added.value("metadata", "");
      document = added.value("document", "");
    }
    program.replace(place, std::string::npos, "}");
  }
  return deepmd::read_frozen(
      record, {{"program", program}, {"constants", constants}, {"document", document}});
}

class Model {
 public:
  Model(const fs::path& path, const deepmd_open_options& options)
      : record_(read_record(fs::path(path).replace_extension(".json"))),
        nthreads_(options.nthreads),
        layer_(load(path, options)) {}

  const deepmd::Record& record() const { return record_; }
  bool compiles_shapes() const { return false; }

  void run(const std::vector<deepmd_array>& inputs, deepmd_take take, void* receiver) {
    if (nthreads_ > 0) paddle::platform::SetNumThreads(nthreads_);
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

  static paddle::jit::Layer load(const fs::path& path, const deepmd_open_options& options) {
    if (options.device >= 0)
      throw std::invalid_argument("Paddle's files run on the CPU only; open it with device -1");
    initialize_paddle();
    // else operations that do not wait for each other run on threads of the executor's own
    if (options.nthreads == 1) paddle::flags::SetFlagValue("new_executor_serial_run", "true");
    return paddle::jit::Load(fs::path(path).replace_extension(), phi::CPUPlace());
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
