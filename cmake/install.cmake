# What `cmake --install BUILD --prefix PREFIX` puts where, and what `cpack` makes a package of Debian of. Included by the project's CMakeLists.txt.
#
#   component  default  holds
#   program    yes      bin/kvcompare, which finds libtorch, and Arrow if it is built with it, where the build found them
#   support    yes      the man page, completions, supervisor, batch scripts, the demo, licences; the same wherever libtorch is
#   packaged   no       bin/kvcompare, which finds them in ../lib/kvcompare, and these libraries; in the package in place of `program`
#
# share/kvcompare/launch mirrors launch/ of the sources: the scripts in it find each other as there.
set(private_libraries lib/kvcompare)
set(documents share/doc/kvcompare)

install(TARGETS kvcompare RUNTIME DESTINATION bin COMPONENT program)
# CMake takes over folders outside of the project alone; libtorch and Arrow may lie in its .deps/.
set_target_properties(kvcompare PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON INSTALL_RPATH "${torch_root}/lib;${arrow_root}")

# The same program once more, for the package: a path of this machine has no place in it.
add_executable(kvcompare_packaged EXCLUDE_FROM_ALL launch/main.cpp)
target_link_libraries(kvcompare_packaged PRIVATE kvcompare_jobs)
set_target_properties(kvcompare_packaged PROPERTIES OUTPUT_NAME kvcompare RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/packaged
  INSTALL_RPATH "\$ORIGIN/../${private_libraries}")
install(TARGETS kvcompare_packaged RUNTIME DESTINATION bin COMPONENT packaged EXCLUDE_FROM_ALL)

install(PROGRAMS launch/kvcompare-supervise DESTINATION share/kvcompare/launch COMPONENT support)
install(FILES launch/usable_gpus.sh DESTINATION share/kvcompare/launch COMPONENT support)
install(FILES launch/slurm/batch.sh launch/slurm/array.sbatch launch/slurm/one_node.sbatch launch/slurm/several_nodes.sbatch
  DESTINATION share/kvcompare/launch/slurm COMPONENT support)
install(DIRECTORY demo/model demo/scorer DESTINATION share/kvcompare/demo COMPONENT support)
install(FILES demo/answers.jsonl demo/documents.jsonl DESTINATION share/kvcompare/demo COMPONENT support)
install(FILES LICENSE CHANGELOG.md launch/install/copyright DESTINATION ${documents} COMPONENT support)

# The link bin/kvcompare-supervise, and what the program prints of its tables: man page and completions.
install(CODE "
  set(prefix \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
  file(MAKE_DIRECTORY \"\${prefix}/bin\")
  file(CREATE_LINK ../share/kvcompare/launch/kvcompare-supervise \"\${prefix}/bin/kvcompare-supervise\" SYMBOLIC)
  function(print_into file)
    execute_process(COMMAND \"$<TARGET_FILE:kvcompare>\" \${ARGN} OUTPUT_VARIABLE text RESULT_VARIABLE status)
    if(status EQUAL 0)
      file(WRITE \"\${prefix}/\${file}\" \"\${text}\")
      message(STATUS \"Installing: \${prefix}/\${file}\")
    else()
      message(WARNING \"\${file} is left out: the program, which prints it, does not start here\")
    endif()
  endfunction()
  print_into(share/man/man1/kvcompare.1 manual)
  print_into(share/bash-completion/completions/kvcompare completion bash)
  print_into(share/zsh/site-functions/_kvcompare completion zsh)
  print_into(share/fish/vendor_completions.d/kvcompare.fish completion fish)
" COMPONENT support)

# libtorch's libraries for CPUs, with those of its wheel that the loader needs for them; none of the system's.
get_target_property(torch_cpu_library kvcompare::torch_cpu IMPORTED_LOCATION)
get_target_property(c10_library kvcompare::c10 IMPORTED_LOCATION)
get_filename_component(torch_wheel ${torch_root}/.. REALPATH)
install(CODE "
  file(GET_RUNTIME_DEPENDENCIES LIBRARIES \"${torch_cpu_library}\" \"${c10_library}\"
    RESOLVED_DEPENDENCIES_VAR found UNRESOLVED_DEPENDENCIES_VAR missing)
  if(missing)
    message(FATAL_ERROR \"libtorch in ${torch_root} needs libraries that are not here: \${missing}\")
  endif()
  foreach(library IN LISTS found ITEMS \"${torch_cpu_library}\" \"${c10_library}\")
    get_filename_component(real \"\${library}\" REALPATH)
    string(FIND \"\${real}\" \"${torch_wheel}/\" at)
    if(at EQUAL 0)
      file(INSTALL \"\${library}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${private_libraries}\" FOLLOW_SYMLINK_CHAIN)
    endif()
  endforeach()
  file(GLOB licences \"${torch_wheel}/torch-*.dist-info/licenses/*\" \"${torch_wheel}/nvidia_*.dist-info/licenses/*\")
  if(NOT licences)
    message(FATAL_ERROR \"no licence of libtorch beside ${torch_root}: the package must hold it. Build with the libtorch of launch/setup.sh\")
  endif()
  foreach(licence IN LISTS licences)
    string(REGEX REPLACE \".*/([^/]*)-[^/]*dist-info/licenses/(.*)\" \"\\\\1.\\\\2\" name \"\${licence}\")
    file(INSTALL \"\${licence}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${documents}/libtorch\" RENAME \"\${name}\")
  endforeach()
" COMPONENT packaged EXCLUDE_FROM_ALL)

if(arrow_root)
  foreach(name arrow parquet)
    install(FILES "$<TARGET_FILE:kvcompare::${name}>" DESTINATION ${private_libraries} COMPONENT packaged EXCLUDE_FROM_ALL)
  endforeach()
  install(DIRECTORY "${arrow_root}/../licenses/" DESTINATION ${documents}/arrow COMPONENT packaged EXCLUDE_FROM_ALL)
endif()

# ---- the package of Debian: cpack, or launch/package.sh, which builds first
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME kvcompare)
set(CPACK_PACKAGE_CONTACT "the maintainers of kvcompare <kvcompare@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "measures what evicting keys from the KV cache of a language model costs")
set(CPACK_PACKAGE_DESCRIPTION "kvcompare runs a language model over data once for every method of KV-cache eviction
and every setting, really evicts the keys, and reports perplexity, the share of keys kept and more, with
confidence intervals. It runs on CPUs, alone or with MPI. Libtorch's libraries for CPUs are part of the package.")
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};kvcompare;support;/;${PROJECT_BINARY_DIR};kvcompare;packaged;/")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF)  # libtorch's libraries are stripped already
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_DEPENDS openmpi-bin)  # and, by dpkg-shlibdeps, every library that the program is linked with
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${torch_root}/lib ${arrow_root})
file(GLOB torch_nvidia_folders ${torch_wheel}/nvidia/*/lib)
list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${torch_nvidia_folders})
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)  # xz takes minutes for libtorch's 450 MB
include(CPack)
