#!/usr/bin/env bash
# Fuzzes what kvcompare reads: builds the targets of tests/fuzz with clang, gives each inputs that libFuzzer makes up, under
# AddressSanitizer and UndefinedBehaviorSanitizer, and prints a table. Ends with 1 if something was found.
#
#   tests/fuzz/run.sh [--seconds N | --minutes N] [--keep] [TARGET...]
#
#   --seconds N, --minutes N   of each target; default: 20 seconds
#   --keep                     puts into tests/fuzz/corpus what reaches all code that was reached, as few and as short inputs as do
#   TARGET                     default: all; each is a file of tests/fuzz/targets
#
# Inputs that reach new code are kept in build/fuzz/corpus, for the next run. What is found is kept in build/fuzz/findings:
# build/fuzz/fuzz_TARGET FILE shows it again.
#
# ctest calls it with --ctest build, and then with --ctest run TARGET: always with the same seed and from the corpus alone, for 5 seconds,
# and not all targets; KVCOMPARE_THOROUGH=1: 20 seconds of all. What does not run ends with 77 and says why.
set -euo pipefail

# What no input may need more of (docs/reliability.md; CPU time: tests/fuzz/libfuzzer_entry.cpp.in).
timeout_s=120
rss_mb=2048
allocation_mb=256
longest_input=16384
in_the_gate=(data journal messages)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/fuzz
build=$root/build/fuzz
mapfile -t all_targets < <(cd "$here/targets" && printf '%s\n' *.cpp | sed 's/\.cpp$//')

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
ctest='' seconds=20 keep='' targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?--seconds needs a number}; shift ;;
    --minutes) seconds=$((${2:?--minutes needs a number} * 60)); shift ;;
    --keep) keep=1 ;;
    --ctest) ctest=${2:?--ctest needs build or run}; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) targets+=("$1") ;;
  esac
  shift
done
for target in "${targets[@]}"; do
  [[ " ${all_targets[*]} " == *" $target "* ]] || { echo "fuzz: there is no target $target; accepted: ${all_targets[*]}" >&2; exit 2; }
done

# ctest is told to skip the test.
cannot() {
  if [ -n "$ctest" ]; then echo "skipped: $1"; exit 77; fi
  echo "fuzz: $1" >&2
  exit 1
}
find_clang() {
  local version
  for version in '' -19 -18 -17 -16 -15 -14; do
    command -v "clang$version" >/dev/null && command -v "clang++$version" >/dev/null || continue
    [ -f "$("clang$version" -print-runtime-dir)/libclang_rt.fuzzer-$(uname -m).a" ] || continue
    echo "$version"
    return
  done
  return 1
}
version=$(find_clang) || cannot "there is no clang with its runtime; apt-get install clang-14 libclang-rt-14-dev"
options=()
[ -z "$ctest" ] || options=(-seed=1)
if [ -n "$ctest" ] && [ -z "${KVCOMPARE_THOROUGH:-}" ]; then
  for target in "${targets[@]}"; do
    [[ " ${in_the_gate[*]} " == *" $target "* ]] || cannot "KVCOMPARE_THOROUGH=1 (tests/run.sh --thorough) builds and runs $target"
  done
  seconds=5
  [ ${#targets[@]} -gt 0 ] || targets=("${in_the_gate[@]}")
fi
[ ${#targets[@]} -gt 0 ] || targets=("${all_targets[@]}")
if [ "$ctest" != run ]; then
  export CC=clang$version CXX=clang++$version
  "$root/launch/build.sh" fuzz $(printf 'fuzz_%s ' "${targets[@]}")
  [ "$ctest" != build ] || exit 0
fi

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$root/tests/leaks_of_libraries.txt:print_suppressions=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# What libFuzzer holds a target to. A journal of a few units is longer than other inputs; a data file may be a thousand times longer once
# it is decompressed, and libzstd reserves the window that it names, up to 2 GiB, of which a short file uses little.
limits_of() {
  local longest=$longest_input allocation=$allocation_mb
  case $1 in
    journal) longest=$((4 * longest_input)) ;;
    data) longest=$((longest_input / 8)) allocation=2100 ;;
  esac
  echo "-timeout=$timeout_s -rss_limit_mb=$rss_mb -malloc_limit_mb=$allocation -max_len=$longest"
}

# Gives `target` inputs and prints its row of the table.
fuzz() {
  local target=$1 grown=$build/corpus/$1 findings=$build/findings/$1 log=$build/$1.log status=0
  [ -z "$ctest" ] || rm -rf "$grown"
  mkdir -p "$grown" "$findings"
  "$build/fuzz_$target" $(limits_of "$target") "${options[@]}" -max_total_time="$seconds" \
    -print_final_stats=1 -artifact_prefix="$findings/" "$grown" "$here/corpus/$target" >"$log" 2>&1 </dev/null || status=$?
  local executions edges
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
  printf '%-20s %12s %8s   %s\n' "$target" "${executions:--}" "${edges:--}" "$([ $status = 0 ] && echo none || echo "see $log")"
  [ $status = 0 ] || tail -n 40 "$log" >&2
  return $status
}

# Of all inputs, few and short ones that together reach all code that is reached; and those that have names, which are of findings.
keep_corpus() {
  local target=$1 corpus=$here/corpus/$1 least=$build/least/$1
  rm -rf "$least"
  mkdir -p "$least" "$build/corpus/$target"
  "$build/fuzz_$target" $(limits_of "$target") -set_cover_merge=1 -use_counters=0 "$least" "$corpus" "$build/corpus/$target" \
    >>"$build/$target.log" 2>&1 </dev/null
  find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{12,40}' -delete
  local input
  for input in "$least"/*; do cp "$input" "$corpus/$(basename "$input" | cut -c 1-12)"; done
}

printf '%-20s %12s %8s   %s\n' target executions edges findings
found=0
for target in "${targets[@]}"; do
  fuzz "$target" || found=1
  [ -z "$keep" ] || keep_corpus "$target"
done
exit $found
