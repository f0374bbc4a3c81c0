// SPDX-License-Identifier: LGPL-3.0-or-later
// Memory that a step gives back is kept for the next one.
#pragma once

namespace deepmd {

// Tells the C library to keep large pieces of memory that are freed.
//
// A graph asks for arrays of megabytes at each step anew. glibc returns them to the kernel each
// time, which fills them with zeros, page by page, for the next step: a third of the time of a
// step in PyTorch, 40 % in Paddle. Whoever has settings of their own in the environment keeps them.
// deepmd_dp/kit/memory.py does the same in Python, up to 1 GiB; here a step takes what the last one
// took.
void keep_freed_memory();

}  // namespace deepmd
