// SPDX-License-Identifier: LGPL-3.0-or-later
#include "../../csrc/freed_memory.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <cstring>

#include "check.hpp"

namespace {

// Pages that the kernel gives for a piece of 100 MB.
long pages_of_a_piece() {
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  constexpr std::size_t size = 100'000'000;
  void* piece = std::malloc(size);
  std::memset(piece, 1, size);
  asm volatile("" : : "r"(piece) : "memory");  // else a compiler sees that nobody reads it
  std::free(piece);
  getrusage(RUSAGE_SELF, &after);
  return after.ru_minflt - before.ru_minflt;
}

void settings_of_the_user_stay() {
  setenv("MALLOC_ARENA_MAX", "3", 1);
  deepmd::keep_freed_memory();
  pages_of_a_piece();
  CHECK(pages_of_a_piece() > 100);
  unsetenv("MALLOC_ARENA_MAX");
}

void large_pieces_stay() {
  deepmd::keep_freed_memory();
  pages_of_a_piece();
  CHECK(pages_of_a_piece() < 100);
}

}  // namespace

int main() {
  settings_of_the_user_stay();
  large_pieces_stay();
  return close_checks();
}
