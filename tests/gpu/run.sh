#!/usr/bin/env bash
# Everything that needs a GPU, in one command: builds, runs the GPU tests and the GPU benchmarks, and prints one summary.
#
#   tests/gpu/run.sh [--try_without_gpu] [STEP...] [-- FLAGS OF benchmarks/gpu/run.sh]
#
#   STEP, all of them by default:
#     build        preset gpu, into build/gpu
#     tests        ctest -L gpu; a test that is skipped for want of a GPU fails
#     nccl         the tests of a communicator of one rank
#     memcheck     compute-sanitizer over the kernels' tests and over a whole run
#     racecheck    the same for races
#     repeat       two whole runs leave the same bytes, in bfloat16 and in float32
#     ranks        two ranks that share the GPU leave the same bytes as one process
#     benchmarks   benchmarks/gpu/run.sh, e.g. -- --shape 1b --rounds 2
#
# Without network and without root: CMAKE_PREFIX_PATH=FOLDER/usr names a folder of unpacked packages, which tests/gpu/make_package_folder.sh
# makes. A CUDA toolkit (nvcc), g++, CMake, and a python3 with a PyTorch built for CUDA have to be there.
#
# Exit code: 0 if nothing failed; 1 if something did; 2 if there is no GPU. --try_without_gpu runs the steps that can be, on the CPU with build/release: that
# tries this script, and tests no GPU.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
all_steps=(build tests nccl memcheck racecheck repeat ranks benchmarks)
steps=() benchmark_flags=() device=cuda:0 preset=gpu
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --try_without_gpu) device=cpu preset=release ;;
    --) shift; benchmark_flags=("$@"); break ;;
    *)
      [[ " ${all_steps[*]} " == *" $1 "* ]] || { usage >&2; exit 2; }
      steps+=("$1") ;;
  esac
  shift
