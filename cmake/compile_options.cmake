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

# kvcompare_compile_apart(SOURCE...): never compiled together with other sources of its target, as the presets release, gpu and fuzz do
# (CMAKE_UNITY_BUILD: it builds three times as fast). For sources that Highway compiles once for each instruction set, and for those that
# all say the same names, as each method does.
function(kvcompare_compile_apart)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
