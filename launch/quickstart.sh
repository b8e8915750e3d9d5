#!/usr/bin/env bash
# From a fresh machine to a table: installs what is missing, builds build/release/kvcompare, and compares six methods
# on the demo: a small trained model with a trained scorer, and 40 documents in which a long memory pays (docs/demo.md).
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
"$root/launch/build.sh" release kvcompare

kvcompare=$root/build/release/kvcompare
demo=$root/demo
results=$root/build/demo_results
cat <<END

Six methods on a trained model of a million parameters, that reads 40 documents with facts told early and asked for late.
Each evicts after every token: KVzap what it scores below -4, the others the half that they think least of.

END
"$kvcompare" compare --model_name "$demo/model" --kvzap_scorer_model "$demo/scorer" --data_path "$demo/documents.jsonl" \
  --methods kvzap,random,streaming_llm,expected_attention,observed_attention --threshold -4 \
  --output_dir "$results" --overwrite

cat <<END

Your own model (a folder with config.json, tokenizer.json, *.safetensors, or a hub id that is in the cache) and data ({"text": "..."} a line):
  $kvcompare --model_name MODEL --data_path DATA.jsonl --methods random,streaming_llm,expected_attention --output_dir results
KVzap needs a scorer, which is trained once for a model:  $kvcompare train_kvzap --model_name MODEL --data_path DATA.jsonl --output SCORER
and then:  --methods kvzap --kvzap_scorer_model SCORER.  All flags: $kvcompare --help
The results of this comparison: $results (summary.md to read; results.csv, comparison_summary.json, results.h5 and more: docs/results.md).
END
