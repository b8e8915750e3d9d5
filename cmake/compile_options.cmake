add_library(kvcompare_options INTERFACE)
target_include_directories(kvcompare_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(kvcompare_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # These come from the optimiser, and which ones it raises by mistake changes with every version of GCC.
  target_compile_options(kvcompare_options INTERFACE
    -Wno-error=array-bounds -Wno-error=maybe-uninitialized -Wno-error=stringop-overflow -Wno-error=stringop-overread)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(kvcompare_options INTERFACE -Wno-restrict)  # GCC bug 105651: "x" + std::string
  else()
    # Cannot tell a view that outlives its expression from an owner that does not.
    target_compile_options(kvcompare_options INTERFACE -Wno-dangling-reference)
  endif()
endif()
if(KVCOMPARE_SANITIZE)
  # libtorch is built without sanitizers, so its type information cannot be checked (vptr).
  target_compile_options(kvcompare_options INTERFACE
    -fsanitize=${KVCOMPARE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(kvcompare_options INTERFACE -fsanitize=${KVCOMPARE_SANITIZE})
  if(KVCOMPARE_SANITIZE MATCHES "undefined")
    target_compile_options(kvcompare_options INTERFACE -fno-sanitize=vptr)
  endif()
endif()
