#!/usr/bin/env python3
"""Writes a Llama with random weights, in shards, and samples of random tokens for it.

    make_model.py FOLDER --shape 8b [--tokens 8192] [--samples 8] [--dtype bfloat16] [--device cuda:0] [--seed 0]

FOLDER then holds config.json, model-*.safetensors with their index, scorer/ (of KVzap) and ids.jsonl. It appears when it is complete; what is there already
stays. The numbers are those of one kind of device: another draws others from the same seed. Needs torch, safetensors.

Queries and keys are scaled up so that attention is peaked, and KVzap's scores lie around the default threshold of -7: what is
evicted then shows in the NLL. What a method costs in time does not depend on what the weights know.
"""
import argparse
import json
import math
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

LLAMA3_ROPE = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 8192}
SHAPES = {  # of Llama-3.1-8B, of Llama-3.2-1B, and one to try the scripts with
    "8b": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
               head_dim=128, vocab_size=128256, tie_word_embeddings=False, rope_scaling=LLAMA3_ROPE),
    "1b": dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8,
               head_dim=64, vocab_size=128256, tie_word_embeddings=True, rope_scaling={**LLAMA3_ROPE, "factor": 32.0}),
    "tiny": dict(hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                 head_dim=64, vocab_size=512, tie_word_embeddings=False, rope_scaling=None),
}
LAYERS_IN_A_SHARD = 4


class Draw:
    """Tensors of normal numbers, each from a seed of its own."""

    def __init__(self, seed, dtype, device):
        self.seed, self.dtype, self.device = seed, dtype, device

    def __call__(self, *shape, mean=0.0, deviation=1.0):
        self.seed += 1
        generator = torch.Generator(self.device).manual_seed(self.seed)
        numbers = torch.randn(shape, generator=generator, device=self.device)
        return numbers.mul_(deviation).add_(mean).to(self.dtype).cpu()


def layer_tensors(draw, shape, index):
    d, d_ff, d_q = shape["hidden_size"], shape["intermediate_size"], shape["num_attention_heads"] * shape["head_dim"]
    d_kv = shape["num_key_value_heads"] * shape["head_dim"]
    small = 4 / math.sqrt(d)    # a block adds about as much as the embedding holds
    parts = {"self_attn.q_proj": (d_q, d, 2), "self_attn.k_proj": (d_kv, d, 2), "self_attn.v_proj": (d_kv, d, 1),
             "self_attn.o_proj": (d, d_q, small), "mlp.gate_proj": (d_ff, d, 1), "mlp.up_proj": (d_ff, d, 1),
             "mlp.down_proj": (d, d_ff, small)}
    tensors = {f"{name}.weight": draw(rows, columns, deviation=gain / math.sqrt(columns))
               for name, (rows, columns, gain) in parts.items()}
    for norm in ("input_layernorm", "post_attention_layernorm"):
        tensors[f"{norm}.weight"] = draw(d, mean=1.0, deviation=0.1)
    return {f"model.layers.{index}.{name}": tensor for name, tensor in tensors.items()}


def shards(draw, shape):
    d, vocab = shape["hidden_size"], shape["vocab_size"]
    first = {"model.embed_tokens.weight": draw(vocab, d, deviation=2 / math.sqrt(d)), "model.norm.weight": draw(d, mean=1.0, deviation=0.1)}
    if not shape["tie_word_embeddings"]:
        first["lm_head.weight"] = draw(vocab, d, deviation=2 / math.sqrt(d))
    yield first
    for begin in range(0, shape["num_hidden_layers"], LAYERS_IN_A_SHARD):
        layers = range(begin, min(begin + LAYERS_IN_A_SHARD, shape["num_hidden_layers"]))
        yield {name: tensor for layer in layers for name, tensor in layer_tensors(draw, shape, layer).items()}


def write_weights(folder, draw, shape):
    n_shards = 1 + math.ceil(shape["num_hidden_layers"] / LAYERS_IN_A_SHARD)
    weight_map, total = {}, 0
    for i, tensors in enumerate(shards(draw, shape)):
        file = f"model-{i + 1:05}-of-{n_shards:05}.safetensors"
        save_file(tensors, folder / file, metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(tensors, file))
        total += sum(tensor.nbytes for tensor in tensors.values())
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}))
    return total


def write_scorer(folder, draw, shape):
    d, hidden_dim, tensors = shape["hidden_size"], max(32, shape["hidden_size"] // 8), {}
    for layer in range(shape["num_hidden_layers"]):
        for part, (rows, columns), gain, mean in ((0, (hidden_dim, d), 1, 0), (2, (shape["num_key_value_heads"], hidden_dim), 3, -7)):
            tensors[f"layers.{layer}.{part}.weight"] = draw(rows, columns, deviation=gain / math.sqrt(columns))
            tensors[f"layers.{layer}.{part}.bias"] = draw(rows, mean=mean, deviation=0.1)
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(
        {"architectures": ["KVzapModel"], "model_type": "kvzap", "dtype": str(draw.dtype).removeprefix("torch."), "input_dim": d,
         "hidden_dim": hidden_dim, "output_dim": shape["num_key_value_heads"], "n_modules": shape["num_hidden_layers"]}, indent=1))


def write_model(folder, args):
    shape, partial = SHAPES[args.shape], folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    draw = Draw(args.seed, getattr(torch, args.dtype), args.device)
    total = write_weights(partial, draw, shape)
    write_scorer(partial / "scorer", draw, shape)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "attention_bias": False,
              "mlp_bias": False, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "max_position_embeddings": 131072, "bos_token_id": 0,
              "eos_token_id": 1, "torch_dtype": args.dtype, **shape}
    (partial / "config.json").write_text(json.dumps(config, indent=1))
    generator = torch.Generator().manual_seed(args.seed)
    with open(partial / "ids.jsonl", "w") as lines:
        for _ in range(args.samples):
            ids = torch.randint(3, shape["vocab_size"], (args.tokens,), generator=generator)
            lines.write(json.dumps({"input_ids": ids.tolist()}) + "\n")
    partial.rename(folder)
    print(f"{folder}: {total / 1e9:.2f} GB of weights, {args.samples} samples of {args.tokens} tokens")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", required=True, choices=SHAPES)
    parser.add_argument("--tokens", type=int, default=8192, help="of a sample")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--device", default="cpu", help="that draws the numbers")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if not args.folder.exists():
        write_model(args.folder, args)


if __name__ == "__main__":
    main()
