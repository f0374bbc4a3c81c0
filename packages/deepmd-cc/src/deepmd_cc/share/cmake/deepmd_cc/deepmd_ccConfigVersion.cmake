# SPDX-License-Identifier: LGPL-3.0-or-later
# A minor release may change the headers, so 4.0.3 serves a request for
# 4.0 but not for 4.1.
set(PACKAGE_VERSION "4.0.0")
string(REGEX MATCH "^[0-9]+\\.[0-9]+" _deepmd_cc_series "${PACKAGE_VERSION}")

set(PACKAGE_VERSION_COMPATIBLE FALSE)
if("${PACKAGE_FIND_VERSION_MAJOR}.${PACKAGE_FIND_VERSION_MINOR}" STREQUAL _deepmd_cc_series
   AND NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
unset(_deepmd_cc_series)
