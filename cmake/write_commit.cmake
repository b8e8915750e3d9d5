# Run at every build: makes OUTPUT of TEMPLATE with the commit of the sources in ROOT. If the commit is still the same, OUTPUT keeps its
# time, so that nothing is compiled again; if not, that one file is.
#
#   cmake -DROOT=FOLDER -DTEMPLATE=FILE -DOUTPUT=FILE [-DGIT=PROGRAM] -P write_commit.cmake
#
# The commit is empty where there is no git, or where ROOT is no repository by itself: a folder within another repository has
# nothing to do with that one's commits.
function(ask_git result)
  # In a hook of git these variables name the repository whose hook it is, whatever the folder.
  foreach(variable GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX)
    unset(ENV{${variable}})
  endforeach()
  execute_process(COMMAND "${GIT}" --no-optional-locks -C "${ROOT}" ${ARGN}
    OUTPUT_VARIABLE output ERROR_QUIET RESULT_VARIABLE status OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT status EQUAL 0)
    set(output "unknown")
  endif()
  set(${result} "${output}" PARENT_SCOPE)
endfunction()

# What the program is built from: a change of a test or of a document does not make it another program.
set(program_sources CMakeLists.txt CMakePresets.json cmake common coordinator launch presses worker)

set(commit "")
if(GIT)
  ask_git(folder_within rev-parse --show-prefix)
  ask_git(head rev-parse --verify HEAD)
  if(folder_within STREQUAL "" AND head MATCHES "^[0-9a-f]+$")
    ask_git(changes status --porcelain --untracked-files=no -- ${program_sources})
    set(commit "${head}")
    if(NOT changes STREQUAL "")
      string(APPEND commit "+changes")
    endif()
  endif()
endif()
configure_file("${TEMPLATE}" "${OUTPUT}" @ONLY)
