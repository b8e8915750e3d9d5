# Adds libtorch's CUDA libraries to kvcompare_torch. Included by torch.cmake, whose torch_root it uses.
find_package(CUDAToolkit)
if(NOT CUDAToolkit_FOUND)
  message(FATAL_ERROR "KVCOMPARE_CUDA (preset gpu) needs a CUDA toolkit: put its nvcc on the PATH or give "
    "-DCUDAToolkit_ROOT=/usr/local/cuda. Without a GPU use the preset release.")
endif()

# Headers of libtorch and of the toolkit meet in one program, so their major versions have to agree.
if(EXISTS "${torch_root}/version.py")
  file(STRINGS "${torch_root}/version.py" line REGEX "^cuda.*= '[0-9]+")
  if(NOT line MATCHES "'([0-9]+)\\.")
    message(FATAL_ERROR "${torch_root}: this PyTorch was built without CUDA. Name one with CUDA by "
      "-DTorch_DIR=FOLDER/share/cmake/Torch, or use the preset release.")
  elseif(NOT CMAKE_MATCH_1 EQUAL CUDAToolkit_VERSION_MAJOR)
    message(FATAL_ERROR "${torch_root} was built for CUDA ${CMAKE_MATCH_1}, the toolkit in ${CUDAToolkit_BIN_DIR} is "
      "${CUDAToolkit_VERSION}: their major versions have to be equal. Give -DCUDAToolkit_ROOT=FOLDER or another Torch_DIR.")
  endif()
endif()

kvcompare_import_torch_library(${torch_root} torch_cuda)
kvcompare_import_torch_library(${torch_root} c10_cuda)
target_link_libraries(kvcompare_torch INTERFACE
  # torch_cuda registers its kernels when it is loaded: no symbol of it is referred to.
  -Wl,--push-state,--no-as-needed kvcompare::torch_cuda kvcompare::c10_cuda -Wl,--pop-state
  $<LINK_ONLY:CUDA::cudart>)  # who includes its headers says so

# The libraries of NVIDIA lie beside the wheel, or the loader has them. Where they are not, the program can be linked
# all the same, for a machine that has them.
if(NOT EXISTS "${torch_root}/../nvidia/cudnn")
  find_library(cudnn cudnn NO_CACHE)
  if(NOT cudnn)
    message(STATUS "No cuDNN beside ${torch_root}: the program is linked without it and starts only where the loader "
      "finds libtorch's CUDA libraries. `launch/setup.sh --cuda` fetches them.")
    target_link_options(kvcompare_torch INTERFACE -Wl,--unresolved-symbols=ignore-in-shared-libs)
  endif()
endif()
