# kvcompare_precompile(TARGET...): sources of these targets find libtorch's basic headers compiled once. Reading them takes longer than
# compiling most of our sources. A source still includes what it uses: the headers come first, they replace nothing.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled_headers.cpp CONTENT "")
add_library(kvcompare_precompiled_headers STATIC ${PROJECT_BINARY_DIR}/precompiled_headers.cpp)
target_link_libraries(kvcompare_precompiled_headers PRIVATE kvcompare_options kvcompare_torch)
target_precompile_headers(kvcompare_precompiled_headers PRIVATE
  <algorithm> <cstdint> <functional> <map> <memory> <optional> <span> <string> <variant> <vector>
  <ATen/TensorOperators.h> <ATen/core/Tensor.h>)

function(kvcompare_precompile)
  foreach(target IN LISTS ARGN)
    target_precompile_headers(${target} REUSE_FROM kvcompare_precompiled_headers)
  endforeach()
endfunction()
