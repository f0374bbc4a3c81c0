# SPDX-License-Identifier: LGPL-3.0-or-later
# Defines the imported target deepmd::kernels: C++17 headers, nothing to link but
# the threads library; and the function deepmd_add_backend_plugin.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include("${CMAKE_CURRENT_LIST_DIR}/deepmd_cc_plugins.cmake")

if(NOT TARGET deepmd::kernels)
  get_filename_component(_deepmd_cc_root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
  add_library(deepmd::kernels INTERFACE IMPORTED)
  set_target_properties(
    deepmd::kernels
    PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_deepmd_cc_root}/include"
               INTERFACE_COMPILE_FEATURES cxx_std_17
               INTERFACE_LINK_LIBRARIES Threads::Threads)
  unset(_deepmd_cc_root)
endif()
