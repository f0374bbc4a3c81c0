// SPDX-License-Identifier: LGPL-3.0-or-later
// Models opened, run and closed in several threads at once, each on threads of its own.
#include <thread>

#include "frames.hpp"

namespace {

constexpr int kCallers = 3, kRuns = 2, kThreads = 2;

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "";
  std::vector<std::vector<double>> found(kCallers);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller)
    callers.emplace_back([&, caller] {
      Model model(path, kThreads);
      if (!model.is_open()) return;
      const Atoms atoms = atoms_of(model, 5);
      for (int run = 0; run < kRuns; ++run)
        found[static_cast<std::size_t>(caller)] = model.compute(atoms);
    });
  for (auto& caller : callers) caller.join();
  for (const auto& numbers : found) CHECK(!numbers.empty() && numbers.size() == found[0].size());
  return close_checks();
}
