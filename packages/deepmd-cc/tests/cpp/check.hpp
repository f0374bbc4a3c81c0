// SPDX-License-Identifier: LGPL-3.0-or-later
// Checks that count themselves, and go on after a failure.
#pragma once

#include <cstdio>
#include <stdexcept>
#include <string>

inline int nchecks = 0;
inline int nfailed = 0;

inline void report_check(bool passed, const char* what, int line) {
  ++nchecks;
  if (passed) return;
  ++nfailed;
  std::printf("line %d failed: %s\n", line, what);
}

#define CHECK(condition) report_check((condition), #condition, __LINE__)

// The call throws std::invalid_argument, and its message holds the words.
template <class Call>
void check_refused(Call&& call, const std::string& words, int line) {
  std::string message = "nothing was thrown";
  bool passed = false;
  try {
    call();
  } catch (const std::invalid_argument& error) {
    message = error.what();
    passed = message.find(words) != std::string::npos;
  }
  report_check(passed, (words + " <- " + message).c_str(), line);
}

#define CHECK_REFUSED(call, words) check_refused([&] { call; }, words, __LINE__)

inline int close_checks() {
  std::printf("%d checks, %d failed\n", nchecks, nfailed);
  return nfailed == 0 ? 0 : 1;
}
