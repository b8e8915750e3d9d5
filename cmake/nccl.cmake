# NCCL is loaded when several ranks ask for it (worker/weights/nccl_broadcast.cpp): its header alone is needed to build. Finds
# nccl_include, false if there is none, and nccl_library: that which is taken where the loader finds none.
# What lies beside the libtorch is looked at first: its CUDA part may load that one too.
if(KVCOMPARE_CUDA)
  file(GLOB nccl_wheels ${KVCOMPARE_DEPS}/nccl-*/nvidia/nccl)
  set(nccl_roots ${torch_root}/../nvidia/nccl ${nccl_wheels})
  find_path(nccl_include nccl.h HINTS ${nccl_roots} ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES include NO_CACHE)
  find_file(nccl_library libnccl.so.2 HINTS ${nccl_roots} ${CUDAToolkit_LIBRARY_DIR}
    PATH_SUFFIXES lib lib/${CMAKE_LIBRARY_ARCHITECTURE} NO_CACHE)
  if(NOT nccl_include)
    message(STATUS "No nccl.h: every rank reads the weights for itself. launch/setup.sh fetches it.")
  endif()
endif()
