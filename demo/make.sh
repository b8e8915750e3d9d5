#!/usr/bin/env bash
# Makes the demo anew: corpus, tokenizer, model, scorer, held-out documents, and the log of all that in demo/make.log.
#
#   demo/make.sh [FOLDER]       FOLDER: where the work is kept, default build/demo; run again, it goes on where it was
#
# Under an hour on two cores. Needs Python with Hugging Face's `tokenizers`, which it installs into FOLDER.
# Up to the noise of floating point the outcome is the same everywhere.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
case ${1:-} in -h | --help) usage; exit 0 ;; esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${1:-$root/build/demo}
mkdir -p "$work"
"$root/launch/build.sh" release kvcompare kvcompare_demo
program=$root/build/release/kvcompare_demo
source "$root/launch/setup.sh"

say() { printf '\n$ %s\n' "$*" | sed "s|$work|WORK|g; s|$root/||g"; "$@"; }

make_all() {
  if [ ! -e "$work/tokenizer/tokenizer.json" ]; then
    say "$program" corpus --output "$work/tokenizer.jsonl" --documents 2000 --seed 2 --copies 0.2
    PYTHONPATH=$work/python say "$(find_pip)" "$root/demo/make_tokenizer.py" "$work/tokenizer.jsonl" "$work/tokenizer"
  fi
  say "$program" train --tokenizer "$work/tokenizer" --output_dir "$work/model" --seed 1
  say "$program" corpus --output "$work/scorer.jsonl" --documents 400 --seed 3 --copies 0 --min_words 750 --max_words 1250
  say "$root/build/release/kvcompare" train_kvzap --model_name "$work/model" --data_path "$work/scorer.jsonl" \
    --output "$work/scorer" --repeat_prompt ' Once more from the start:\n' --hidden_dim 64 --resume --log_level warning
  say "$program" corpus --output "$work/documents.jsonl" --documents 40 --seed 4 --copies 0
  say "$program" corpus --output "$work/answers.jsonl" --documents 40 --seed 4 --copies 0 --answers
}

if [ ! -d "$work/python/tokenizers" ]; then
  "$(find_pip)" -m pip install --quiet --target "$work/python" tokenizers==0.22.2
fi
[ ! -e "$work/model/training.safetensors" ] || echo "(goes on)" >>"$work/make.log"
make_all 2> >(tee -a "$work/errors.log" >&2) | tee -a "$work/make.log"

demo=$root/demo
mkdir -p "$demo/model" "$demo/scorer"
cp "$work"/model/{config.json,model.safetensors,tokenizer.json,tokenizer_config.json} "$demo/model/"
cp "$work"/scorer/{config.json,model.safetensors,training.json} "$demo/scorer/"
cp "$work/documents.jsonl" "$work/answers.jsonl" "$work/make.log" "$demo/"
