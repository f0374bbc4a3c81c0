// SPDX-License-Identifier: LGPL-3.0-or-later
//
// What Python calls by ctypes (deepmd_dp/native, where arguments are checked): plain C for every
// Python.
#pragma once

#include <cstdint>
#include <new>
#include <stdexcept>

#include "deepmd/cell.hpp"
#include "deepmd/guarded.hpp"
#include "document.hpp"

#define DEEPMD_PYTHON extern "C" __attribute__((visibility("default")))

namespace deepmd::python {

/// One frame's atoms and boundary, in arrays of Python's.
struct Frame {
  std::int64_t natoms;
  const double* coord;        // (natoms, 3) [Å]
  const std::int32_t* atype;  // (natoms)
  const double* box;          // (3, 3) [Å], or null
  std::int32_t pbc[3];

  Cell cell() const { return {box, {pbc[0] != 0, pbc[1] != 0, pbc[2] != 0}}; }
};

/// How a call ended; Python makes exceptions of it.
enum Status : int { kDone, kWrongValue, kNoMemory, kFailed, kNotCovered };

template <class Function>
int call(deepmd_error* error, const Function& function) noexcept {
  const auto ended = [&](Status status, const char* why) { return set_error(error, why), status; };
  try {
    function();
    return kDone;
  } catch (const std::bad_alloc&) {
    return ended(kNoMemory, "out of memory");
  } catch (const std::invalid_argument& reason) {
    return ended(kWrongValue, reason.what());
  } catch (const engine::NotCovered& reason) {
    return ended(kNotCovered, reason.what());
  } catch (const std::exception& reason) {
    return ended(kFailed, reason.what());
  }
}

}  // namespace deepmd::python
