#!/usr/bin/env bash
# Installs what building and testing kvcompare needs and is not there yet. On a machine that has everything it
# changes nothing, prints nothing and needs no network.
#
#   launch/setup.sh          compiler, libraries, libtorch
#   launch/setup.sh --cuda   also the NVIDIA libraries without which a GPU build (preset gpu) does not start
#
# System packages come through apt, as root or through sudo, after it has said which and why; everything else goes
# into .deps/ of the project (another folder: KVCOMPARE_DEPS). KVCOMPARE_NCCL=0 leaves out
# NCCL, which only runs on several GPUs will need. KVCOMPARE_PARQUET=1 adds Apache Arrow, with which the program
# reads Parquet files. What a folder named by CMAKE_PREFIX_PATH has is not installed again.
#
# launch/build.sh sources it for its functions.

KVCOMPARE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
KVCOMPARE_DEPS=${KVCOMPARE_DEPS:-$KVCOMPARE_ROOT/.deps}
KVCOMPARE_DEPS=$(realpath -m "$KVCOMPARE_DEPS")

setup_say() { printf 'set-up: %s\n' "$*" >&2; }
setup_fail() { printf 'set-up: error: %s\n' "$*" >&2; return 1; }

source "$KVCOMPARE_ROOT/launch/scripts/setup_prefix.sh"
source "$KVCOMPARE_ROOT/launch/scripts/setup_tools.sh"
source "$KVCOMPARE_ROOT/launch/scripts/setup_wheels.sh"
source "$KVCOMPARE_ROOT/launch/scripts/setup_apt.sh"

set_up() {
  use_unpacked_packages
  install_packages "$@" || return 1
  install_wheels "$@" || return 1
  if [ -z "$(find_gcc)" ] && [ -z "${CXX:-}" ]; then
    setup_fail "no C++20 compiler: install g++ $OLDEST_GCC or newer, or set CXX"
  fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  case ${1:-} in
    "") set_up ;;
    --cuda) set_up cuda ;;
    *) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; [ "$1" = --help ] || [ "$1" = -h ] || exit 2; exit 0 ;;
  esac
  setup_say "everything that the build needs is installed"
fi
