"""Writes kvzip_targets.json: KVzip+ scores of small models, from an oracle that shares no code with the project.

    kvzip_targets.py --oracle oracle.py [--maker build/release/write_tiny_model]

Needs torch. Naive on purpose: one query and one key at a time, float64.
"""
import argparse
import importlib.util
import json
import math
import subprocess
import tempfile
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
PRESETS = ["llama", "llama_rope3_biased_bf16_sharded", "llama_linear_rope_mha_f16", "qwen2", "qwen3", "mistral"]
N_CONTEXT, REQUEST = 21, [7, 9, 11]


def scores_of(model, ids, n_context, repeat_begin):
    """[layer][context position][KV head], and the attention input's norm at each context position."""
    group = model.heads // model.kv_heads
    x = model.w["model.embed_tokens.weight"][torch.tensor(ids)]
    positions = torch.arange(len(ids))
    scores, norms = [], []
    for layer in range(model.layers):
        prefix = f"model.layers.{layer}."
        hidden = model.rms_norm(x, model.w[prefix + "input_layernorm.weight"])
        _, q, _, k, v = model.project(layer, hidden, positions)
        output = model.w[prefix + "self_attn.o_proj.weight"]
        best = [[0.0] * model.kv_heads for _ in range(n_context)]
        heads = torch.zeros(model.heads, len(ids), model.head_dim)
        for h in range(model.heads):
            columns = output[:, h * model.head_dim : (h + 1) * model.head_dim]
            for i in range(len(ids)):
                weights = torch.softmax(k[h // group, : i + 1] @ q[h, i] / math.sqrt(model.head_dim), dim=0)
                heads[h, i] = weights @ v[h // group, : i + 1]
                if i < repeat_begin:
                    continue
                for j in range(n_context):
                    moved = (columns @ v[h // group, j]).norm().item()
                    score = weights[j].item() * moved / hidden[i].norm().item()
                    best[j][h // group] = max(best[j][h // group], score)
        scores.append([[math.log(b) for b in row] for row in best])
        norms.append(hidden[:n_context].norm(dim=-1).tolist())
        x = x + model.linear(heads.transpose(0, 1).reshape(len(ids), -1), prefix + "self_attn.o_proj")
        x = x + model.mlp(layer, model.rms_norm(x, model.w[prefix + "post_attention_layernorm.weight"]))
    return scores, norms


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--maker", default=HERE.parent.parent / "build/release/write_tiny_model")
    args = parser.parse_args()
    spec = importlib.util.spec_from_file_location("oracle", args.oracle)
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)

    cases = []
    for preset in PRESETS:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([args.maker, preset, folder], check=True, stdout=subprocess.DEVNULL)
            context = json.loads(Path(folder, "data.jsonl").read_text().splitlines()[0])["input_ids"][:N_CONTEXT]
            ids = context + REQUEST + context[1:]  # as if the first one were a begin token
            scores, norms = scores_of(oracle.Model(folder), ids, N_CONTEXT, N_CONTEXT + len(REQUEST))
        cases.append({"preset": preset, "ids": ids, "n_context": N_CONTEXT,
                      "repeat_begin": N_CONTEXT + len(REQUEST), "scores": scores, "hidden_norms": norms})
    (HERE / "kvzip_targets.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
