# SPDX-License-Identifier: LGPL-3.0-or-later
# Defines the imported targets
#   deepmd::headers   the folder of all headers, for C too: what a plug-in needs
#   deepmd::kernels   C++17 headers of kernels: nothing to link but the threads library
#   deepmd::cc        libdeepmd_cc, where it is built: models from C and C++
# and the function deepmd_add_backend_plugin.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include("${CMAKE_CURRENT_LIST_DIR}/deepmd_cc_plugins.cmake")

if(NOT TARGET deepmd::headers)
  get_filename_component(_deepmd_cc_root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
  add_library(deepmd::headers INTERFACE IMPORTED)
  set_target_properties(deepmd::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES
                                                   "${_deepmd_cc_root}/include")

  add_library(deepmd::kernels INTERFACE IMPORTED)
  set_target_properties(
    deepmd::kernels PROPERTIES INTERFACE_COMPILE_FEATURES cxx_std_17
                               INTERFACE_LINK_LIBRARIES "deepmd::headers;Threads::Threads")

  set(_deepmd_cc_library "${_deepmd_cc_root}/lib/libdeepmd_cc.so")
  if(EXISTS "${_deepmd_cc_library}")
    add_library(deepmd::cc SHARED IMPORTED)
    set_target_properties(deepmd::cc PROPERTIES IMPORTED_LOCATION "${_deepmd_cc_library}"
                                                INTERFACE_LINK_LIBRARIES deepmd::headers)
  endif()
  unset(_deepmd_cc_library)
  unset(_deepmd_cc_root)
endif()
