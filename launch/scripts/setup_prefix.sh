# shellcheck shell=bash
# Packages of Debian or Ubuntu that were unpacked, not installed: CMAKE_PREFIX_PATH=FOLDER/usr (tests/gpu/make_package_folder.sh
# makes such a folder). What they say of /usr is turned towards the folder. Sourced by setup.sh.

# Whether a folder of CMAKE_PREFIX_PATH has a file; it may be a pattern.
given_prefix_has() {
  local prefix IFS=':;'
  [ -n "$1" ] || return 1
  for prefix in ${CMAKE_PREFIX_PATH:-}; do
    if compgen -G "$prefix/$1" >/dev/null; then return 0; fi
  done
  return 1
}

# The lib/ARCHITECTURE of the first such folder; nothing if there is none.
unpacked_libraries() {
  local prefix found IFS=':;'
  for prefix in ${CMAKE_PREFIX_PATH:-}; do
    case $prefix in ?*/usr) ;; *) continue ;; esac
    for found in "$prefix"/lib/*-linux-gnu/pkgconfig; do
      if [ -d "$found" ]; then realpath "${found%/pkgconfig}"; return; fi
    done
  done
}

# unpacked_tool NAME LIBRARIES PROGRAM [VARIABLE=VALUE...]: a NAME on the PATH that starts a program of the folder.
unpacked_tool() {
  local name=$1 libraries=$2 program=$3 tools=$KVCOMPARE_ROOT/build/unpacked/bin
  shift 3
  [ -e "$program" ] || return 0
  mkdir -p "$tools"
  # shellcheck disable=SC2016  # for the shell that runs it
  printf '#!/bin/sh\nexec env %s"%s%s" "%s" "$@"\n' "${1:+\"$1\" }" "LD_LIBRARY_PATH=$libraries" '${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}' \
    "$program" >"$tools/.$name.$$"
  chmod +x "$tools/.$name.$$"
  mv "$tools/.$name.$$" "$tools/$name"
}

# Sets the environment for CMake and for running, and UNPACKED_CMAKE_FLAGS. Does nothing without such a folder.
use_unpacked_packages() {
  local libraries prefix tools=$KVCOMPARE_ROOT/build/unpacked/bin
  UNPACKED_CMAKE_FLAGS=()
  libraries=$(unpacked_libraries)
  [ -n "$libraries" ] || return 0
  prefix=${libraries%/lib/*}
  unpacked_tool pkg-config "$libraries" "$prefix/bin/pkgconf"
  unpacked_tool mpicc "$libraries" "$prefix/bin/mpicc.openmpi" "OPAL_PREFIX=$prefix"
  unpacked_tool mpirun "$libraries" "$prefix/bin/orterun" "OPAL_PREFIX=$prefix"
  command -v ninja >/dev/null || unpacked_tool ninja "$libraries" "$prefix/bin/ninja"

  export PATH=$tools:$PATH
  # Open MPI looks for its plug-ins there; of those for networks that are not here it need not speak.
  export OPAL_PREFIX=$prefix PMIX_INSTALL_PREFIX=$libraries/pmix2 PMIX_MCA_pcompress_base_silence_warning=1
  export OMPI_MCA_mca_base_component_show_load_errors=${OMPI_MCA_mca_base_component_show_load_errors:-0}
  export PKG_CONFIG_SYSROOT_DIR=${prefix%/usr} PKG_CONFIG_LIBDIR=$libraries/pkgconfig:$prefix/share/pkgconfig
  # Headers of one architecture lie where a compiler looks by itself in /usr alone. The old kind of RPATH counts for libraries of
  # libraries too.
  local headers="-isystem $prefix/include/${libraries##*/}"
  UNPACKED_CMAKE_FLAGS=("-DCMAKE_C_FLAGS=$headers" "-DCMAKE_CXX_FLAGS=$headers"
    "-DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags,-rpath,$libraries,-rpath-link,$libraries")
  [ ! -e "$tools/pkg-config" ] || UNPACKED_CMAKE_FLAGS+=("-DPKG_CONFIG_EXECUTABLE=$tools/pkg-config")
  [ ! -e "$tools/mpicc" ] || UNPACKED_CMAKE_FLAGS+=("-DMPI_C_COMPILER=$tools/mpicc" "-DMPIEXEC_EXECUTABLE=$tools/mpirun")
  command -v ccache >/dev/null || UNPACKED_CMAKE_FLAGS+=(-DCCACHE=OFF)  # that of the folder does not find its libraries
}
