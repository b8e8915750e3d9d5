#!/usr/bin/env python3
"""Times `kvcompare tokenize` on the same texts in JSON Lines, in gzip and in zstd, side by side, and prints a Markdown table.

    data_forms.py BUILD_FOLDER [--megabytes 200] [--rounds 3] [--tokenizer FOLDER]

The texts are paragraphs of the project's documents and sources, drawn by a seed. All forms are read in turn in each round; a ratio is formed
within a round and shown as its median over the rounds [least … largest]. Fails if two forms give other token ids. A form whose program is missing
(zstd) is left out.
"""
import argparse
import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]


def write_lines(file, n_bytes):
    sources = sorted(path for pattern in ("*.md", "docs/*.md", "common/**/*.cpp", "worker/**/*.cpp") for path in ROOT.glob(pattern))
    paragraphs = [part for path in sources for part in path.read_text().split("\n\n")]
    draw = random.Random(1)
    n_written = 0
    with open(file, "w") as lines:
        while n_written < n_bytes:
            n_written += lines.write(json.dumps({"text": "\n\n".join(draw.sample(paragraphs, 20))}) + "\n")


def write_forms(folder, n_bytes):
    """Name of each form -> file. gzip is that of Python at level 6, as most files on hubs are."""
    forms = {"JSON Lines": folder / "data.jsonl", "gzip": folder / "data.jsonl.gz"}
    write_lines(forms["JSON Lines"], n_bytes)
    with open(forms["JSON Lines"], "rb") as plain, gzip.open(forms["gzip"], "wb", compresslevel=6) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)
    if shutil.which("zstd"):
        forms["zstd"] = folder / "data.jsonl.zst"
        subprocess.run(["zstd", "-q", "-f", forms["JSON Lines"], "-o", forms["zstd"]], check=True)
    return forms


def tokenized(build, tokenizer, data, ids):
    """CPU and wall seconds, and a hash of the ids."""
    before, begin = os.times(), os.times().elapsed
    subprocess.run([build / "kvcompare", "tokenize", "--tokenizer", tokenizer, "--input", data, "--output", ids], check=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, after.elapsed - begin, hashlib.sha256(ids.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokenizer", type=Path, default=ROOT / "demo" / "model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        forms = write_forms(Path(scratch), options.megabytes * 1_000_000)
        rounds = [{form: tokenized(options.build, options.tokenizer, file, Path(scratch) / "ids.jsonl") for form, file in forms.items()}
                  for _ in range(options.rounds)]
        sizes = {form: file.stat().st_size / 1e6 for form, file in forms.items()}
    if len({digest for times in rounds for _, _, digest in times.values()}) > 1:
        sys.exit("the forms do not give the same token ids")
    print("| form | MB on disk | CPU s | wall s | speed, by CPU time | speed, by wall time |\n|:--|--:|--:|--:|--:|--:|")
    for form in forms:
        ratios = [sorted(times["JSON Lines"][clock] / times[form][clock] for times in rounds) for clock in (0, 1)]
        shown = " | ".join(f"{median(of):.2f} [{of[0]:.2f} … {of[-1]:.2f}]" for of in ratios)
        seconds = " | ".join(f"{median(times[form][clock] for times in rounds):.1f}" for clock in (0, 1))
        print(f"| {form} | {sizes[form]:.0f} | {seconds} | {shown} |")


if __name__ == "__main__":
    main()
