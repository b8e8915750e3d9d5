#!/usr/bin/env python3
"""Writes what the benchmarks run on: Llamas with random weights of about 1, 9 and 100 million parameters, float32, and
one of 9 million whose head is a hundredth of its work; and a Mixtral of 8 experts, of whose 270 million parameters a token passes 100 million.

    make_models.py FOLDER [--sizes 1M,9M,100M,100M-experts] [--length 8192] [--samples 64] [--real_model DIR --documents JSONL]

FOLDER/SIZE then holds config.json, model.safetensors, scorer/ (of KVzap), ids.jsonl: samples of random tokens, and short.jsonl: 2,000 of
20 to 60 tokens. What is there already stays. FOLDER/real holds links to the files of DIR, a model that the user has, and ids.jsonl: the
documents, one after the other, in its tokens. Queries and keys are scaled up so that attention is peaked: then the numbers tell which keys were evicted.
KVzap's scores lie around the default threshold of -7, so that about half of the keys go. Needs torch, transformers, safetensors.
"""
import argparse
import json
import math
import random
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM

SHAPES = {
    "1M": dict(hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
               head_dim=32, vocab_size=2048, tie_word_embeddings=True),
    "9M": dict(hidden_size=256, intermediate_size=1088, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=4,
               head_dim=32, vocab_size=4096, tie_word_embeddings=True),
    "9M-head1": dict(hidden_size=256, intermediate_size=1088, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=4,
                     head_dim=32, vocab_size=320, tie_word_embeddings=True),
    "100M": dict(hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=4,
                 head_dim=64, vocab_size=16000, tie_word_embeddings=False),
    "100M-experts": dict(hidden_size=768, intermediate_size=1024, num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=4,
                         head_dim=64, vocab_size=16000, tie_word_embeddings=False, num_local_experts=8, num_experts_per_tok=2),
}


def randomise(model):
    """Logits with a standard deviation of 2, attention logits of 4; every block adds about as much as the embedding holds."""
    embedding = 2 / math.sqrt(model.config.hidden_size)
    gains = {"q_proj": 2, "k_proj": 2, "o_proj": 2 * embedding, "down_proj": 2 * embedding, "lm_head": 2}
    for name, weight in model.named_parameters():
        if name.endswith("norm.weight"):
            weight.normal_(1, 0.1)
        elif "embed_tokens" in name:
            weight.normal_(0, embedding)
        else:
            part = name.removesuffix(".weight").split(".")[-1]
            weight.normal_(0, gains.get(part, 1) / math.sqrt(weight.shape[-1]))


def write_scorer(folder, config):
    hidden_dim, tensors = max(32, config.hidden_size // 8), {}
    for layer in range(config.num_hidden_layers):
        for part, (rows, columns), gain, mean in ((0, (hidden_dim, config.hidden_size), 1, 0),
                                                  (2, (config.num_key_value_heads, hidden_dim), 3, -7)):
            tensors[f"layers.{layer}.{part}.weight"] = torch.randn(rows, columns) * gain / math.sqrt(columns)
            tensors[f"layers.{layer}.{part}.bias"] = torch.randn(rows) * 0.1 + mean
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(
        {"architectures": ["KVzapModel"], "model_type": "kvzap", "dtype": "float32", "input_dim": config.hidden_size,
         "hidden_dim": hidden_dim, "output_dim": config.num_key_value_heads, "n_modules": config.num_hidden_layers}, indent=1))


def write_short(folder, vocab_size, n_samples=2000):
    choose = random.Random(1)
    with open(folder / "short.jsonl", "w") as lines:
        for _ in range(n_samples):
            ids = [choose.randrange(3, vocab_size) for _ in range(choose.randint(20, 60))]
            lines.write(json.dumps({"input_ids": ids}) + "\n")


def same_model(folder, model):
    return (folder / "config.json").resolve() == (model / "config.json").resolve()


def write_real(folder, model, documents, length):
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for file in model.iterdir():
        (partial / file.name).symlink_to(file.resolve())
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    with open(documents) as lines:
        ids = [i for line in lines for i in tokenizer.encode(json.loads(line)["text"]).ids]
    with open(partial / "ids.jsonl", "w") as lines:
        for begin in range(0, len(ids) - length + 1, length):
            lines.write(json.dumps({"input_ids": ids[begin : begin + length]}) + "\n")
    write_short(partial, json.loads((model / "config.json").read_text())["vocab_size"])
    partial.rename(folder)
    print(f"{folder}: {model}, {len(ids) // length} samples of {length} tokens")


@torch.no_grad()
def write_model(folder, shape, seed, length, samples):
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    torch.manual_seed(seed)
    shape = shape | dict(max_position_embeddings=16384, rms_norm_eps=1e-5, dtype="float32")
    has_experts = "num_local_experts" in shape
    model = MixtralForCausalLM(MixtralConfig(**shape, sliding_window=None)) if has_experts else LlamaForCausalLM(LlamaConfig(**shape))
    randomise(model)
    model.save_pretrained(partial)
    write_scorer(partial / "scorer", model.config)
    with open(partial / "ids.jsonl", "w") as lines:
        for _ in range(samples):
            lines.write(json.dumps({"input_ids": torch.randint(3, shape["vocab_size"], (length,)).tolist()}) + "\n")
    write_short(partial, shape["vocab_size"])
    partial.rename(folder)      # so that a folder with this name is complete
    print(f"{folder}: {model.num_parameters():,} parameters, {samples} samples of {length} tokens")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", default=",".join(SHAPES), help="default: %(default)s")
    parser.add_argument("--length", type=int, default=8192, help="tokens of a sample")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real_model", type=Path, help="folder of a Hugging Face model with tokenizer.json")
    parser.add_argument("--documents", type=Path, default=Path(__file__).resolve().parents[1] / "demo/documents.jsonl",
                        help="lines of {\"text\": ...}; default: the demo's")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for size in args.sizes.split(","):
        if not (args.folder / size).exists():
            write_model(args.folder / size, SHAPES[size], args.seed, args.length, args.samples)
        elif not (args.folder / size / "short.jsonl").exists():      # of an older version of this file
            write_short(args.folder / size, SHAPES[size]["vocab_size"])
    if args.real_model and not same_model(args.folder / "real", args.real_model):
        shutil.rmtree(args.folder / "real", ignore_errors=True)
        write_real(args.folder / "real", args.real_model, args.documents, args.length)


if __name__ == "__main__":
    main()
