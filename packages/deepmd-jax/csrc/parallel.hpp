// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Loops on XLA's own threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "xla/ffi/api/ffi.h"

namespace deepmd_jax {

/// Calls body(begin, end) for ranges that make up 0..count, on the pool's threads and this one.
///
/// Whoever comes takes the next range, and this thread waits only for ranges that another has
/// begun: so there is no deadlock where it is one of the pool's threads itself and the others are
/// busy.
class Parallel {
 public:
  explicit Parallel(const xla::ffi::ThreadPool& pool) : pool_(pool) {}

  template <class Body>
  void operator()(std::int64_t count, const Body& body) const {
    const std::int64_t threads = std::max<std::int64_t>(1, pool_.num_threads());
    const std::int64_t nranges = std::min(count, threads == 1 ? 1 : ranges_per_thread * threads);
    if (nranges <= 1) {
      if (count > 0) body(std::int64_t(0), count);
      return;
    }
    const auto run = [&body, count, nranges](std::int64_t i) {
      body(i * count / nranges, (i + 1) * count / nranges);
    };
    // A task that starts when all is done still looks at the progress, but not at `run`.
    const auto progress = std::make_shared<Progress>();
    auto work = [progress, nranges, &run] {
      for (std::int64_t i; (i = progress->next++) < nranges;) {
        run(i);
        progress->finish(nranges);
      }
    };
    auto pool = pool_;
    for (std::int64_t i = 1; i < std::min(threads, nranges); ++i)
      pool.Schedule(decltype(work)(work));
    work();
    progress->wait(nranges);
  }

 private:
  /// So many ranges that a thread which is late costs little.
  static constexpr std::int64_t ranges_per_thread = 4;

  struct Progress {
    std::atomic<std::int64_t> next{0};
    std::int64_t done = 0;
    std::mutex mutex;
    std::condition_variable all_done;

    void finish(std::int64_t nranges) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (++done == nranges) all_done.notify_one();
    }
    void wait(std::int64_t nranges) {
      std::unique_lock<std::mutex> lock(mutex);
      all_done.wait(lock, [&] { return done == nranges; });
    }
  };

  xla::ffi::ThreadPool pool_;
};

}  // namespace deepmd_jax
