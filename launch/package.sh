#!/usr/bin/env bash
# Builds the package of Debian, build/package/kvcompare_VERSION_amd64.deb: the program, libtorch's libraries for CPUs, man page,
# completions, batch scripts and the demo. The last line is its path.
#
#   launch/package.sh
#
# It is for the system that it is built on: Debian 12's on Debian 12. Installed by: apt-get install ./kvcompare_VERSION_amd64.deb
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
case ${1:-} in
  "") ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v dpkg-shlibdeps >/dev/null || {
  echo "package: dpkg-shlibdeps, which finds out what the package depends on, is missing: apt-get install dpkg-dev" >&2
  exit 1
}
launch/build.sh release kvcompare kvcompare_packaged
# shellcheck source=launch/setup.sh
source launch/setup.sh
cpack=$(dirname "$(find_cmake)")/cpack
[ -x "$cpack" ] || cpack=cpack
folder=$PWD/build/package
mkdir -p "$folder"
"$cpack" --config build/release/CPackConfig.cmake -B "$folder" >"$folder/cpack.log" 2>&1 || {
  cat "$folder/cpack.log" >&2
  echo "package: cpack failed, see above" >&2
  exit 1
}
sed -n 's/^CPack: - package: \(.*\.deb\) generated\.$/\1/p' "$folder/cpack.log"
