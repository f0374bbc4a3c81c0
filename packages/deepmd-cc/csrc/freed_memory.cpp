// SPDX-License-Identifier: LGPL-3.0-or-later
#include "freed_memory.hpp"

#include <cstdlib>  // defines __GLIBC__ where it is the C library
#include <cstring>

#ifdef __GLIBC__
#include <malloc.h>
#include <unistd.h>
#endif

namespace deepmd {

void keep_freed_memory() {
#ifdef __GLIBC__
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::strncmp(*variable, "MALLOC_", 7) == 0 ||
        std::strncmp(*variable, "GLIBC_TUNABLES=", 15) == 0)
      return;
  mallopt(M_MMAP_MAX, 0);         // no piece is asked of the kernel by itself
  mallopt(M_ARENA_MAX, 1);        // one heap for all threads: those of others hold no large pieces
  mallopt(M_TRIM_THRESHOLD, -1);  // nothing is given back
#endif
}

}  // namespace deepmd
