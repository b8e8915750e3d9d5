#!/usr/bin/env bash
# From a fresh machine to a table: installs what is missing, builds build/release/kvcompare, and compares the six
# methods on a small model with random weights over the eight texts of launch/demo_corpus.jsonl.
#
#   launch/quickstart.sh
#
# May be run again, from any folder; once everything is installed it needs no network.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '/^set/d'; }
case ${1:-} in
  "") ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/launch/build.sh" release kvcompare kvcompare_demo_model

release=$root/build/release
demo=$root/build/demo
rm -rf "$demo"
"$release/kvcompare_demo_model" "$demo/model"
cp "$root/launch/demo_corpus.jsonl" "$demo/corpus.jsonl"

cat <<END

A small model with RANDOM weights over 8 short texts: this shows that the program works and what it prints.
The numbers say nothing about the methods; for those, give it a trained model (see below).

END
"$release/kvcompare" compare --model_name "$demo/model" --data_path "$demo/corpus.jsonl" \
  --methods kvzap,random,streaming_llm,expected_attention,observed_attention \
  --kvzap_scorer_model "$demo/model/scorer" --output_dir "$demo/results"

cat <<END

The results are in $demo/results: comparison_summary.json, detailed_results.json, results.h5, run.json.

Your own model and data: a folder with config.json, tokenizer.json and *.safetensors (or the id of a model that
the Hugging Face cache holds), and a file with one {"text": "..."} a line. For example

  $release/kvcompare --model_name MODEL_FOLDER --data_path DATA.jsonl --methods random,streaming_llm,expected_attention --output_dir results

KVzap needs its scorer: --methods kvzap --kvzap_scorer_model SCORER_FOLDER. All flags: $release/kvcompare --help
END
