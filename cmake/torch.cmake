# Defines kvcompare_torch: libtorch, from the first of
#   1. Torch_DIR or CMAKE_PREFIX_PATH, as variable or in the environment,
#   2. the PyTorch that `python3 -c "import torch"` finds,
#   3. the wheel that launch/setup.sh unpacks into KVCOMPARE_DEPS.
#
# TorchConfig.cmake of a wheel built for CUDA does not configure without a CUDA toolkit, so the libraries are
# linked as imported targets; with KVCOMPARE_CUDA its CUDA libraries too, and the toolkit is then required.
set(KVCOMPARE_DEPS "${PROJECT_SOURCE_DIR}/.deps" CACHE PATH "Where launch/setup.sh unpacks what apt does not have")
set(kvcompare_oldest_torch 2.6)
set(kvcompare_torch_wheel 2.11.0)

# Folders in which the user says that a libtorch may be.
function(kvcompare_given_torch_roots result)
  set(roots "")
  if(NOT DEFINED Torch_DIR AND DEFINED ENV{Torch_DIR})
    set(Torch_DIR $ENV{Torch_DIR})
  endif()
  if(Torch_DIR)
    get_filename_component(root "${Torch_DIR}/../../.." ABSOLUTE)  # ROOT/share/cmake/Torch
    if(NOT EXISTS "${Torch_DIR}/TorchConfig.cmake")
      message(FATAL_ERROR "Torch_DIR=${Torch_DIR}: there is no TorchConfig.cmake in it. "
        "It has to be the folder share/cmake/Torch of a libtorch or PyTorch; leave it out to have one found or fetched.")
    endif()
    list(APPEND roots "${root}")
  endif()
  string(REPLACE ":" ";" from_environment "$ENV{CMAKE_PREFIX_PATH}")
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH from_environment)
    if(EXISTS "${prefix}/share/cmake/Torch/TorchConfig.cmake")
      list(APPEND roots "${prefix}")
    elseif(EXISTS "${prefix}/Torch/TorchConfig.cmake")  # what torch.utils.cmake_prefix_path says
      get_filename_component(root "${prefix}/../.." ABSOLUTE)
      list(APPEND roots "${root}")
    endif()
  endforeach()
  set(${result} "${roots}" PARENT_SCOPE)
endfunction()

function(kvcompare_find_torch_root result)
  kvcompare_given_torch_roots(given)
  if(given)
    list(GET given 0 root)
    set(${result} "${root}" PARENT_SCOPE)
    return()
  endif()
  find_program(KVCOMPARE_PYTHON python3)
  if(KVCOMPARE_PYTHON)
    execute_process(COMMAND ${KVCOMPARE_PYTHON} ${PROJECT_SOURCE_DIR}/cmake/installed_torch.py
      OUTPUT_VARIABLE root ERROR_VARIABLE reason RESULT_VARIABLE status OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(status EQUAL 0)
      set(${result} "${root}" PARENT_SCOPE)
      return()
    endif()
    string(STRIP "${reason}" reason)
    message(STATUS "The PyTorch of ${KVCOMPARE_PYTHON} is not used: ${reason}")
  endif()
  set(candidates "${KVCOMPARE_DEPS}/torch-${kvcompare_torch_wheel}/torch")
  if(KVCOMPARE_CUDA)
    list(PREPEND candidates "${KVCOMPARE_DEPS}/torch-${kvcompare_torch_wheel}-cuda/torch")
  endif()
  foreach(root IN LISTS candidates)
    if(EXISTS "${root}/include/ATen/core/Tensor.h")
      set(${result} "${root}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "No libtorch. Run launch/setup.sh, which fetches it into ${KVCOMPARE_DEPS}, "
    "or give -DTorch_DIR=FOLDER/share/cmake/Torch of a PyTorch >= ${kvcompare_oldest_torch}.")
endfunction()

function(kvcompare_torch_version root result)
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)  # since 2.9; before
    if(EXISTS "${root}/include/${header}")
      file(STRINGS "${root}/include/${header}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
      string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
      list(JOIN numbers "." version)
      if(version)
        set(${result} "${version}" PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
  message(FATAL_ERROR "${root}/include: no torch/headeronly/version.h and no torch/version.h; this is no libtorch.")
endfunction()

# An imported shared library kvcompare::NAME out of the libtorch in `root`.
function(kvcompare_import_torch_library root name)
  find_library(library ${name} PATHS ${root} PATH_SUFFIXES lib lib/${CMAKE_LIBRARY_ARCHITECTURE} NO_DEFAULT_PATH NO_CACHE)
  if(NOT library)
    message(FATAL_ERROR "${root}/lib: lib${name}.so is missing. Remove that folder and run launch/setup.sh, "
      "or name another libtorch with -DTorch_DIR=FOLDER/share/cmake/Torch.")
  endif()
  add_library(kvcompare::${name} SHARED IMPORTED)
  set_target_properties(kvcompare::${name} PROPERTIES  # its headers count as system headers: no warnings
    IMPORTED_LOCATION ${library} INTERFACE_INCLUDE_DIRECTORIES ${root}/include)
endfunction()

# The ABI is read from the name of a function of libc10.so that takes a std::string.
function(kvcompare_require_new_abi root)
  get_target_property(library kvcompare::c10 IMPORTED_LOCATION)
  file(STRINGS ${library} symbols REGEX "torchCheckFailEPKcS2_jRKNSt7__cxx11" LIMIT_COUNT 1)
  if(NOT symbols)
    message(FATAL_ERROR "${root}: this libtorch was built with the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0), "
      "which the system's spdlog and GoogleTest do not have. Use one with the new ABI: any PyTorch >= 2.7 from PyPI, "
      "a \"cxx11 ABI\" libtorch, or the one of launch/setup.sh (leave out Torch_DIR and CMAKE_PREFIX_PATH).")
  endif()
endfunction()

kvcompare_find_torch_root(torch_root)
kvcompare_torch_version(${torch_root} torch_version)
if(torch_version VERSION_LESS kvcompare_oldest_torch)
  message(FATAL_ERROR "${torch_root}: libtorch ${torch_version} is too old, ${kvcompare_oldest_torch} or newer is needed. "
    "Leave out Torch_DIR and CMAKE_PREFIX_PATH to use the one of launch/setup.sh.")
endif()
kvcompare_import_torch_library(${torch_root} torch_cpu)
kvcompare_import_torch_library(${torch_root} c10)
kvcompare_require_new_abi(${torch_root})
message(STATUS "libtorch ${torch_version}: ${torch_root}")

add_library(kvcompare_torch INTERFACE)
# Headers of the operators that a file names, not of all two thousand: a file compiles in three quarters of the time.
target_compile_definitions(kvcompare_torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1 AT_PER_OPERATOR_HEADERS)
target_link_libraries(kvcompare_torch INTERFACE kvcompare::torch_cpu kvcompare::c10)
if(KVCOMPARE_CUDA)
  include(torch_cuda)
endif()
