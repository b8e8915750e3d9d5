#!/usr/bin/env python3
"""Writes tokenizer_offsets.jsonl: the characters that Hugging Face tokenizers says each token stands for.

    python3 tests/golden/make_tokenizer_offsets.py [--assets DIR] > tests/golden/tokenizer_offsets.jsonl

Needs `pip install tokenizers` (written with 0.23.3). A line for each tokenizer of tokenizer_components.jsonl, {"name", "offsets"}, and with
--assets one for each golden there, {"tokenizer", "lines", "offsets"}. offsets: one list a text, [begin, end] of each token, without special
tokens, in characters. "trim_offsets" is off: a token keeps the space that it holds.
"""
import argparse
import json
import tempfile
from pathlib import Path

from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
ASSETS = [("tokenizers/qwen2", "tokenizers/qwen2/golden_hf.jsonl"), ("tokenizers/gpt2", "tokenizers/gpt2/golden_hf.jsonl"),
          ("tokenizers/llama2", "tokenizers/llama2/golden_hf.jsonl"), ("models/stories260K", "models/stories260K/golden_tokenizer.jsonl")]


def untrimmed(node):
    if isinstance(node, dict):
        return {key: False if key == "trim_offsets" else untrimmed(value) for key, value in node.items()}
    return [untrimmed(item) for item in node] if isinstance(node, list) else node


def offsets(document, texts):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(untrimmed(document), file)
        file.flush()
        tokenizer = Tokenizer.from_file(file.name)
    return [[list(pair) for pair in tokenizer.encode(text, add_special_tokens=False).offsets] for text in texts]


def write(row):
    print(json.dumps(row, separators=(",", ":")))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--assets", type=Path)
    args = parser.parse_args()
    texts, bases = [], []
    for line in map(json.loads, (HERE / "tokenizer_components.jsonl").read_text().rstrip("\n").split("\n")):
        if "texts" in line:
            texts = line["texts"]
        elif "vocab" in line:
            bases.append(line)
        else:
            document, base = line["tokenizer"], bases[line["base"]]
            document["model"] |= {"vocab": base["vocab"], "merges": base["merges"]}
            write({"name": line["name"], "offsets": offsets(document, texts)})
    for tokenizer, lines in ASSETS if args.assets else []:
        document = json.loads((args.assets / tokenizer / "tokenizer.json").read_text())
        golden = [json.loads(line)["text"] for line in (args.assets / lines).read_text().rstrip("\n").split("\n")]
        write({"tokenizer": tokenizer, "lines": lines, "offsets": offsets(document, golden)})


if __name__ == "__main__":
    main()
