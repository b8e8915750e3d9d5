#!/usr/bin/env bash
# Installs what only tests use, where that is possible; otherwise those tests are skipped, and say so.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/launch/setup.sh"

# package | what it is for
TEST_PACKAGES='
slurm-wlm               | a Slurm that the tests start for themselves
slurm-wlm-basic-plugins | its PMIx
slurm-client            | its commands
munge                   | its keys
libpmix2                | ranks under srun
iproute2                | two hosts that are network namespaces
hdf5-tools              | h5dump
python3-numpy           | computes the statistics once more
python3-h5py            | reads results.h5
python3-pandas          | reads results.h5
chromium                | shows report.html
groff-base              | shows the man page
zsh                     | its completion
fish                    | its completion
clang-14                | compiles the fuzz targets
libclang-rt-14-dev      | libFuzzer and sanitizers
'
command -v dpkg-query >/dev/null || exit 0
missing=()
while read -r package _; do
  [ -z "$package" ] || package_installed "$package" || missing+=("$package")
done <<<"$TEST_PACKAGES"
[ ${#missing[@]} -gt 0 ] || exit 0
skipped() { echo "tests: tests that need $* will be skipped; to run them: apt-get install $*" >&2; }
if ! command -v apt-get >/dev/null || ! can_become_root; then
  skipped "${missing[@]}"
  exit 0
fi
# One package that this system does not have (Ubuntu has no chromium that is a package) must not keep out the others.
for package in "${missing[@]}"; do
  [ -n "$(apt_offers "$package")" ] || { apt_update; break; }
done
offered=()
for package in "${missing[@]}"; do
  if [ -n "$(apt_offers "$package")" ]; then offered+=("$package"); else skipped "$package"; fi
done
[ ${#offered[@]} -gt 0 ] || exit 0
# The services of these packages are not wanted: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod +x $policy
  trap 'as_root rm -f $policy' EXIT
fi
apt_install "${offered[@]}" || { apt_update && apt_install "${offered[@]}"; } || skipped "${offered[@]}"
