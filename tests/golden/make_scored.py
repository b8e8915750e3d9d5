#!/usr/bin/env python3
"""Writes scored.json: what an oracle sums over the scored tokens of samples that name them.

    python3 tests/golden/make_scored.py --oracle oracle.py --maker build/release/write_tiny_model

Needs torch. The samples are drawn here, with ranges that begin with token 0, end with the last token, lie side by side, and hold one
token. A row is {"model", "chunk_size", "method", "samples": [[n_scored, total_nll], ...]}, one pair a sample.
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
MODELS, CHUNKS = ["llama", "qwen2", "qwen3", "mistral"], [1, 3, 8, 4096]
FLAGS = {"compression_ratio": 0.5, "n_sink": 2, "sliding_window_size": 8}


def drawn_samples():
    draw = random.Random(19)
    ranges = [[[0, 4]], [[20, 26]], [[3, 9], [9, 10], [17, 18]], [[1, 30]], None, [[28, 29]]]
    lengths = [22, 26, 25, 30, 18, 29]
    rows = []
    for length, scored in zip(lengths, ranges, strict=True):
        row = {"input_ids": [1] + [draw.randrange(3, 60) for _ in range(length - 1)]}
        rows.append(row if scored is None else row | {"scored": scored})
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--oracle", type=Path, required=True)
    parser.add_argument("--maker", type=Path, required=True)
    args = parser.parse_args()
    samples, rows = drawn_samples(), []
    with tempfile.TemporaryDirectory() as scratch:
        data, report = Path(scratch, "data.jsonl"), Path(scratch, "report.json")
        data.write_text("".join(json.dumps(sample) + "\n" for sample in samples))
        for model in MODELS:
            subprocess.run([args.maker, model, Path(scratch, model)], check=True, stdout=subprocess.DEVNULL)
            for chunk_size in CHUNKS:
                flags = [f"--{name}={value}" for name, value in {**FLAGS, "chunk_size": chunk_size}.items()]
                subprocess.run([sys.executable, args.oracle, Path(scratch, model), data, "--methods", ",".join(METHODS), *flags,
                                "--kvzap_scorer_model", Path(scratch, model, "scorer"), "--out", report], check=True, stdout=subprocess.DEVNULL)
                for method, result in json.loads(report.read_text())["methods"].items():
                    rows.append({"model": model, "chunk_size": chunk_size, "method": method,
                                 "samples": [[len(row["scored"]), row["total_nll"]] for row in result["samples"]]})
                print(model, chunk_size, file=sys.stderr, flush=True)
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (HERE / "scored.json").write_text(f'{{"flags": {json.dumps(FLAGS)},\n"data": {json.dumps(samples)},\n"rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
