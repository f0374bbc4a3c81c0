// SPDX-License-Identifier: LGPL-3.0-or-later
#include "kernels.hpp"

#include <cstdlib>
#include <string>

#include "document.hpp"
#include "kernel_loops.hpp"

namespace deepmd::engine {
namespace {

// The loops as functions of one instruction set, and the table of them.
#define DEEPMD_KERNELS(NAME, TARGET, BYTES, ROWS)               \
  namespace NAME {                                              \
  template <auto Loop, class... Arguments>                      \
  TARGET void made(Arguments... arguments) {                    \
    Loop(arguments...);                                         \
  }                                                             \
  template <class T>                                            \
  const Kernels<T> table{#NAME,                                 \
                         BYTES / int(sizeof(T)),                \
                         made<loops::product<T, BYTES, ROWS>>,  \
                         made<loops::activate<T, BYTES>>,       \
                         made<loops::rows_of<T>>,               \
                         made<loops::polynomials<T, BYTES>>,    \
                         made<loops::accumulate<T, BYTES>>,     \
                         made<loops::gradients<T, BYTES>>,      \
                         made<loops::displacements<T>>,         \
                         made<loops::contract<T, BYTES>>,       \
                         made<loops::contract_back<T, BYTES>>}; \
  }

DEEPMD_KERNELS(generic, , 16, 4)
#if defined(__x86_64__) && defined(__GNUC__)
DEEPMD_KERNELS(avx2, __attribute__((target("arch=x86-64-v3"))), 32, 4)
DEEPMD_KERNELS(avx512, __attribute__((target("arch=x86-64-v4"))), 64, 8)
#endif

}  // namespace

template <class T>
const Kernels<T>& kernels() {
  const char* variable = std::getenv("DEEPMD_INSTRUCTIONS");
  const std::string wanted = variable == nullptr ? "" : variable;
  std::vector<const Kernels<T>*> tables;  // that the machine has, the best first
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("x86-64-v4")) tables.push_back(&avx512::table<T>);
  if (__builtin_cpu_supports("x86-64-v3")) tables.push_back(&avx2::table<T>);
#endif
  tables.push_back(&generic::table<T>);
  for (const Kernels<T>* table : tables)
    if (wanted.empty() || wanted == table->name) return *table;
  throw Error("DEEPMD_INSTRUCTIONS is " + wanted +
              "; expected generic, avx2 or avx512, and a machine that has it");
}

template const Kernels<double>& kernels<double>();
template const Kernels<float>& kernels<float>();

}  // namespace deepmd::engine
