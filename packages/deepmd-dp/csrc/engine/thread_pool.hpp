// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Threads that wait for work; those of one model. Plain std::thread, so that the library brings no
// OpenMP runtime into a process that may have two of them already.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace deepmd {
namespace engine {

class ThreadPool {
 public:
  explicit ThreadPool(int size) {
    for (int k = 1; k < size; ++k) threads_.emplace_back([this, k] { serve(k); });
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  ~ThreadPool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_closing_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  int size() const { return int(threads_.size()) + 1; }

  /// Calls task(k) on each thread k, the caller's being 0; throws the first exception of any.
  void run(const std::function<void(int)>& task) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      task_ = &task;
      error_ = nullptr;
      busy_ = int(threads_.size());
      ++round_;
    }
    wake_.notify_all();
    call(task, 0);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void call(const std::function<void(int)>& task, int number) {
    try {
      task(number);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void serve(int number) {
    long seen = 0;
    while (true) {
      const std::function<void(int)>* task = nullptr;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this, seen] { return is_closing_ || round_ != seen; });
        if (is_closing_) return;
        seen = round_, task = task_;
      }
      call(*task, number);
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int)>* task_ = nullptr;
  std::exception_ptr error_;
  int busy_ = 0;
  long round_ = 0;
  bool is_closing_ = false;
};

}  // namespace engine
}  // namespace deepmd
