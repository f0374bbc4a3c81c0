// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Exceptions as one line of text, where none may cross a C interface.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "deepmd/backend_plugin.h"

namespace deepmd {

/// Puts text into one line, as much of it as there is room for; nothing where `error` is null.
inline void set_error(deepmd_error* error, const std::string& text) {
  if (error == nullptr) return;
  constexpr std::size_t room = sizeof error->text - 1;
  std::string line;
  for (const char c : text) {
    const bool is_blank = static_cast<unsigned char>(c) <= ' ';
    if (!is_blank) line += c;
    if (is_blank && !line.empty() && line.back() != ' ') line += ' ';
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  std::size_t size = line.size();
  // no half of a letter at the end
  if (size > room)
    for (size = room; size > 0 && (line[size] & 0xC0) == 0x80;) --size;
  error->text[line.copy(error->text, size)] = '\0';
}

/// The result of what may throw, or `failed`, with why in `error`.
template <class Result, class Function>
Result guarded(deepmd_error* error, Result failed, const Function& function) noexcept {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    set_error(error, "out of memory; take fewer atoms at a time.");
  } catch (const std::exception& reason) {
    set_error(error, reason.what());
  } catch (...) {
    set_error(error, "failed for a reason that is not known.");
  }
  return failed;
}

}  // namespace deepmd
