// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Loops on the threads of Paddle's own pool.
#pragma once

#include <paddle/phi/core/threadpool.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <future>
#include <vector>

namespace deepmd_pd {

/// Calls body(begin, end) for ranges that make up 0..count, on this thread and, for
/// work enough, on others of the pool.
class Parallel {
 public:
  explicit Parallel(int64_t nthreads) : nthreads_(nthreads) {}

  template <class Body>
  void operator()(int64_t count, const Body& body) const {
    const int64_t helpers = std::min(nthreads_, count) - 1;
    // several ranges for each thread, since neither atoms nor threads are equally fast
    const int64_t size = std::max<int64_t>(1, count / (4 * std::max<int64_t>(1, nthreads_)));
    std::atomic<int64_t> next{0};
    const auto work = [&] {
      for (int64_t begin; (begin = next.fetch_add(size)) < count;)
        body(begin, std::min(begin + size, count));
    };
    std::vector<std::future<void>> running;
    for (int64_t i = 0; i < helpers; ++i)
      running.push_back(phi::ThreadPool::GetInstance()->Run(work));
    work();
    for (auto& each : running) each.get();
  }

 private:
  int64_t nthreads_;
};

}  // namespace deepmd_pd
