#!/usr/bin/env bash
# Installs the Slurm that the tests start for themselves, where that is possible; otherwise they are skipped.
set -euo pipefail
packages=(slurm-wlm slurm-wlm-basic-plugins slurm-client munge libpmix2 openmpi-bin)
command -v slurmctld >/dev/null && command -v munged >/dev/null && exit 0
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/launch/setup.sh"
if ! command -v apt-get >/dev/null || ! can_become_root; then
  echo "tests: Slurm is not installed and cannot be; its tests will be skipped. apt-get install ${packages[*]}" >&2
  exit 0
fi
# Its services are not wanted: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod +x $policy
  trap 'as_root rm -f $policy' EXIT
fi
apt_install "${packages[@]}" || { apt_update && apt_install "${packages[@]}"; } ||
  echo "tests: Slurm could not be installed; its tests will be skipped" >&2