done
[ ${#steps[@]} -gt 0 ] || steps=("${all_steps[@]}")

if [ "$device" != cpu ] && ! nvidia-smi -L 2>/dev/null | grep -q '^GPU '; then
  echo "tests/gpu: there is no NVIDIA GPU here (nvidia-smi names none): nothing was built, tested or measured" >&2
  exit 2
fi

build=$root/build/$preset
work=$build/gpu_steps
mkdir -p "$work"
source "$root/launch/setup.sh"
use_unpacked_packages
export KVCOMPARE_REQUIRE_GPU=1
[ "$device" != cpu ] || unset KVCOMPARE_REQUIRE_GPU
# Open MPI refuses to start as root, and more processes than cores, unless told to.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1

# Each step below prints what it does, and returns 0, or kSkipped with the reason in $reason; anything else is a failure.
readonly kSkipped=77
reason=""
skip() { reason=$1; return $kSkipped; }

step_build() {
  local targets=()
  if [ "$device" = cpu ]; then targets=(kvcompare gpu_engine_benchmark interval_attention_benchmark); fi
  "$root/launch/build.sh" "$preset" "${targets[@]}"
}

run_ctest() {
  local ctest
  ctest=$(dirname "$(find_cmake)")/ctest
  [ -x "$ctest" ] || ctest=ctest
  "$ctest" --test-dir "$build" --label-regex '^gpu$' --output-on-failure --no-label-summary --no-tests=error "$@"
}
step_tests() {
  [ "$device" != cpu ] || { skip "no GPU"; return; }
  run_ctest
}
step_nccl() {
  [ "$device" != cpu ] || { skip "no GPU"; return; }
  run_ctest --tests-regex Nccl
}

# A model that all whole runs below share.
make_model() {
  [ ! -e "$work/model" ] || return 0
  local python=${KVCOMPARE_PEER_PYTHON:-python3} path=${PYTHONPATH:-}
  if ! "$python" -c 'import torch, safetensors' 2>/dev/null && [ -e "$KVCOMPARE_DEPS/peers/python" ]; then
    python=$(cat "$KVCOMPARE_DEPS/peers/python") path=$KVCOMPARE_DEPS/peers
  fi
  PYTHONPATH=$path "$python" -c 'import torch, safetensors' 2>/dev/null || { skip "no python with torch and safetensors to make a model with"; return; }
  PYTHONPATH=$path "$python" "$root/benchmarks/gpu/make_model.py" "$work/model" --shape tiny --tokens 700 --samples 6
}

# whole_run OUTPUT COMMAND-PREFIX... -- FLAGS...: every method, over the whole data set.
whole_run() {
  local output=$1 prefix=()
  shift
  while [ "$1" != -- ]; do prefix+=("$1"); shift; done
  shift
  "${prefix[@]}" "$build/kvcompare" --model_name "$work/model" --data_path "$work/model/ids.jsonl" --kvzap_scorer_model "$work/model/scorer" \
    --methods all --include_observed_attention --output_dir "$output" --overwrite --log_level warning "$@"
}

same_bytes() {
  local file
  for file in comparison_summary.json detailed_results.json results.h5 results.csv samples.csv summary.md table.tex; do
    cmp "$1/$file" "$2/$file" || return 1
  done
  echo "$1 and $2: the same bytes"
}

sanitized() {
  local tool=$1 sanitizer tests
  [ "$device" != cpu ] || { skip "no GPU"; return; }
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null) || { skip "compute-sanitizer is not here"; return; }
  make_model || return
  local command=("$sanitizer" --tool "$tool" --error-exitcode 99)
  [ "$tool" != racecheck ] || command+=(--kernel-name kns=kvcompare)  # what NVIDIA's libraries do is not ours to judge
  tests=$("$build/gpu_test" --gtest_list_tests | sed -n 's/^\([^ ].*\.\).*/\1*/p' | grep Kernel | paste -sd:) || { echo "gpu_test has no test of a kernel"; return 1; }
  "${command[@]}" "$build/gpu_test" "--gtest_filter=$tests" || return 1
  whole_run "$work/$tool" "${command[@]}" -- --device "$device" --dtype bfloat16 --max_samples 1 --max_length 300
}
step_memcheck() { sanitized memcheck; }
step_racecheck() { sanitized racecheck; }

step_repeat() {
  make_model || return
  local dtype
  for dtype in bfloat16 float32; do
    whole_run "$work/first-$dtype" -- --device "$device" --dtype "$dtype" || return 1
    whole_run "$work/second-$dtype" -- --device "$device" --dtype "$dtype" || return 1
    same_bytes "$work/first-$dtype" "$work/second-$dtype" || return 1
  done
}

step_ranks() {
  make_model || return
  command -v mpirun >/dev/null || { skip "mpirun is not here"; return; }
  whole_run "$work/one" -- --device "$device" --dtype float32 || return 1
  whole_run "$work/two" mpirun -n 2 -- --device "${device%:0}" --dtype float32 --share_gpu || return 1
  same_bytes "$work/one" "$work/two"
}

step_benchmarks() {
  local flags=(--build "$build" --output "$work/benchmarks.json")
  if [ "$device" = cpu ]; then flags+=(--device cpu --shape tiny --tokens 64 --peer_tokens 48 --units 2 --rounds 1 --dtype float32 --models "$work/models"); fi
  "$root/benchmarks/gpu/run.sh" "${flags[@]}" "${benchmark_flags[@]}"
}

summary=() n_failed=0 n_passed=0 n_skipped=0
for step in "${steps[@]}"; do
  printf '\n== %s\n' "$step"
  start=$SECONDS reason="" status=0
  # Not in a pipeline: the step sets $reason.
  "step_$step" > >(tee "$work/$step.log") 2>&1 || status=$?
  wait $! || true
  case $status in
    0) result=passed n_passed=$((n_passed + 1)) ;;
    "$kSkipped") result="skipped: $reason" n_skipped=$((n_skipped + 1)) ;;
    *) result="FAILED: $work/$step.log" n_failed=$((n_failed + 1)) ;;
  esac
  summary+=("$(printf '%-11s %5d s  %s' "$step" $((SECONDS - start)) "$result")")
  if [ "$step" = build ] && [ "$status" != 0 ]; then break; fi
done

printf '\n== summary%s\n' "$([ "$device" != cpu ] || echo ', TRIED WITHOUT A GPU: no GPU was tested or measured')"
if [ "$device" != cpu ]; then nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader; fi
printf '%s\n' "${summary[@]}"
for step in tests nccl; do
  # Tests within a step, and those that were skipped, by name.
  if [ -e "$work/$step.log" ] && [[ " ${steps[*]} " == *" $step "* ]]; then grep -E '^[0-9]+% tests passed|\((Skipped|Failed|Timeout|Not Run)\)$' "$work/$step.log" || true; fi
done
not_run=$((${#steps[@]} - n_passed - n_failed - n_skipped))
[ "$not_run" = 0 ] || echo "$not_run steps were not begun"
echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
[ "$n_failed" = 0 ]
