// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Threads of the standard library: it brings no OpenMP runtime into a process that may have two of
// them already. Starting a thread costs some 30 µs, a step of a thousand atoms 50,000.
#pragma once

#include <functional>
#include <future>
#include <vector>

namespace deepmd {
namespace engine {

/// Calls task(k) for 0 <= k < number, each on a thread of its own, the caller's being 0; throws the
/// exception of one.
template <class Task>
void run_on_threads(int number, const Task& task) {
  std::vector<std::future<void>> others;
  for (int k = 1; k < number; ++k)
    others.push_back(std::async(std::launch::async, std::cref(task), k));
  task(0);  // where it throws, the others are waited for
  for (auto& each : others) each.get();
}

}  // namespace engine
}  // namespace deepmd
