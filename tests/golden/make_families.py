#!/usr/bin/env python3
"""Writes families.jsonl: what transformers says of a tiny model of every family that kvcompare computes.

    make_families.py --maker build/release/write_family_checkpoint [NAME...]

Needs torch and transformers (5.23 was used). A line is one model: its config.json as transformers writes it, the samples, and the NLL of
every token but the first, in float32 with sums in float64. The weights are not here: write_family_checkpoint makes them of config.json and
the seed, and transformers refuses a tensor that its model lacks or does not have. With names, only their lines are made anew.
"""
import argparse
import json
import random
import subprocess
import tempfile
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).resolve().parent
SIZES = dict(vocab_size=96, hidden_size=32, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2)
LENGTHS = [61, 24]
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=16)
LONGROPE = dict(rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=40,
                short_factor=[1.0, 1.1, 1.25, 1.5], long_factor=[1.0, 1.5, 2.5, 4.0])
# Name -> configuration class, its changes to SIZES. Each line has something that no other has.
MODELS = {
    "llama": ("LlamaConfig", {}),
    "llama_yarn": ("LlamaConfig", dict(rope_parameters=YARN, head_dim=24)),
    "llama_yarn_mscale": ("LlamaConfig", dict(rope_parameters=YARN | dict(mscale=0.7, mscale_all_dim=0.4, beta_fast=8.0, beta_slow=2.0, truncate=False))),
    "llama_dynamic": ("LlamaConfig", dict(rope_parameters=dict(rope_type="dynamic", rope_theta=10000.0, factor=3.0), max_position_embeddings=40)),
    "mistral": ("MistralConfig", dict(sliding_window=None)),
    "qwen2_yarn": ("Qwen2Config", dict(rope_parameters=YARN | dict(attention_factor=1.3))),
    "qwen3": ("Qwen3Config", dict(head_dim=12)),
    "arcee": ("ArceeConfig", dict(mlp_bias=True)),
    "granite": ("GraniteConfig", dict(embedding_multiplier=3.0, residual_multiplier=0.7, attention_multiplier=0.3, logits_scaling=2.0)),
    "seed_oss": ("SeedOssConfig", dict(head_dim=10, attention_out_bias=True)),
    "smollm3": ("SmolLM3Config", dict(no_rope_layers=[1, 0, 1])),
    "olmo2": ("Olmo2Config", dict(attention_bias=True)),
    "phi3": ("Phi3Config", {}),
    "phi3_partial": ("Phi3Config", dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5))),
    "phi3_longrope": ("Phi3Config", dict(rope_parameters=LONGROPE, original_max_position_embeddings=40)),
    "glm4": ("Glm4Config", dict(head_dim=12)),
    "ernie4_5": ("Ernie4_5Config", dict(head_dim=8, use_bias=True)),
    "ministral3": ("Ministral3Config", dict(head_dim=8, rope_parameters=YARN | dict(original_max_position_embeddings=64, llama_4_scaling_beta=0.1, mscale=1.0, mscale_all_dim=1.0))),
    "ministral3_scaled": ("Ministral3Config", dict(head_dim=8, rope_parameters=YARN | dict(llama_4_scaling_beta=0.5))),
    "gemma": ("GemmaConfig", dict(head_dim=16)),
    "mixtral": ("MixtralConfig", dict(num_local_experts=4, num_experts_per_tok=2)),
    "qwen3_moe": ("Qwen3MoeConfig", dict(num_experts=5, num_experts_per_tok=3, moe_intermediate_size=12, mlp_only_layers=[1])),
    "qwen3_moe_sparse": ("Qwen3MoeConfig", dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=16, norm_topk_prob=True, decoder_sparse_step=2)),
    "starcoder2": ("Starcoder2Config", {}),
    "apertus": ("ApertusConfig", {}),
    "gemma2": ("Gemma2Config", dict(head_dim=16, sliding_window=9, query_pre_attn_scalar=12, attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "gemma3_text": ("Gemma3TextConfig", dict(head_dim=16, sliding_window=9, query_pre_attn_scalar=12, layer_types=["full_attention", "sliding_attention", "full_attention"],
                                             rope_parameters=dict(full_attention=dict(rope_type="linear", rope_theta=20000.0, factor=3.0), sliding_attention=dict(rope_type="default", rope_theta=500.0)))),
    "gpt_oss": ("GptOssConfig", dict(head_dim=12, num_local_experts=5, num_experts_per_tok=2, sliding_window=9, swiglu_limit=0.5,
                                     rope_parameters=YARN | dict(truncate=False), intermediate_size=24)),
    "olmo3": ("Olmo3Config", dict(sliding_window=9, layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                                  rope_parameters=dict(full_attention=YARN, sliding_attention=dict(rope_type="default", rope_theta=3000.0)))),
    "cohere2": ("Cohere2Config", dict(sliding_window=9, logit_scale=0.4, layer_types=["full_attention", "sliding_attention", "full_attention"])),
    "exaone4": ("Exaone4Config", dict(sliding_window=9, sliding_window_pattern=2)),
    "exaone4_global": ("Exaone4Config", dict(sliding_window=None, layer_types=["full_attention"] * 3)),
    "qwen2_sliding": ("Qwen2Config", dict(use_sliding_window=True, sliding_window=9, max_window_layers=1)),
}


def token_nll(model, ids):
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, :-1].double()
    return torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none").tolist()


def golden(name, maker, scratch):
    config_name, changes = MODELS[name]
    rng = random.Random(name)
    seed = rng.randrange(1, 10**6)
    config = getattr(transformers, config_name)(**SIZES | changes)
    config.architectures = [config_name.removesuffix("Config").removesuffix("Text") + "ForCausalLM"]
    config.dtype = "bfloat16"
    folder = scratch / name
    folder.mkdir()
    config.save_pretrained(folder)
    text = (folder / "config.json").read_text()
    (folder / "written.json").write_text(text)
    digest = subprocess.run([maker, folder / "written.json", folder, str(seed)], check=True, capture_output=True, text=True).stdout.strip()
    model, told = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    if any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")):
        raise SystemExit(f"{name}: transformers wants other tensors: {told}")
    samples = [[rng.randrange(3, SIZES["vocab_size"]) for _ in range(n)] for n in LENGTHS]
    # A model of its own for each sample: that of a dynamic RoPE remembers the longest it has seen.
    nll = [token_nll(transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), ids) for ids in samples]
    config_json = {key: value for key, value in json.loads(text).items() if key not in ("transformers_version", "initializer_range", "use_cache")}
    return {"name": name, "seed": seed, "weights": digest, "config": config_json, "samples": samples,
            "token_nll": [[round(x, 7) for x in of_sample] for of_sample in nll]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maker", required=True, type=Path)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    path = HERE / "families.jsonl"
    known = {line["name"]: line for line in map(json.loads, path.read_text().splitlines())} if path.exists() and args.names else {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in args.names or MODELS:
            known[name] = golden(name, args.maker.resolve(), Path(scratch))
            print(name, flush=True)
    path.write_text("".join(json.dumps(known[name], separators=(",", ":")) + "\n" for name in MODELS if name in known))


if __name__ == "__main__":
    main()
