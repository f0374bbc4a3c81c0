# SPDX-License-Identifier: LGPL-3.0-or-later

# deepmd_find_json(): DEEPMD_JSON_INCLUDE, where nlohmann/json.hpp is: in the wheel nlohmann_json of the Python that
# CMake finds, or in the system's folders. Headers that read records need it.
macro(deepmd_find_json)
  find_package(Python 3.10 REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
            "from importlib.util import find_spec; print(*getattr(find_spec('nlohmann_json'), 'submodule_search_locations', []))"
    OUTPUT_VARIABLE DEEPMD_JSON_ROOT
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  find_path(DEEPMD_JSON_INCLUDE nlohmann/json.hpp HINTS "${DEEPMD_JSON_ROOT}/include" REQUIRED)
endmacro()

# deepmd_add_backend_plugin(NAME SOURCES file... LIBRARIES library... FOLDERS folder...)
#
# The target deepmd_backend_NAME: the plug-in of a backend, which exports deepmd_backend_plugin. It is
# installed into lib, that is into <package>/lib of the wheel, and looks for the libraries that it needs in FOLDERS,
# which are relative to site-packages or absolute.
function(deepmd_add_backend_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES;FOLDERS")
  deepmd_find_json()
  set(target deepmd_backend_${name})
  add_library(${target} MODULE ${arg_SOURCES})
  target_include_directories(${target} SYSTEM PRIVATE "${DEEPMD_JSON_INCLUDE}")
  target_compile_features(${target} PRIVATE cxx_std_17)
  target_compile_options(${target} PRIVATE -Wall -Wextra)
  target_link_libraries(${target} PRIVATE deepmd::headers ${arg_LIBRARIES})
  if(APPLE)
    set(origin "@loader_path")
  else()
    set(origin "$ORIGIN")
  endif()
  set(rpath)
  foreach(folder IN LISTS arg_FOLDERS)
    cmake_path(IS_RELATIVE folder is_relative)
    if(is_relative)
      string(PREPEND folder "${origin}/../../")
    endif()
    list(APPEND rpath "${folder}")
  endforeach()
  set_target_properties(
    ${target}
    PROPERTIES CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               BUILD_WITH_INSTALL_RPATH ON
               INSTALL_RPATH "${rpath}"
               PREFIX "lib"
               SUFFIX ".so")
  install(TARGETS ${target} LIBRARY DESTINATION lib)
endfunction()
