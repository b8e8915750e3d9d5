#!/usr/bin/env python3
"""Writes distributions.jsonl: what the oracle says of next-token distributions and answers, in float64, for the tests' tiny models.

    make_distributions.py --oracle oracle.py --maker build/release/write_tiny_model [--seed 1]

Needs torch, for the oracle. A line is one method on one model with one chunk size: sums over the scored tokens of each sample. The
samples are those of the model; the ranges of scored tokens are drawn, and every third sample has none.
"""
import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
METHODS = ["baseline", "random", "streaming_llm", "expected_attention", "observed_attention", "knorm", "kvzap"]
CHUNKS = [1, 3, 8, 4096]


def draw_ranges(rng, n_tokens):
    """Apart, ascending, at both ends of the sample too; each a token at least."""
    cuts = sorted(rng.sample(range(1, n_tokens + 1), min(6, n_tokens // 2 * 2)))
    ranges = [list(pair) for pair in zip(cuts[::2], cuts[1::2])]
    return rng.choice([ranges, [[1, 2]] + ranges[1:] if ranges[1:] and ranges[1][0] >= 2 else ranges, ranges[:1]])


def sums(row):
    tokens = {"tokens": len(row["scored"]), "total_nll": row["total_nll"], "greedy_hits": sum(row["greedy_hit"]),
              "spans": row["spans"], "spans_exact": row["spans_exact"]}
    if "kl" in row:
        tokens |= {"sum_kl": sum(row["kl"]), "same_top1": sum(row["same_top1"]), "sum_delta_p": sum(row["delta_p"]),
                   "sum_delta_p_squared": sum(d * d for d in row["delta_p"])}
    return tokens


def cases(args, model, scratch, rng):
    folder = scratch / model
    subprocess.run([args.maker, model, folder], check=True, capture_output=True)
    lines = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
    for i, line in enumerate(lines):
        if i % 3 != 0 and len(line["input_ids"]) >= 4:
            line["scored"] = draw_ranges(rng, len(line["input_ids"]))
    (folder / "scored.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for chunk in CHUNKS:
        out = scratch / "out.json"
        ratio, threshold = rng.choice([0.25, 0.5, 0.75, 0.9]), -7.0
        subprocess.run([sys.executable, args.oracle, folder, folder / "scored.jsonl", "--methods", ",".join(METHODS),
                        "--chunk_size", str(chunk), "--compression_ratio", str(ratio), f"--threshold={threshold}",
                        "--sliding_window_size", "8", "--kvzap_scorer_model", folder / "scorer", "--out", out],
                       check=True, capture_output=True)
        report = json.loads(out.read_text())
        for method, result in report["methods"].items():
            indices = [i for i, line in enumerate(lines) if len(line["input_ids"]) >= 2]
            yield {"model": model, "method": method, "chunk_size": chunk, "compression_ratio": ratio, "threshold": threshold,
                   "samples": [{"sample": i, "scored": lines[i].get("scored", []), **sums(row)}
                               for i, row in zip(indices, result["samples"])]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--maker", required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    models = subprocess.run([args.maker, "--list"], check=True, capture_output=True, text=True).stdout.split()
    with tempfile.TemporaryDirectory() as name:
        text = [json.dumps(case, separators=(",", ":")) + "\n" for model in models
                for case in cases(args, model, Path(name), rng)]
    (HERE / "distributions.jsonl").write_text("".join(text))
    print(f"{len(text)} cases")


if __name__ == "__main__":
    main()
