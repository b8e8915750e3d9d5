# shellcheck shell=bash
# Compiler and CMake: which ones are here and new enough. Sourced by setup.sh.

OLDEST_CMAKE=3.25
OLDEST_GCC=12
CMAKE_WHEEL_VERSION=3.31.6

# version_at_least 3.31.6 3.25
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The first g++ that is here and new enough; nothing if there is none.
find_gcc() {
  local candidate major
  for candidate in g++ g++-15 g++-14 g++-13 g++-12; do
    major=$("$candidate" -dumpversion 2>/dev/null | cut -d. -f1) || true
    if [ -n "$major" ] && [ "$major" -ge "$OLDEST_GCC" ]; then echo "$candidate"; return; fi
  done
}

cmake_wheel_folder() { echo "$KVCOMPARE_DEPS/cmake-$CMAKE_WHEEL_VERSION"; }

# Path of the first CMake that is here and new enough; nothing if there is none.
find_cmake() {
  local candidate version
  for candidate in cmake "$(cmake_wheel_folder)/cmake/data/bin/cmake"; do
    version=$("$candidate" --version 2>/dev/null | sed -n '1s/.* \([0-9][0-9.]*\).*/\1/p') || true
    if [ -n "$version" ] && version_at_least "$version" "$OLDEST_CMAKE"; then command -v "$candidate"; return; fi
  done
}
