// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The native engine for Python (deepmd_dp/native/model.py).
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "calls.hpp"
#include "deepmd/neighbor_list.hpp"
#include "engine.hpp"
#include "kernels.hpp"

namespace {

using deepmd::engine::Engine;
using deepmd::engine::Results;
using deepmd::python::call;

/// A flat array of the model's; valid until it computes again.
struct Term {
  const double* data;
  std::int64_t size;
};

/// A model of a document in the bytes of the safetensors format.
class Model {
 public:
  Model(const std::string& bytes, int nthreads)
      : nthreads_(nthreads),
        engine_(Engine::open(deepmd::engine::parse_safetensors(bytes, "the model"), nthreads)) {}

  const Engine& engine() const { return *engine_; }

  const Results& compute(const deepmd::python::Frame& given, std::int64_t nloc,
                         const double* fparam, const double* aparam, bool atomic) {
    const deepmd::Cell cell = given.cell();
    deepmd::engine::Frame frame{};
    frame.nloc = nloc, frame.nall = given.natoms;
    frame.coord = given.coord, frame.type = given.atype, frame.cell = &cell;
    frame.index_mask = -1;
    frame.empty_type = frame.nall > 0 ? std::max(frame.type[0], 0) : 0;
    frame.fparam = fparam, frame.aparam = aparam;
    deepmd::NeighborOptions options;
    options.rcut = engine_->spec().rcut(), options.nthreads = nthreads_;
    const auto pairs =
        deepmd::build_neighbor_pairs(frame.coord, frame.nall, cell, frame.type, options);
    for (std::int64_t i = 0; i < nloc; ++i) {
      const std::int64_t first = pairs.first[std::size_t(i)];
      frame.neighbors.push_back(pairs.index.data() + first);
      frame.shifts.push_back(pairs.shift.data() + first);
      frame.counts.push_back(std::int32_t(pairs.first[std::size_t(i) + 1] - first));
    }
    engine_->compute(frame, atomic, results_);
    return results_;
  }

 private:
  int nthreads_;
  std::unique_ptr<Engine> engine_;
  Results results_;
};

}  // namespace

DEEPMD_PYTHON int deepmd_dp_open(const char* bytes, std::int64_t size, std::int32_t nthreads,
                                 Model** model, deepmd_error* error) {
  return call(error, [&] { *model = new Model(std::string(bytes, std::size_t(size)), nthreads); });
}

/// What a caller must know, JSON.
DEEPMD_PYTHON const char* deepmd_dp_record(const Model* model) {
  return model->engine().record().c_str();
}

/// The terms of one frame: sum, atom, force, virial, atom_virial.
DEEPMD_PYTHON int deepmd_dp_compute(Model* model, const deepmd::python::Frame* frame,
                                    std::int64_t nloc, const double* fparam, const double* aparam,
                                    std::int32_t atomic, Term* terms, deepmd_error* error) {
  return call(error, [&] {
    const Results& found = model->compute(*frame, nloc, fparam, aparam, atomic != 0);
    for (const auto* each :
         {&found.sum, &found.atom, &found.force, &found.virial, &found.atom_virial})
      *terms++ = {each->data(), std::int64_t(each->size())};
  });
}

/// Processor seconds of a phase so far and the phase's name, null behind the last.
DEEPMD_PYTHON double deepmd_dp_seconds(const Model* model, std::int32_t phase, const char** name) {
  const bool is_one = phase < deepmd::engine::kPhases;
  *name = is_one ? deepmd::engine::kPhaseNames[phase] : nullptr;
  return is_one ? model->engine().seconds()[std::size_t(phase)] : 0.0;
}

DEEPMD_PYTHON void deepmd_dp_close(Model* model) { delete model; }

/// Multiplies matrices of the fitting net's sizes (float64) so often; gives the number of
/// operations.
DEEPMD_PYTHON double deepmd_dp_multiply(std::int32_t times) {
  const auto& kernels = deepmd::engine::kernels<double>();
  constexpr std::int64_t m = 240, n = 240, k = 240;
  const auto b = deepmd::engine::pack(kernels, k, n, std::vector<double>(k * n, 0.5)).forward;
  std::vector<double> a(m * k, 1.0), c(std::size_t(m * b.padded));
  for (int each = 0; each < times; ++each)
    kernels.product(m, a.data(), k, b, c.data(), b.padded, false);
  return 2.0 * double(m * n * k) * times;
}
