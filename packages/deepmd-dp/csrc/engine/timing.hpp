// SPDX-License-Identifier: LGPL-3.0-or-later
//
// How much of the processor's time the parts of a computation take.
#pragma once

#include <ctime>

#include <array>
#include <cstddef>

namespace deepmd::engine {

enum class Phase { gather, edges, moments, contraction, fitting, forces };

constexpr int kPhases = 6;
constexpr const char* kPhaseNames[kPhases] = {"gather",      "edges",   "moments",
                                              "contraction", "fitting", "forces"};

/// Seconds of each phase, added up; of one thread.
class Timing {
 public:
  std::array<double, kPhases> seconds{};

  /// Starts the clock.
  void start() { last_ = now(); }

  /// Notes the time since the clock was started, and starts it anew.
  void add(Phase phase) {
    const double time = now();
    seconds[std::size_t(phase)] += time - last_;
    last_ = time;
  }

 private:
  static double now() {
    std::timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
  }
  double last_ = 0.0;
};

/// A thread that works on blocks, and its clock.
struct Worker {
  std::size_t number = 0;
  Timing timing;
};

}  // namespace deepmd::engine
