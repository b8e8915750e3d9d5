#!/usr/bin/env bash
# From a fresh machine to a comparison: installs what is missing, builds build/release/kvcompare, and runs five methods at
# three settings each on the demo: a small trained model with a trained scorer, and 40 documents in which a long memory
# pays (docs/demo.md). The last line is the path of a page to open in a browser.
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

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
launch/build.sh release kvcompare

cat <<END

A trained model of a million parameters reads 40 documents, in which facts are told early and asked for late.
Five methods evict keys from its cache after every token, each at three settings:
KVzap evicts the keys that it scores below -7, -5 and -3; the others evict 20 %, 50 % and 80 % of the keys.
Scored are the answers alone: the words that only a model can predict that remembers the facts.
The column "Answers" counts those that the model would have written.

END
build/release/kvcompare --model_name demo/model --kvzap_scorer_model demo/scorer --data_path demo/answers.jsonl \
  --methods all --include_observed_attention --compression_ratio 0.2,0.5,0.8 --threshold -7,-5,-3 \
  --output_dir build/demo_results --overwrite

cat <<END

The same for a model of your own (a folder with config.json, tokenizer.json and *.safetensors, or a hub id that is in the
cache) and your own data (a file with one {"text": "..."} a line):
  $root/build/release/kvcompare --model_name MODEL --data_path DATA.jsonl --compression_ratio 0.2,0.5,0.8 --output_dir results
KVzap needs a scorer, which is trained once for a model:
  $root/build/release/kvcompare train_kvzap --model_name MODEL --data_path DATA.jsonl --output SCORER
Then add:  --kvzap_scorer_model SCORER --threshold -7,-5,-3        All flags:  kvcompare --help

The page that shows the comparison, to open in a browser (the other files beside it: docs/results.md):
$root/build/demo_results/report.html
END
