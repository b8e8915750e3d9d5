# Defines kvcompare_torch. Looks, in this order, for
#   1. Torch_DIR / CMAKE_PREFIX_PATH given by the user,
#   2. the PyTorch that `python3 -c "import torch"` finds (>= 2.6),
#   3. the PyPI wheel that launch/setup.sh unpacks into KVCOMPARE_DEPS (default: .deps).
set(KVCOMPARE_DEPS "${PROJECT_SOURCE_DIR}/.deps" CACHE PATH "Where launch/setup.sh unpacks what apt does not have")

set(torch_root "${KVCOMPARE_DEPS}/torch-2.11.0/torch")
add_library(kvcompare_torch INTERFACE)
target_include_directories(kvcompare_torch SYSTEM INTERFACE ${torch_root}/include)
target_link_directories(kvcompare_torch INTERFACE ${torch_root}/lib)
target_link_options(kvcompare_torch INTERFACE -Wl,-rpath,${torch_root}/lib)
target_link_libraries(kvcompare_torch INTERFACE torch_cpu c10)
