# shellcheck shell=bash
# System packages: which are missing, and their installation. Sourced by setup.sh.

# package | a command that shows it is there (else dpkg is asked) | a file of it, in a folder of CMAKE_PREFIX_PATH | what it is for
SYSTEM_PACKAGES='
ninja-build        | ninja      | bin/ninja                    | runs the build
ccache             | ccache     | bin/ccache                   | makes the second build fast
pkg-config         | pkg-config | bin/pkg-config               | finds PCRE2 and utf8proc
python3            | python3    |                              | finds an installed PyTorch; tests the include graph
libssl-dev         |            | include/openssl/evp.h        | SHA-256 of models and data
zlib1g-dev         |            | include/zlib.h               | checksums of the journal, data in gzip
libzstd-dev        |            | include/zstd.h               | data in zstd
openmpi-bin        | mpirun     | bin/orterun                  | MPI: starts several processes
libopenmpi-dev     |            | lib/*/openmpi/include/mpi.h  | MPI: messages between processes and hosts
libhdf5-dev        |            | include/hdf5/serial/hdf5.h   | results.h5
nlohmann-json3-dev |            | include/nlohmann/json.hpp    | JSON
libspdlog-dev      |            | include/spdlog/spdlog.h      | log
libcli11-dev       |            | include/CLI/CLI.hpp          | command line
libpcre2-dev       |            | include/pcre2.h              | regular expressions of tokenizers
libutf8proc-dev    |            | include/utf8proc.h           | Unicode normalisation of tokenizers
libhwy-dev         |            | include/hwy/highway.h        | SIMD for every instruction set of the machine: Google Highway
libgtest-dev       |            | include/gtest/gtest.h        | tests
libgmock-dev       |            | include/gmock/gmock.h        | tests
libbenchmark-dev   |            | include/benchmark/benchmark.h | micro-benchmarks
'

package_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Upstream version of the package that apt would install; nothing if it knows none.
apt_offers() {
  apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: \([0-9]*:\)\{0,1\}\([0-9][0-9.]*\).*/\2/p' || true
}

# install_packages [cuda] and missing_packages [cuda]: as in setup_wheels.sh.
# The three below print lines "package | what it is for".
missing_libraries() {
  local package command file why
  while IFS='|' read -r package command file why; do
    package=${package// /} command=${command// /} file=${file// /}
    [ -n "$package" ] || continue
    if [ -n "$command" ]; then command -v "$command" >/dev/null && continue; fi
    given_prefix_has "$file" || package_installed "$package" || echo "$package |$why"
  done <<<"$SYSTEM_PACKAGES"
}

missing_tools() {
  local offered
  if [ -z "${CXX:-}" ] && [ -z "$(find_gcc)" ]; then
    offered=$(apt_offers g++)
    if [ -z "$offered" ] || version_at_least "$offered" "$OLDEST_GCC"; then
      echo "g++ | C++20 compiler, version $OLDEST_GCC or newer"
    else
      echo "g++-$OLDEST_GCC | C++20 compiler, version $OLDEST_GCC or newer (the g++ of this system is $offered)"
    fi
  fi
  if [ -z "$(find_cmake)" ]; then
    offered=$(apt_offers cmake)
    if [ -z "$offered" ] || version_at_least "$offered" "$OLDEST_CMAKE"; then
      echo "cmake | configures the build, version $OLDEST_CMAKE or newer"
    fi  # else: from the Python package index, see setup_wheels.sh
  fi
}

missing_pip() {
  [ -n "$(missing_wheels "$@")" ] || return 0
  [ -n "$(find_pip)" ] || echo "python3-pip | unpacks libtorch from the Python package index"
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo "ca-certificates | lets pip know whom it talks to"
}

missing_packages() { missing_libraries; missing_tools; missing_pip "$@"; }

# as_root COMMAND...
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  local kept=() name  # sudo drops the environment; a proxy has to get through
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || kept+=("$name=${!name}")
  done
  sudo env "${kept[@]}" "$@"
}

can_become_root() {
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || [ -t 0 ]  # on a terminal sudo may ask for the password
}

# Runs apt-get; of its output only the end is shown, and only if it fails.
apt_get() {
  local output
  output=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 "$@" 2>&1 </dev/null) && return 0
  printf '%s\n' "$output" | tail -n 6 >&2
  setup_say "apt-get $1 failed, see above"
  return 1
}

# Where an earlier installation was cut off, dpkg refuses everything else before this; otherwise it does nothing.
finish_interrupted_installation() { as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a >&2; }

apt_update() {
  setup_say "reading the package lists: apt-get update"
  apt_get update -q || setup_say "going on with the lists that are there"
}

apt_install() {
  setup_say "apt-get install --no-install-recommends $*"
  apt_get install -y -q --no-install-recommends "$@"
}

install_packages() {
  local missing names
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    [ -n "$(find_cmake)" ] ||
      setup_say "no apt here: the compiler and the libraries named in launch/scripts/setup_apt.sh have to be installed by hand"
    return 0
  fi
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if can_become_root && [ -z "$(apt_offers ninja-build)" ]; then
    apt_update
    missing=$(missing_packages "$@")  # which compiler and CMake this system offers is known only now
  fi
  names=$(echo "$missing" | cut -d'|' -f1 | tr -s ' \n' ' ')
  setup_say "system packages that are missing, and what they are for:"
  echo "$missing" | sed 's/^/    /; s/ *| */: /' >&2
  if ! can_become_root; then
    setup_fail "installing them needs root, and neither root nor sudo is at hand. Ask an administrator to run

    apt-get update && apt-get install -y --no-install-recommends $names

and then start this again."
    return 1
  fi
  # shellcheck disable=SC2086  # one word a package
  apt_install $names || { finish_interrupted_installation && apt_update && apt_install $names; } ||
    setup_fail "apt-get could not install what is missing. This needs the network, once; on Ubuntu the component 'universe' has to be enabled."
}
