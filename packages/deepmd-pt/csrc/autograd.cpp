// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The first derivative of the operator on Chebyshev moments, for graphs that run without Python:
// frozen files. It needs torch's ordinary C++ interface, so that it is part of the plug-in.
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <memory>
#include <vector>

#include "deepmd/moments_spec.hpp"
#include "torch_release.hpp"

namespace deepmd_pt {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What the operator is given besides tensors.
struct Attributes {
  std::vector<double> numbers;
  std::vector<std::int64_t> counts;

  deepmd::MomentsSpec spec() const { return {numbers, counts}; }
};

variable_list run(at::TensorList inputs, at::ArrayRef<double> numbers, at::IntArrayRef counts) {
  static const auto moments =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("deepmd_pt::moments", "")
          .typed<variable_list(at::TensorList, at::ArrayRef<double>, at::IntArrayRef)>();
  return moments.call(inputs, numbers, counts);
}

class Moments : public torch::autograd::Function<Moments> {
 public:
  static variable_list forward(AutogradContext* context, at::TensorList inputs,
                               const Attributes& given) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward(inputs.vec());
    context->saved_data["numbers"] = given.numbers;
    context->saved_data["counts"] = given.counts;
    return run(inputs, given.numbers, given.counts);
  }

  /// By the transpose; the tensors that A is not derived by are constants (moments.hpp).
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    Attributes given{context->saved_data["numbers"].toDoubleVector(),
                     context->saved_data["counts"].toIntVector()};
    variable_list inputs = context->get_saved_variables();
    const auto spec = given.spec();
    TORCH_CHECK(spec.pass == deepmd::Pass::forward, "deepmd_pt: moments have one derivative here");
    for (std::size_t i = spec.nderived(); i < inputs.size(); ++i)
      TORCH_CHECK(!inputs[i].requires_grad(), "deepmd_pt: constants of moments have no derivative");
    const std::size_t nresults = inputs.size() + 1;
    inputs.push_back(gradients[0]);
    given.counts.back() = int(deepmd::Pass::transpose);
    variable_list results = run(inputs, given.numbers, given.counts);
    results.resize(nresults);
    return results;
  }
};

variable_list moments(at::TensorList inputs, at::ArrayRef<double> numbers, at::IntArrayRef counts) {
  return Moments::apply(inputs, Attributes{numbers.vec(), counts.vec()});
}

/// Not where libtorch is another release, whose structures are other ones.
std::unique_ptr<torch::Library> make_library() {
  if (!is_torch_release()) return nullptr;
  auto library = std::make_unique<torch::Library>(
      torch::Library::IMPL, "deepmd_pt", c10::DispatchKey::AutogradCPU, __FILE__, __LINE__);
  library->impl("moments", &moments);
  return library;
}

const std::unique_ptr<torch::Library> registered = make_library();

}  // namespace
}  // namespace deepmd_pt
