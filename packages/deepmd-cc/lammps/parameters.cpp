// SPDX-License-Identifier: LGPL-3.0-or-later
#include "parameters.hpp"

#include <algorithm>
#include <stdexcept>

#include "atom.h"
#include "compute.h"
#include "fix.h"
#include "fmt/format.h"
#include "modify.h"

namespace deepmd_lammps {

using LAMMPS_NS::Compute;
using LAMMPS_NS::Fix;

namespace {

template <class... Arguments>
[[noreturn]] void fail(const char* format, Arguments&&... arguments) {
  throw std::invalid_argument(fmt::vformat(format, fmt::make_format_args(arguments...)));
}

void check_source(const ParameterSource& source, const char* name, int dim, bool has_default) {
  if (dim == 0 && source.is_given())
    fail("{} is given, but the model takes none; remove it.", name);
  if (dim > 0 && !source.is_given() && !has_default)
    fail("the model takes {0} of {1} numbers; give `{0}`, or `{0}_from_compute`.", name, dim);
  const int given = static_cast<int>(source.values.size());
  if (given > 0 && given != dim)
    fail("{} has {} numbers, but the model takes {}.", name, given, dim);
}

// Numbers that a compute or a fix gives of the whole system, from one of its vector (from 1) where
// that is said.
template <class Source>
int global_size(const Source& source, int first, int dim) {
  if (dim == 1 && first == 0 && source.scalar_flag) return 1;
  if (source.vector_flag) return source.size_vector - std::max(first - 1, 0);
  return first == 0 ? source.scalar_flag : 0;
}

int size_of_atom(const Compute& compute) {
  return !compute.peratom_flag ? 0 : std::max(compute.size_peratom_cols, 1);
}

// The compute or fix of an ID, which must give as many numbers as the model takes.
template <class Source, class Size>
Source* checked(Source* source, const char* keyword, const char* kind, const std::string& id,
                const char* of, int needed, const Size& size) {
  if (source == nullptr) fail("{}: there is no {} {}.", keyword, kind, id);
  const int n = std::max(size(*source), 0);
  if (n < needed)
    fail("{}: {} {} gives {} numbers {}, the model takes {}.", keyword, kind, id, n, of, needed);
  return source;
}

// Has it computed, once a step.
template <class Result>
void invoke(Compute& compute, int flag, Result (Compute::*run)()) {
  if ((compute.invoked_flag & flag) != 0) return;
  (compute.*run)();
  compute.invoked_flag |= flag;
}

void read_global(Compute& compute, std::vector<double>& values) {
  if (values.size() == 1 && compute.scalar_flag) {
    invoke(compute, Compute::INVOKED_SCALAR, &Compute::compute_scalar);
    values[0] = compute.scalar;
    return;
  }
  invoke(compute, Compute::INVOKED_VECTOR, &Compute::compute_vector);
  values.assign(compute.vector, compute.vector + values.size());
}

void read_global(Fix& fix, int first, std::vector<double>& values) {
  if (values.size() == 1 && first == 0 && fix.scalar_flag) {
    values[0] = fix.compute_scalar();
    return;
  }
  const int start = first > 0 ? first - 1 : 0;
  for (std::size_t k = 0; k < values.size(); ++k)
    values[k] = fix.compute_vector(start + static_cast<int>(k));
}

}  // namespace

void Parameters::configure(const PairOptions& options, int dim_fparam, int dim_aparam,
                           bool has_default) {
  check_source(options.fparam, "fparam", dim_fparam, has_default);
  check_source(options.aparam, "aparam", dim_aparam, false);
  fparam_source_ = options.fparam;
  aparam_source_ = options.aparam;
  dim_fparam_ = dim_fparam;
  dim_aparam_ = dim_aparam;
}

void Parameters::find_sources() {
  fparam_compute_ = aparam_compute_ = nullptr;
  fparam_fix_ = nullptr;
  const int first = fparam_source_.first;
  const auto of_system = [&](const auto& source) {
    return global_size(source, first, dim_fparam_);
  };
  if (const std::string& id = fparam_source_.compute; !id.empty())
    fparam_compute_ = checked(modify->get_compute_by_id(id), "fparam_from_compute", "compute", id,
                              "of the whole system", dim_fparam_, of_system);
  if (const std::string& id = fparam_source_.fix; !id.empty())
    fparam_fix_ = checked(modify->get_fix_by_id(id), "fparam_from_fix", "fix", id, "from there",
                          dim_fparam_, of_system);
  if (const std::string& id = aparam_source_.compute; !id.empty())
    aparam_compute_ = checked(modify->get_compute_by_id(id), "aparam_from_compute", "compute", id,
                              "of an atom", dim_aparam_, size_of_atom);
}

const double* Parameters::fparam() {
  if (!fparam_source_.is_given()) return nullptr;
  fparam_.resize(dim_fparam_);
  if (fparam_compute_ != nullptr)
    read_global(*fparam_compute_, fparam_);
  else if (fparam_fix_ != nullptr)
    read_global(*fparam_fix_, fparam_source_.first, fparam_);
  else
    fparam_ = fparam_source_.values;
  return fparam_.data();
}

std::vector<double>& Parameters::aparam() {
  const std::size_t nlocal = atom->nlocal, nall = nlocal + atom->nghost, dim = dim_aparam_;
  aparam_.assign(nall * dim, 0.0);
  if (aparam_compute_ == nullptr) {
    for (std::size_t k = 0; k < aparam_.size(); ++k) aparam_[k] = aparam_source_.values[k % dim];
    return aparam_;
  }
  Compute& compute = *aparam_compute_;
  invoke(compute, Compute::INVOKED_PERATOM, &Compute::compute_peratom);
  for (std::size_t i = 0; i < nlocal; ++i)
    for (std::size_t k = 0; k < dim; ++k)
      aparam_[i * dim + k] =
          compute.size_peratom_cols == 0 ? compute.vector_atom[i] : compute.array_atom[i][k];
  return aparam_;
}

}  // namespace deepmd_lammps
