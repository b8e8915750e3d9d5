#!/usr/bin/env bash
# Installs transformers and kvpress with their torch (5 GB) into KVCOMPARE_DEPS/peers, for tests/peers, where pip can; otherwise
# those tests are skipped, and say so. Only if KVCOMPARE_PEERS=1, and KVCOMPARE_PEER_PYTHON names no python that has them.
set -euo pipefail
[ "${KVCOMPARE_PEERS:-0}" = 1 ] && [ -z "${KVCOMPARE_PEER_PYTHON:-}" ] || exit 0
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/launch/setup.sh"

peers=$KVCOMPARE_DEPS/peers
[ ! -e "$peers/python" ] || exit 0
python=$(find_pip)
give_up() { echo "tests: $1; tests that read the demo with transformers and kvpress will be skipped" >&2; exit 0; }
[ -n "$python" ] || give_up "python3 has no pip"
echo "tests: fetching transformers, kvpress and torch into $peers" >&2
rm -rf "$peers" "$peers.partial"
"$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$peers.partial" \
  torch==2.11.0 transformers==5.2.0 kvpress==0.5.5 safetensors >&2 || { rm -rf "$peers.partial"; give_up "pip could not fetch them"; }
command -v "$python" >"$peers.partial/python"
mv "$peers.partial" "$peers"
