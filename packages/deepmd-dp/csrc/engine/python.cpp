// SPDX-License-Identifier: LGPL-3.0-or-later
// deepmd_dp._engine: the native engine for Python. Arguments are checked by
// deepmd_dp/numpy_backend/engine.py; here shapes are taken for granted.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "deepmd/neighbor_list.hpp"
#include "engine.hpp"
#include "kernels.hpp"

namespace py = pybind11;

namespace {

using deepmd::engine::Engine;
using deepmd::engine::Frame;
using deepmd::engine::Results;

template <class T>
using Array = py::array_t<T, py::array::c_style>;

py::array_t<double> as_array(const std::vector<double>& numbers) {
  return py::array_t<double>(py::ssize_t(numbers.size()), numbers.data());
}

/// A model of a document in the bytes of the safetensors format.
class Model {
 public:
  Model(const std::string& bytes, int nthreads)
      : nthreads_(nthreads),
        engine_(Engine::open(deepmd::engine::parse_safetensors(bytes, "the model"), nthreads)) {}

  const std::string& record() const { return engine_->record(); }

  /// Processor seconds of each phase so far.
  std::map<std::string, double> seconds() const {
    std::map<std::string, double> found;
    const auto seconds = engine_->seconds();
    for (std::size_t k = 0; k < seconds.size(); ++k)
      found[deepmd::engine::kPhaseNames[k]] = seconds[k];
    return found;
  }

  /// The terms of one frame as flat arrays: sum, atom, force, virial, atom_virial.
  py::tuple compute(const Array<double>& coord, const Array<std::int32_t>& atype,
                    const std::optional<Array<double>>& box, const deepmd::Flags3& pbc,
                    std::int64_t nloc, const std::optional<Array<double>>& fparam,
                    const std::optional<Array<double>>& aparam, bool atomic) {
    const deepmd::Cell cell(box ? box->data() : nullptr, pbc);
    Frame frame{};
    frame.nloc = nloc, frame.nall = coord.shape(0);
    frame.coord = coord.data(), frame.type = atype.data(), frame.cell = &cell;
    frame.index_mask = -1;
    frame.empty_type = frame.nall > 0 ? std::max(frame.type[0], 0) : 0;
    frame.fparam = fparam ? fparam->data() : nullptr;
    frame.aparam = aparam ? aparam->data() : nullptr;
    Results results;
    {
      py::gil_scoped_release no_gil;
      const deepmd::NeighborPairs pairs =
          deepmd::build_neighbor_pairs(frame.coord, frame.nall, cell, frame.type,
                                       {engine_->spec().rcut(), false, {}, nthreads_});
      for (std::int64_t i = 0; i < nloc; ++i) {
        const std::int64_t first = pairs.first[i];
        frame.neighbors.push_back(pairs.index.data() + first);
        frame.shifts.push_back(pairs.shift.data() + first);
        frame.counts.push_back(std::int32_t(pairs.first[i + 1] - first));
      }
      engine_->compute(frame, atomic, results);
    }
    return py::make_tuple(as_array(results.sum), as_array(results.atom), as_array(results.force),
                          as_array(results.virial), as_array(results.atom_virial));
  }

 private:
  int nthreads_;
  std::unique_ptr<Engine> engine_;
};

/// Multiplies matrices of the fitting net's sizes (float64) so often; gives the number of
/// operations.
double multiply(int times) {
  const auto& kernels = deepmd::engine::kernels<double>();
  constexpr std::int64_t m = 240, n = 240, k = 240;
  const auto b = deepmd::engine::pack(kernels, k, n, std::vector<double>(k * n, 0.5)).forward;
  std::vector<double> a(m * k, 1.0), c(m * b.padded);
  for (int each = 0; each < times; ++each)
    kernels.product(m, a.data(), k, b, c.data(), b.padded, false);
  return 2.0 * double(m * n * k) * times;
}

}  // namespace

PYBIND11_MODULE(_engine, m, py::mod_gil_not_used()) {
  m.doc() = "The native engine in C++; use deepmd_dp.numpy_backend.engine.";
  const auto error = py::register_exception<deepmd::engine::Error>(m, "EngineError");
  py::register_exception<deepmd::engine::NotCovered>(m, "NotCoveredError", error);
  py::class_<Model>(m, "Model", "A model of a document in the safetensors format.")
      .def(py::init<const std::string&, int>(), py::arg("document"), py::arg("nthreads"))
      .def_property_readonly("record", &Model::record, "What a caller must know, JSON.")
      .def_property_readonly("seconds", &Model::seconds, "Processor time of each phase so far.")
      .def("compute", &Model::compute, py::arg("coord").noconvert(), py::arg("atype").noconvert(),
           py::arg("box").noconvert(), py::arg("pbc"), py::arg("nloc"), py::arg("fparam"),
           py::arg("aparam"), py::arg("atomic"), "(sum, atom, force, virial, atom_virial)");
  m.def("multiply", &multiply, py::arg("times"), "Matrix products to time; the operations done");
}
