#!/usr/bin/env bash
# Set-up, then configure and build one preset into build/PRESET.
#
#   launch/build.sh PRESET [TARGET...]      PRESET: release, dev, asan-ubsan, tsan, fuzz, gpu; no TARGET: everything
#
# CMAKE_PREFIX_PATH=FOLDER/usr builds with packages that were unpacked into FOLDER (tests/gpu/make_package_folder.sh).
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
case ${1:-} in
  release | dev | asan-ubsan | tsan | fuzz | gpu) ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac
preset=$1
shift

source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
if [ "$preset" = gpu ]; then set_up cuda; else set_up; fi
cd "$KVCOMPARE_ROOT"

build=build/$preset
if [ -f "$build/CMakeCache.txt" ] &&
  ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$KVCOMPARE_ROOT" "$build/CMakeCache.txt"; then
  echo "build: $build was made for another folder; starting afresh" >&2
  rm -rf "$build"
fi

# One compiler of a torch source takes up to 2 GB of memory.
jobs_that_fit() {
  local cores gigabytes
  cores=$(nproc)
  gigabytes=$(awk '/^MemAvailable:/ {print int($2 / 1048576 / 2)}' /proc/meminfo 2>/dev/null || echo "$cores")
  [ "$gigabytes" -ge 1 ] || gigabytes=1
  echo $((cores < gigabytes ? cores : gigabytes))
}

# ccache wants a place to write to; a service user may have no home.
if [ -z "${CCACHE_DIR:-}" ] && ! [ -w "${HOME:-/nonexistent}" ]; then
  export CCACHE_DIR=$KVCOMPARE_ROOT/.cache/ccache
fi
# What one preset has compiled serves another, and another checkout.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$KVCOMPARE_ROOT}
[ -n "${CXX:-}" ] || CXX=$(find_gcc)
[ -n "${CC:-}" ] || case $CXX in *g++*) CC=${CXX/g++/gcc} ;; *) CC=cc ;; esac
export CC CXX

cmake=$(find_cmake)
log=$build/configure.log
mkdir -p "$build"
if ! "$cmake" --preset "$preset" -DKVCOMPARE_DEPS="$KVCOMPARE_DEPS" "${UNPACKED_CMAKE_FLAGS[@]}" >"$log" 2>&1; then
  cat "$log" >&2
  echo "build: configuring failed, see above" >&2
  exit 1
fi
"$cmake" --build "$build" --parallel "$(jobs_that_fit)" ${1:+--target "$@"} >&2
