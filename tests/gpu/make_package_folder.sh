#!/usr/bin/env bash
# Unpacks what building kvcompare needs into a folder, for a machine with neither network nor root. Run where apt has a network:
#
#   tests/gpu/make_package_folder.sh FOLDER [ARCHIVE.tar.xz]
#
# Takes the packages that launch/scripts/setup_apt.sh names and the libraries they need, but for the compiler and its C library. Nothing is
# installed here. The folder may be moved; copied to the other machine, or unpacked there from the archive, it is used by
#
#   CMAKE_PREFIX_PATH=FOLDER/usr tests/gpu/run.sh
#
# That machine has to have g++, CMake, python3 with a PyTorch built for CUDA, and a CUDA toolkit; and its C library must not be older
# than the one here.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  "" | -*) usage >&2; exit 2 ;;
esac
folder=$(realpath -m "$1")
archive=${2:+$(realpath -m "$2")}
fail() { echo "make_package_folder: $1" >&2; exit "${2:-1}"; }
for command in apt-get dpkg-deb; do
  command -v "$command" >/dev/null || fail "$command is not here: the packages are Debian's or Ubuntu's" 2
done
[ ! -e "$folder" ] || fail "$folder is there already; remove it, or name another" 2

source "$(dirname "${BASH_SOURCE[0]}")/../../launch/setup.sh"

# What any machine with a compiler has in its own version, and what only the installation of packages needs.
left_out='^(libc6|libc-|linux-libc|libgcc|libstdc[+]|libcrypt|libnsl|libtirpc|lib.?.?san[0-9]|libubsan|libitm|libgomp|libatomic|libquadmath'
left_out+='|libgfortran-|libisl|libmpc|libmpfr|libbinutils|libctf|libgprofng|libperl|perl|libpam|libsemanage|libsepol|libselinux|libaudit'
left_out+='|libdb[0-9]|libgdbm|libdebconf|libtinfo|libacl|libattr|libmd|libcap|libx|libX)'

named=$(echo "$SYSTEM_PACKAGES" | cut -s -d'|' -f1 | tr -d ' ' | grep -v '^python3$')
# As if nothing were installed here.
# shellcheck disable=SC2086  # one word a package
all=$(apt-get install -s -q -o Dir::State::status=/dev/null --no-install-recommends $named | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
[ -n "$all" ] || fail "apt-get knows none of the packages; run apt-get update"
# shellcheck disable=SC2086
packages=$(apt-cache show --no-all-versions $all | awk '/^Package: /{name = $2} /^Section: /{print $2, name}' |
  awk '{sub(/.*\//, "", $1)} $1 ~ /^lib(s|devel)$/ || $2 ~ /^(openmpi-|pkg-?conf|ninja-build$|ccache$)/ {print $2}' |
  grep -vE "$left_out" | sort -u)

partial=$folder.partial
rm -rf "$partial"
mkdir -p "$partial/packages"
echo "make_package_folder: fetching $(echo "$packages" | wc -w) packages" >&2
# shellcheck disable=SC2086
(cd "$partial/packages" && apt-get download -q -o APT::Sandbox::User=root $packages >/dev/null)
ls "$partial/packages" >"$partial/PACKAGES"
for package in "$partial"/packages/*.deb; do dpkg-deb -x "$package" "$partial"; done
rm -rf "$partial/packages" "$partial"/usr/share/{doc,man,locale,lintian} "$partial/usr/src"

# As on a machine of today /lib is /usr/lib; links lead to files in this folder, wherever it lies.
for merged in lib bin sbin; do
  [ -d "$partial/$merged" ] || continue
  mkdir -p "$partial/usr/$merged"
  cp -a "$partial/$merged/." "$partial/usr/$merged/"
  rm -rf "${partial:?}/$merged"
done
find "$partial" -type l -lname '/*' | while read -r link; do
  target=$(readlink "$link")
  case $target in /lib/* | /bin/* | /sbin/*) target=/usr$target ;; esac
  ln -sfnr "$partial$target" "$link"
done

# What the build embeds and that machine could not fetch.
mkdir -p "$KVCOMPARE_DEPS" "$partial/usr/share/plotly"
[ -d "$(plotly_folder)" ] || unpack_plotly
cp "$(plotly_folder)"/* "$partial/usr/share/plotly"

mv "$partial" "$folder"
echo "make_package_folder: $folder, $(du -sm "$folder" | cut -f1) MB" >&2
if [ -n "$archive" ]; then
  tar -C "$(dirname "$folder")" -cf - "$(basename "$folder")" | xz -T0 >"$archive"
  echo "make_package_folder: $archive, $(du -sm "$archive" | cut -f1) MB" >&2
fi
