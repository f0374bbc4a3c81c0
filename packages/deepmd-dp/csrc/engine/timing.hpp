// SPDX-License-Identifier: LGPL-3.0-or-later
//
// How long the parts of a computation take.
#pragma once

#include <array>
#include <chrono>

namespace deepmd {
namespace engine {

enum class Phase { gather, edges, moments, contraction, fitting, forces };

constexpr int kPhases = 6;
constexpr const char* kPhaseNames[kPhases] = {"gather",      "edges",   "moments",
                                              "contraction", "fitting", "forces"};

/// Seconds of each phase, added up.
struct Timing {
  using Clock = std::chrono::steady_clock;
  std::array<double, kPhases> seconds{};

  /// Notes the time since `start` and starts anew.
  void add(Phase phase, Clock::time_point& start) {
    const auto now = Clock::now();
    seconds[std::size_t(phase)] += std::chrono::duration<double>(now - start).count();
    start = now;
  }
};

}  // namespace engine
}  // namespace deepmd
