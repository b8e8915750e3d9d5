#!/bin/sh
# Writes the goldens of this folder anew, from an oracle that shares no code with the project:
#   tests/golden/regenerate.sh --oracle oracle.py --python PYTHON [--assets DIR] [--maker build/dev/write_tiny_model]
# PYTHON needs torch (and tokenizers for the trained model of --assets). Takes some minutes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=python3 oracle= assets= maker="$here/../../build/dev/write_tiny_model"
while [ $# -gt 0 ]; do
  case $1 in
    --oracle) oracle=$2 ;;
    --python) python=$2 ;;
    --assets) assets=$2 ;;
    --maker) maker=$2 ;;
    *) echo "regenerate.sh: unknown flag $1" >&2; exit 2 ;;
  esac
  shift 2
done
[ -n "$oracle" ] || { echo "regenerate.sh: --oracle is missing" >&2; exit 2; }
exec "$python" "$here/regenerate.py" --oracle "$oracle" --maker "$maker" ${assets:+--assets "$assets"}
