#!/usr/bin/env bash
# Fuzzes what kvcompare reads: builds the targets of tests/fuzz with clang, gives each inputs that libFuzzer makes up, under
# AddressSanitizer and UndefinedBehaviorSanitizer, and prints a table. Ends with 1 if something was found.
#
#   tests/fuzz/run.sh [--seconds N | --minutes N] [--keep] [TARGET...]
#
#   --seconds N, --minutes N   of each target; default: 20 seconds
#   --keep                     adds the inputs that reach new code to tests/fuzz/corpus, as few and as short as do
#   TARGET                     default: all, which are data journal messages model_config pattern safetensors_header shard_index tokenizer
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
all_targets=("${in_the_gate[@]}" model_config pattern safetensors_header shard_index tokenizer)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/fuzz
build=$root/build/fuzz

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
limits=(-timeout=$timeout_s -rss_limit_mb=$rss_mb -malloc_limit_mb=$allocation_mb)

# A journal of a few units is longer than other inputs; a data file may be a thousand times longer once it is decompressed.
longest_of() {
  case $1 in
    journal) echo $((4 * longest_input)) ;;
    data) echo $((longest_input / 8)) ;;
    *) echo $longest_input ;;
  esac
}

# Gives `target` inputs and prints its row of the table.
fuzz() {
  local target=$1 grown=$build/corpus/$1 findings=$build/findings/$1 log=$build/$1.log status=0
  [ -z "$ctest" ] || rm -rf "$grown"
  mkdir -p "$grown" "$findings"
  "$build/fuzz_$target" "${limits[@]}" "${options[@]}" -max_len="$(longest_of "$target")" -max_total_time="$seconds" \
    -print_final_stats=1 -artifact_prefix="$findings/" "$grown" "$here/corpus/$target" >"$log" 2>&1 </dev/null || status=$?
  local executions edges
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
  printf '%-20s %12s %8s   %s\n' "$target" "${executions:--}" "${edges:--}" "$([ $status = 0 ] && echo none || echo "see $log")"
  [ $status = 0 ] || tail -n 40 "$log" >&2
  return $status
}

# Of all inputs, the shortest that together reach all that is reached.
keep_corpus() {
  local target=$1 least=$build/least/$1
  rm -rf "$least"
  mkdir -p "$least"
  "$build/fuzz_$target" -merge=1 "${limits[@]}" "$least" "$here/corpus/$target" "$build/corpus/$target" >>"$build/$target.log" 2>&1 </dev/null
  cp -n "$least"/* "$here/corpus/$target/"
}

printf '%-20s %12s %8s   %s\n' target executions edges findings
found=0
for target in "${targets[@]}"; do
  fuzz "$target" || found=1
  [ -z "$keep" ] || keep_corpus "$target"
done
exit $found
