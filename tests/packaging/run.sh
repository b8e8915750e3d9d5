#!/usr/bin/env bash
# Installs the package of Debian on a bare Debian 12, and runs the program there.
#
#   tests/packaging/run.sh [--keep] [--bare FOLDER] [PACKAGE.deb]      without PACKAGE: the one that launch/package.sh builds
#
# As root, with debootstrap and a network: a Debian with its required packages alone is made in a temporary folder, and everything
# runs in it by chroot. --keep leaves the folder. --bare names a folder in which debootstrap made such a Debian before; it is copied.
# What is done and what comes of it is printed, as a transcript.
# KVCOMPARE_DEBIAN_MIRROR names another mirror than http://deb.debian.org/debian.
#
# Exit code 77, skipped, where this is not possible. ctest runs it only if KVCOMPARE_PACKAGING=1 is set.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
keep=no package='' made=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --keep) keep=yes ;;
    --bare)
      made=$(realpath "${2:?--bare needs a folder}")
      shift
      ;;
    --if-asked)
      [ -n "${KVCOMPARE_PACKAGING:-}" ] || { echo "skipped: takes minutes and a network; KVCOMPARE_PACKAGING=1 runs it"; exit 77; }
      ;;
    -*) usage >&2; exit 2 ;;
    *) package=$(realpath "$1") ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || { echo "skipped: chroot needs root"; exit 77; }
command -v debootstrap >/dev/null || { echo "skipped: there is no debootstrap; apt-get install debootstrap"; exit 77; }

[ -n "$package" ] || package=$("$root/launch/package.sh")
mirror=${KVCOMPARE_DEBIAN_MIRROR:-http://deb.debian.org/debian}
bare=$(mktemp -d /var/tmp/kvcompare-bare.XXXXXX)
mounted=()
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  local place
  for place in "${mounted[@]}"; do umount "$place" || true; done
  if [ $keep = yes ]; then echo "kept: $bare"; else rm -rf --one-file-system "$bare"; fi
}
trap clean_up EXIT

step() { printf '\n$ %s\n' "$*"; }
# in_bare COMMAND: by a shell of the bare system, with an empty environment
in_bare() {
  step "$1"
  chroot "$bare" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_vader_single_copy_mechanism=none \
    bash -euo pipefail -c "$1"
}

if [ -n "$made" ]; then
  step "cp -a $made BARE"
  cp -a "$made/." "$bare"
else
  step "debootstrap --variant=minbase bookworm BARE $mirror"
  debootstrap --variant=minbase bookworm "$bare" "$mirror" >"$bare.log" 2>&1 || { tail -n 20 "$bare.log"; exit 1; }
  rm -f "$bare.log"
fi
mount -t proc proc "$bare/proc" && mounted+=("$bare/proc")
mount -t sysfs -o ro sysfs "$bare/sys" && mounted+=("$bare/sys")
mkdir -p "$bare/dev/shm" && mount -t tmpfs tmpfs "$bare/dev/shm" && mounted+=("$bare/dev/shm")
cp "$package" "$bare/root/"
name=$(basename "$package")

in_bare "cat /etc/debian_version; dpkg-query -W | wc -l; ! command -v g++ python3 cmake mpirun"
in_bare "apt-get update -qq; apt-get install -y -qq --no-install-recommends /root/$name >/root/apt.log 2>&1 || { tail -n 20 /root/apt.log; exit 1; }; tail -n 3 /root/apt.log"
in_bare "dpkg-query -W kvcompare; dpkg-query -f '\${Depends}\n' -W kvcompare; du -sh /usr/lib/kvcompare; ls /usr/lib/kvcompare"
in_bare "! ldd /usr/bin/kvcompare /usr/lib/kvcompare/*.so* | grep 'not found'"
in_bare "kvcompare --version"
in_bare "kvcompare doctor --output_dir /root/out"
in_bare "kvcompare --model_name /usr/share/kvcompare/demo/model --kvzap_scorer_model /usr/share/kvcompare/demo/scorer \
--data_path /usr/share/kvcompare/demo/answers.jsonl --methods all --compression_ratio 0.5 --threshold -5 --max_samples 4 \
--output_dir /root/out --no_progress; ls /root/out"
in_bare "mpirun -n 2 kvcompare --model_name /usr/share/kvcompare/demo/model --data_path /usr/share/kvcompare/demo/answers.jsonl \
--methods streaming_llm,knorm --max_samples 4 --output_dir /root/ranks --no_progress --quiet; kvcompare verify /root/ranks"
in_bare "kvcompare-supervise --max_restarts 0 -- kvcompare --model_name /usr/share/kvcompare/demo/model \
--data_path /usr/share/kvcompare/demo/answers.jsonl --methods random --max_samples 2 --output_dir /root/supervised --resume --quiet"
in_bare "ls /usr/share/man/man1/kvcompare.1* /usr/share/bash-completion/completions/kvcompare /usr/share/zsh/site-functions/_kvcompare \
/usr/share/fish/vendor_completions.d/kvcompare.fish /usr/share/kvcompare/launch/slurm; ls -R /usr/share/doc/kvcompare"
in_bare "apt-get purge -y -qq kvcompare >/dev/null 2>&1; [ -z \"\$(ls -d /usr/bin/kvcompare /usr/lib/kvcompare /usr/share/kvcompare 2>/dev/null)\" ]"
printf '\nthe package installs, runs and goes away again on a bare Debian 12\n'
