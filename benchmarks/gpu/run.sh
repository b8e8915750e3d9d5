#!/usr/bin/env bash
# Measures kvcompare on a GPU side by side with Hugging Face transformers: the goals P1 to P7, P10 and P12 of docs/performance.md.
# Tables on stdout, every number in a JSON file.
#
#   benchmarks/gpu/run.sh [--shape 8b|1b|tiny] [--tokens 8192] [--rounds 3] [--peer_tokens 256] [--units 8] [--device cuda:0]
#                         [--dtype bfloat16] [--build FOLDER] [--models FOLDER] [--output FILE.json]
#
#   --shape        a Llama of random weights is made: as Llama-3.1-8B (16 GB on disk; default), as Llama-3.2-1B, or tiny
#   --peer_tokens  transformers takes so many tokens one by one as a whole. All 8192 would take it half an hour, so its steps are timed at several
#                  lengths of the cache, and summed
#   --build        folder with the programs; default: build/gpu
#   --models       where models are made, and kept; default: benchmarks/.peer/models
#   --output       default: benchmarks/.peer/gpu.json
#
# For 8b perhaps ten minutes (an estimate) and 40 GB of the GPU's memory. Needs a python with torch and safetensors, and transformers for what is compared with it:
# KVCOMPARE_PEER_PYTHON, else python3, else .deps/peers (KVCOMPARE_PEERS=1 tests/run.sh). Without a GPU it says so and exits 2;
# `--device cpu --shape tiny --tokens 256 --dtype float32 --build build/release` tries the scripts, and measures no GPU.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
fail() { echo "benchmarks/gpu: $1" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

shape=8b tokens=8192 rounds=3 device=cuda:0 dtype=bfloat16 build=$root/build/gpu models=$root/benchmarks/.peer/models units=8
output=$root/benchmarks/.peer/gpu.json
passed_on=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
    --shape | --tokens | --rounds | --device | --dtype | --build | --models | --output | --units | --peer_tokens) ;;
    *) usage >&2; exit 2 ;;
  esac
  [ $# -ge 2 ] || fail "$1 needs a value"
  case $1 in
    --peer_tokens) passed_on+=("$1" "$2") ;;
    *) declare "${1#--}=$2" ;;
  esac
  shift 2
done
case $shape in 8b | 1b | tiny) ;; *) fail "--shape $shape: accepted are 8b, 1b and tiny" ;; esac

if [ "$device" != cpu ]; then
  nvidia-smi -L 2>/dev/null | grep -q "^GPU " ||
    fail "there is no NVIDIA GPU here (nvidia-smi names none): nothing is measured. --device cpu --shape tiny tries the scripts"
fi
for name in kvcompare gpu_engine_benchmark interval_attention_benchmark; do
  [ -x "$build/$name" ] || fail "$build/$name is not there; run launch/build.sh gpu, or for --device cpu: launch/build.sh release kvcompare gpu_engine_benchmark interval_attention_benchmark"
done

deps=${KVCOMPARE_DEPS:-$root/.deps}
peer_path=${PYTHONPATH:-}
imports() { PYTHONPATH=$peer_path "$1" -c "import $2" 2>/dev/null; }
python=${KVCOMPARE_PEER_PYTHON:-python3}
if [ -z "${KVCOMPARE_PEER_PYTHON:-}" ] && ! imports python3 torch,safetensors,transformers && [ -e "$deps/peers/python" ]; then
  python=$(cat "$deps/peers/python") peer_path=$deps/peers
fi
model=$models/gpu-$shape-$dtype-$tokens-$units
if [ ! -e "$model" ]; then
  imports "$python" torch,safetensors || fail "$python has no torch and safetensors to make the model with; KVCOMPARE_PEER_PYTHON names another"
  PYTHONPATH=$peer_path "$python" "$here/make_model.py" "$model" --shape "$shape" --tokens "$tokens" --samples "$units" --dtype "$dtype" \
    --device "$device" >&2
fi
peer=$python
imports "$python" torch,transformers,numpy || peer=""

mkdir -p "$(dirname "$output")"
exec python3 "$here/measure.py" --model "$model" --build "$build" --shape "$shape" --tokens "$tokens" --rounds "$rounds" --units "$units" \
  --device "$device" --dtype "$dtype" --peer_python "$peer" --peer_path "$peer_path" --output "$output" "${passed_on[@]}"
