# Finds Apache Arrow, which reads Parquet, in the wheel pyarrow that launch/setup.sh unpacks into KVCOMPARE_DEPS if KVCOMPARE_PARQUET=1:
# headers, libarrow and libparquet; nothing of Python. Defines kvcompare::parquet and sets arrow_root; without Arrow it sets arrow_root to "",
# and the program refuses Parquet files.
set(kvcompare_arrow_wheel 26.0.1)  # also in launch/scripts/setup_wheels.sh
option(KVCOMPARE_PARQUET "Read Parquet files, if launch/setup.sh has fetched Apache Arrow" ON)

set(arrow_root "${KVCOMPARE_DEPS}/pyarrow-${kvcompare_arrow_wheel}/pyarrow")
if(NOT KVCOMPARE_PARQUET OR NOT EXISTS "${arrow_root}/include/parquet/arrow/reader.h")
  set(arrow_root "")
  message(STATUS "Parquet: left out. KVCOMPARE_PARQUET=1 launch/setup.sh fetches what it needs.")
  return()
endif()

# kvcompare::NAME is libNAME.so.VERSION of the wheel.
foreach(name arrow parquet)
  file(GLOB library "${arrow_root}/lib${name}.so.*")
  list(LENGTH library n_libraries)
  if(NOT n_libraries EQUAL 1)
    message(FATAL_ERROR "${arrow_root}: expected one lib${name}.so.VERSION, there are ${n_libraries}. "
      "Remove that folder and run KVCOMPARE_PARQUET=1 launch/setup.sh, or build with -DKVCOMPARE_PARQUET=OFF.")
  endif()
  add_library(kvcompare::${name} SHARED IMPORTED)
  set_target_properties(kvcompare::${name} PROPERTIES
    IMPORTED_LOCATION ${library} INTERFACE_INCLUDE_DIRECTORIES "${arrow_root}/include")
endforeach()
set_target_properties(kvcompare::parquet PROPERTIES INTERFACE_LINK_LIBRARIES kvcompare::arrow)
message(STATUS "Parquet: Apache Arrow ${kvcompare_arrow_wheel}: ${arrow_root}")
