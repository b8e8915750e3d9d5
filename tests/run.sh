#!/usr/bin/env bash
# Installs what is missing (Slurm, h5py, pandas and Chromium for the tests among it), builds everything, and runs every test through ctest.
#
#   tests/run.sh [--preset PRESET] [--thorough] [CTEST OPTIONS...]
#
#   --preset release      default
#   --preset asan-ubsan   every test under AddressSanitizer and UndefinedBehaviorSanitizer
#   --preset tsan         under ThreadSanitizer the tests that do not load libtorch (it is not instrumented)
#   --thorough            longer samples, more seeds, faults and kills
#   CTEST OPTIONS         e.g. -R Tokenizer: only the tests whose name matches
#
# KVCOMPARE_GPU_BUILD=1 builds the preset gpu too, on the same libtorch, and runs those of its tests that need no GPU; where there is no CUDA toolkit it says so.
# KVCOMPARE_PEERS=1 installs transformers and kvpress too (5 GB, into .deps/), which read the demo in some tests.
# KVCOMPARE_TEST_ASSETS names a folder of larger test data; without it the tests that use it are skipped.
# May be run again, from any folder; once everything is installed it needs no network.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
preset=release
while [ $# -gt 0 ]; do
  case $1 in
    --preset) preset=${2:?--preset needs a name}; shift 2 ;;
    --preset=*) preset=${1#*=}; shift ;;
    --thorough) export KVCOMPARE_THOROUGH=1; shift ;;
    --help | -h) usage; exit 0 ;;
    *) break ;;
  esac
done

if [ -n "${KVCOMPARE_TEST_ASSETS:-}" ]; then
  if assets=$(cd "$KVCOMPARE_TEST_ASSETS" 2>/dev/null && pwd); then
    export KVCOMPARE_TEST_ASSETS=$assets
  else
    echo "tests: there is no folder $KVCOMPARE_TEST_ASSETS (KVCOMPARE_TEST_ASSETS): tests that use it will be skipped" >&2
    unset KVCOMPARE_TEST_ASSETS
  fi
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/$preset
selection=()
if [ "$preset" = tsan ]; then
  selection=(--label-regex '^without_torch$')
  "$root/launch/build.sh" tsan tests_without_torch
else
  "$root/launch/build.sh" "$preset"
fi
"$root/tests/install_packages.sh"
"$root/tests/install_peers.sh"
source "$root/launch/setup.sh"
ctest=$(dirname "$(find_cmake)")/ctest
[ -x "$ctest" ] || ctest=ctest

# Stricter than the sanitizers' defaults; what the user sets wins.
# An allocation too large fails, as it does without a sanitizer: a test asks for one.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$root/tests/leaks_of_libraries.txt}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# Open MPI refuses to start as root, and more processes than cores, unless told to.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1

# Threads of OpenMP that wait for others spin, unless told to sleep, and so take the cores from the tests that run beside.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

# One test more than cores: those of Slurm and of kills wait most of their time.
status=0
run_ctest() {
  "$ctest" --test-dir "$@" --parallel "$(($(nproc) + 1))" --output-on-failure --no-label-summary --no-tests=error || status=$?
}

if [ "$preset" = release ] && [ -n "${KVCOMPARE_GPU_BUILD:-}" ]; then
  if (PATH=$PATH:/usr/local/cuda/bin; command -v nvcc >/dev/null); then
    # Without Torch_DIR the preset gpu would fetch NVIDIA's libraries, which only a machine with a GPU needs.
    torch=$(sed -n 's/^-- libtorch [^:]*: //p' "$build/configure.log")
    Torch_DIR=$torch/share/cmake/Torch PATH=$PATH:/usr/local/cuda/bin "$root/launch/build.sh" gpu tests_without_gpu
    # NVIDIA's libraries, which libtorch's CUDA part loads, come with the peers.
    libraries=$(printf '%s:' "$KVCOMPARE_DEPS"/*/nvidia/*/lib)${LD_LIBRARY_PATH:-}
    if LD_LIBRARY_PATH=$libraries "$root/build/gpu/kvcompare" --version >/dev/null; then
      LD_LIBRARY_PATH=$libraries run_ctest "$root/build/gpu" --tests-regex '^(WithoutGpu|WhyNoGpu)\.'
    else
      echo "tests: the preset gpu is built, but does not start here: its tests are skipped" >&2
    fi
  else
    echo "tests: no nvcc on the PATH or in /usr/local/cuda: the preset gpu is not built" >&2
  fi
fi

log=$build/ctest.log
run_ctest "$build" "${selection[@]}" "$@" > >(tee "$log") 2>&1
wait $!

# ctest names the skipped tests; why they were skipped is in its own log.
reasons=$(awk '/: Skipped$/ {getline; print}' "$build/Testing/Temporary/LastTest.log" 2>/dev/null | sort | uniq -c | sort -rn)
if [ -n "$reasons" ]; then printf '\nSkipped, and why:\n%s\n' "$reasons"; fi
closing=$(grep -E '^[0-9]+% tests passed' "$log" || true)
[ -z "$closing" ] || printf '\n%s\n' "$closing"
exit "$status"
