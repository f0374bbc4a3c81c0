// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Functions that the compiler makes for several instruction sets; the loader takes the best that
// the machine has, so that a portable library is fast.
#pragma once

#define DEEPMD_INLINE __attribute__((always_inline)) inline

// A build may define DEEPMD_CLONES as nothing and choose one set by the compiler's options:
// runtimes of sanitizers are not there yet when the loader chooses.
#if !defined(DEEPMD_CLONES) && defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && \
    defined(__has_attribute)
#if __has_attribute(target_clones)
#define DEEPMD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#endif
#ifndef DEEPMD_CLONES
#define DEEPMD_CLONES
#endif
