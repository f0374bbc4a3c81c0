// SPDX-License-Identifier: LGPL-3.0-or-later
// deepmd_dp._neighbor: neighbor lists for Python. Arguments are checked by
// deepmd_dp/neighbor/; here shapes are taken for granted.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "deepmd/neighbor_list.hpp"
#include "deepmd/padded_list.hpp"

namespace py = pybind11;

namespace {

// Contiguous or refused: nothing is copied on the way in.
template <class T>
using Array = py::array_t<T, py::array::c_style>;

using TypePairs = std::vector<std::pair<std::int32_t, std::int32_t>>;

// Numbers that C++ owns, as a NumPy array of the given shape.
template <class T, class Owner>
py::array_t<T> as_array(Owner owner, std::vector<py::ssize_t> shape) {
  auto kept = std::make_unique<Owner>(std::move(owner));
  const T* data = reinterpret_cast<const T*>(kept->data());
  py::capsule release(kept.get(), [](void* p) { delete static_cast<Owner*>(p); });
  kept.release();
  return py::array_t<T>(std::move(shape), data, release);
}

// Views of one frame's arrays, which outlive it.
struct Frame {
  Frame(const Array<double>& coord_, const Array<std::int32_t>& atype,
        const std::optional<Array<double>>& box, deepmd::Flags3 pbc)
      : coord(coord_.data()),
        types(atype.data()),
        natoms(coord_.shape(0)),
        cell(box ? box->data() : nullptr, pbc) {}

  deepmd::NeighborPairs pairs(double rcut, bool by_type, const TypePairs& exclude_pairs,
                              int nthreads) const {
    return deepmd::build_neighbor_pairs(coord, natoms, cell, types,
                                        {rcut, by_type, exclude_pairs, nthreads});
  }

  const double* coord;
  const std::int32_t* types;
  std::int64_t natoms;
  deepmd::Cell cell;
};

// Of each two types, in a square; infinite where no such atoms are neighbors.
std::vector<double> nearest_distances(const Frame& frame, const deepmd::NeighborPairs& pairs,
                                      std::int64_t ntypes) {
  std::vector<double> nearest(ntypes * ntypes, std::numeric_limits<double>::infinity());
  for (std::int64_t i = 0; i < frame.natoms; ++i)
    for (std::int64_t k = pairs.first[i]; k < pairs.first[i + 1]; ++k) {
      deepmd::Vec3 r = frame.cell.translation(pairs.shift[k]);
      for (int axis = 0; axis < 3; ++axis)
        r[axis] += frame.coord[3 * pairs.index[k] + axis] - frame.coord[3 * i + axis];
      double& least = nearest[ntypes * frame.types[i] + frame.types[pairs.index[k]]];
      least = std::min(least, deepmd::norm(r));
    }
  return nearest;
}

py::tuple build_padded(const Array<double>& coord, const Array<std::int32_t>& atype,
                       const std::optional<Array<double>>& box, const deepmd::Flags3& pbc,
                       double rcut, std::int64_t nsections,
                       std::optional<std::vector<std::int64_t>> widths,
                       const TypePairs& exclude_pairs, int nthreads) {
  const Frame frame(coord, atype, box, pbc);
  const bool by_type = nsections > 1;
  const std::int32_t* section_of = by_type ? frame.types : nullptr;
  deepmd::NeighborPairs pairs;
  {
    py::gil_scoped_release no_gil;
    pairs = frame.pairs(rcut, by_type, exclude_pairs, nthreads);
    if (!widths) widths = deepmd::free_widths(pairs, section_of, nsections);
  }
  std::int64_t nnei = 0;
  for (const std::int64_t width : *widths) nnei += width;
  py::array_t<std::int64_t> nlist({frame.natoms, nnei});
  py::array_t<double> shift({frame.natoms, nnei, std::int64_t{3}});
  std::int64_t *const nlist_data = nlist.mutable_data(), ndropped = 0;
  double* const shift_data = shift.mutable_data();
  {
    py::gil_scoped_release no_gil;
    ndropped = deepmd::fill_padded(pairs, frame.cell, section_of, *widths, nlist_data, shift_data);
  }
  return py::make_tuple(nlist, shift, *widths, ndropped);
}

py::tuple build_pairs(const Array<double>& coord, const Array<std::int32_t>& atype,
                      const std::optional<Array<double>>& box, const deepmd::Flags3& pbc,
                      double rcut, const TypePairs& exclude_pairs, int nthreads) {
  const Frame frame(coord, atype, box, pbc);
  deepmd::NeighborPairs pairs;
  {
    py::gil_scoped_release no_gil;
    pairs = frame.pairs(rcut, false, exclude_pairs, nthreads);
  }
  const auto npairs = static_cast<py::ssize_t>(pairs.index.size());
  return py::make_tuple(as_array<std::int64_t>(std::move(pairs.first), {frame.natoms + 1}),
                        as_array<std::int32_t>(std::move(pairs.index), {npairs}),
                        as_array<std::int32_t>(std::move(pairs.shift), {npairs, 3}));
}

py::tuple count_neighbors(const Array<double>& coord, const Array<std::int32_t>& atype,
                          const std::optional<Array<double>>& box, const deepmd::Flags3& pbc,
                          double rcut, std::int64_t ntypes, int nthreads) {
  const Frame frame(coord, atype, box, pbc);
  std::vector<double> nearest;
  std::vector<std::int64_t> largest;
  std::int64_t most = 0;
  {
    py::gil_scoped_release no_gil;
    const deepmd::NeighborPairs pairs = frame.pairs(rcut, false, {}, nthreads);
    nearest = nearest_distances(frame, pairs, ntypes);
    largest = deepmd::largest_counts(pairs, frame.types, ntypes);
    for (std::int64_t i = 0; i < frame.natoms; ++i)
      most = std::max(most, pairs.first[i + 1] - pairs.first[i]);
  }
  return py::make_tuple(as_array<double>(std::move(nearest), {ntypes, ntypes}),
                        as_array<std::int64_t>(std::move(largest), {ntypes}), most);
}

}  // namespace

PYBIND11_MODULE(_neighbor, m, py::mod_gil_not_used()) {
  m.doc() = "Neighbor lists in C++; use deepmd_dp.neighbor.";
  m.def("build_padded", &build_padded, py::arg("coord").noconvert(), py::arg("atype").noconvert(),
        py::arg("box").noconvert(), py::arg("pbc"), py::arg("rcut"), py::arg("nsections"),
        py::arg("widths"), py::arg("exclude_pairs"), py::arg("nthreads"),
        "(nlist, shift, widths, ndropped)");
  m.def("build_pairs", &build_pairs, py::arg("coord").noconvert(), py::arg("atype").noconvert(),
        py::arg("box").noconvert(), py::arg("pbc"), py::arg("rcut"), py::arg("exclude_pairs"),
        py::arg("nthreads"), "(first, index, shift)");
  m.def("count_neighbors", &count_neighbors, py::arg("coord").noconvert(),
        py::arg("atype").noconvert(), py::arg("box").noconvert(), py::arg("pbc"), py::arg("rcut"),
        py::arg("ntypes"), py::arg("nthreads"),
        "(nearest distances, largest count for each type, of all)");
}
