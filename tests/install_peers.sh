#!/usr/bin/env bash
# Installs transformers and kvpress with their torch (5 GB) into KVCOMPARE_DEPS/peers, and beside it a transformers that knows all
# families, which kvpress does not run with, for tests/peers, where pip can; otherwise those tests are skipped, and say so. Only if
# KVCOMPARE_PEERS=1, and KVCOMPARE_PEER_PYTHON names no python that has them.
set -euo pipefail
[ "${KVCOMPARE_PEERS:-0}" = 1 ] && [ -z "${KVCOMPARE_PEER_PYTHON:-}" ] || exit 0
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/launch/setup.sh"

python=$(find_pip)

# fetch FOLDER PACKAGE...: nothing where the folder is there
fetch() {
  local folder=$KVCOMPARE_DEPS/$1
  [ ! -e "$folder/python" ] || return 0
  [ -n "$python" ] || { echo "tests: python3 has no pip; tests beside transformers and kvpress will be skipped" >&2; exit 0; }
  echo "tests: fetching ${*:2} into $folder" >&2
  rm -rf "$folder" "$folder.partial"
  if "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$folder.partial" "${@:2}" >&2; then
    command -v "$python" >"$folder.partial/python"
    mv "$folder.partial" "$folder"
  else
    rm -rf "$folder.partial"
    echo "tests: pip could not fetch them; tests that need them will be skipped" >&2
  fi
}
fetch peers torch==2.11.0 transformers==5.2.0 kvpress==0.5.5 safetensors
fetch transformers-5.23.0 transformers==5.23.0
