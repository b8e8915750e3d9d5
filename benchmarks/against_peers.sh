#!/usr/bin/env bash
# Times build/release/kvcompare and Hugging Face transformers (benchmarks/peer_hf.py) side by side; tables on stdout.
#
#   benchmarks/against_peers.sh [chunk1] [chunks] [own] [growth] [dense] [presses] [field] [divergence] [threads] [short] [attention] [memory]
#     [--rounds N] [--threads N] [--sizes 1M,9M,100M] [--dtype float32|bfloat16|float16] [--real_model DIR] [--disturbed SHARE]
#
# No section: all of them, more than an hour on two cores. --dtype is that of the first four sections; the others choose their own,
# and compare with goals. --real_model names the folder of a Hugging Face model with tokenizer.json, for dense, presses, divergence, threads,
# short and memory; without it their rows about a real model are absent. Installs torch and transformers, and makes models with random weights,
# in benchmarks/.peer. KVCOMPARE_PEER_PYTHON names a python that has both already; KVCOMPARE another binary.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
case ${1:-} in -h | --help) usage; exit 0 ;; esac

benchmarks=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peer=$benchmarks/.peer
kvcompare=${KVCOMPARE:-$benchmarks/../build/release/kvcompare}
[ -x "$kvcompare" ] || { echo "against_peers: $kvcompare is not there; run launch/build.sh release kvcompare" >&2; exit 2; }

has_peer() { "$1" -c 'import numpy, safetensors, torch, transformers' 2>/dev/null; }
python=${KVCOMPARE_PEER_PYTHON:-}
if [ -z "$python" ]; then
  python=$peer/venv/bin/python
  if ! has_peer "$python"; then
    echo "against_peers: installing torch and transformers into $peer/venv" >&2
    python3 -m venv "$peer/venv"
    "$python" -m pip install --quiet torch==2.11.0 transformers==5.23.0 numpy safetensors >&2
  fi
fi
has_peer "$python" || { echo "against_peers: $python cannot import torch, transformers, numpy and safetensors" >&2; exit 2; }

real_model=()
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --real_model) real_model=(--real_model "${2:?--real_model needs a folder}"); shift 2 ;;
    --real_model=*) real_model=(--real_model "${1#*=}"); shift ;;
    *) arguments+=("$1"); shift ;;
  esac
done

export HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 TRANSFORMERS_VERBOSITY=error
"$python" "$benchmarks/make_models.py" "$peer/models" "${real_model[@]}" >&2
exec "$python" "$benchmarks/side_by_side.py" --models "$peer/models" --peer_python "$python" --kvcompare "$kvcompare" "${arguments[@]}"
