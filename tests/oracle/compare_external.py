#!/usr/bin/env python3
"""Compares `external` with an oracle that is given the same scores, on models and scores drawn from seeds. Needs torch; no part of the suite.

    compare_external.py --kvcompare build/release/kvcompare --writer build/release/write_tiny_model --oracle oracle.py --seeds 0,1,2

Scores of few values, so that keys tie, and infinite ones are among them. No rounding can change who is evicted: every NLL must agree
(relative 1e-9 in float64, 1e-4 in float32), and every count must be equal. What `kvcompare dump` writes is compared with the oracle's
cache as well. Exit status 1 if anything disagrees.
"""
import argparse
import hashlib
import json
import math
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import near_ties
import safetensors_files
from compare_with_oracle import NLL_TOLERANCE, WHOLE, count_differences, draw_samples, nll_difference

PRESETS = ["llama", "llama_rope3_biased_bf16_sharded", "llama_linear_rope_mha_f16", "qwen2", "qwen3", "mistral"]


def sha256_of_ids(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}q", *ids)).hexdigest()


def scorer_of(oracle, scores):
    """An oracle's scorer whose scores are given: [sample][layer][head][position]."""
    class Given(oracle.Scorer):
        def score(self, cache, n):
            heads = scores[cache.sample][cache.layer]
            return [torch.tensor([heads[h][j] for j in alive], dtype=torch.float64) for h, alive in enumerate(cache.alive)]
    return Given()


def draw_scores(rng, model, samples):
    values = [-math.inf, math.inf] + [rng.randint(-64, 64) / 8 for _ in range(rng.choice([6, 40, 400]))]
    return [[[[rng.choice(values) for _ in ids] for _ in range(model.kv_heads)] for _ in range(model.layers)] for ids in samples]


def draw_flags(rng, chunk):
    protocol = rng.choice(["decode", "decode", "prefill", "generate"])
    return {"chunk_size": chunk, "policy": rng.choice(["ratio", "size", "threshold"]),
            "compression_ratio": round(rng.random() * 0.95, 3), "cache_size": rng.choice([1, 4, 10, 25]), "threshold": rng.randint(-40, 40) / 8,
            "sliding_window_size": rng.choice([0, 1, 5, 20]), "protect_first": rng.choice([0, 0, 3]), "protect_last": rng.choice([0, 0, 6]),
            "protocol": protocol, "context_length": rng.choice(["all", 5, 17, 30]), "budget_counts": rng.choice(["all", "generated"])}


def run(arguments):
    done = subprocess.run([str(word) for word in arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"exit status {done.returncode}: {' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")


def spelled(flags):
    return [f"--{name}={value}" for name, value in flags.items()]


def rows_of(oracle, model, samples, indices, scorer, flags, alive=None):
    arguments = near_ties.arguments(flags)
    rows = []
    for i in indices:
        n = len(samples[i])
        context = n if flags["context_length"] == "all" else min(n, flags["context_length"])
        _, policy = oracle.build("knorm", arguments)
        scored = [(context, n)] if flags["protocol"] != "decode" and context < n else None
        rows.append(oracle.evaluate_sample(model, samples[i], scorer, policy(context), flags["chunk_size"], i, context=context,
                                           scored=scored, protocol=flags["protocol"]))
    return rows


def largest_difference(oracle, model, folder, samples, indices):
    """Of what layers see under the full cache."""
    largest = 0.0
    for i in indices:
        seen = []

        class Look(oracle.KeepAll):
            def evict(self, cache, scorer, n):
                seen.append(cache)
        oracle.evaluate_sample(model, samples[i], None, Look(), WHOLE, i)
        tensors, metadata = safetensors_files.read(folder / f"sample_{i:06}.safetensors")
        assert metadata["data_sha256"] == sha256_of_ids(samples[i])
        for cache in seen:
            for name, expected in (("hidden", cache.hidden), ("raw_queries", cache.queries), ("raw_keys", cache.raw_keys), ("keys", cache.keys),
                                   ("values", cache.values)):
                mine = torch.tensor(tensors[f"layers.{cache.layer}.{name}"], dtype=torch.float64)
                assert mine.shape == expected.shape, (name, mine.shape, expected.shape)
                largest = max(largest, float((mine - expected).abs().max()))
    return largest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvcompare", required=True, type=Path)
    parser.add_argument("--writer", required=True, type=Path)
    parser.add_argument("--oracle", required=True, type=Path)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--presets", default=",".join(PRESETS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    oracle, n_cases, worst, disagreements = near_ties.load_oracle(args.oracle), 0, {"float64": 0.0, "float32": 0.0}, []
    with tempfile.TemporaryDirectory() as name:
        for preset in args.presets.split(","):
            model_folder = Path(name) / preset
            subprocess.run([args.writer, preset, model_folder], check=True, stdout=subprocess.DEVNULL)
            model = oracle.Model(model_folder)
            vocab = json.loads((model_folder / "config.json").read_text())["vocab_size"]
            for seed in map(int, args.seeds.split(",")):
                for chunk in (1, 3, 8, WHOLE):
                    rng = random.Random(f"{preset} {seed} {chunk}")
                    scratch = Path(tempfile.mkdtemp(dir=name))
                    samples = draw_samples(rng, chunk, vocab)
                    indices = [i for i, ids in enumerate(samples) if len(ids) >= 2]
                    data, folder = scratch / "data.jsonl", scratch / "scores"
                    data.write_text("".join(json.dumps({"input_ids": ids}) + "\n" for ids in samples))
                    folder.mkdir()
                    scores = draw_scores(rng, model, samples)
                    for i in indices:
                        safetensors_files.write(folder / f"sample_{i:06}.safetensors", {"scores": scores[i]},
                                                {"data_sha256": sha256_of_ids(samples[i])}, rng.choice(["F64", "F32", "F16"]))
                    common = [f"--model_name={model_folder}", f"--data_path={data}", "--device=cpu", "--log_level=warning", "--threads=1"]
                    for case in range(3):
                        flags, dtype = draw_flags(rng, chunk), rng.choice(["float64", "float64", "float32"])
                        engine = rng.choice(["layerwise", "stepwise"])
                        out = scratch / str(case)
                        run([args.kvcompare, *common, "--methods=external", f"--external_scores={folder}", f"--dtype={dtype}",
                             f"--engine={engine}", f"--output_dir={out}", *spelled(flags)])
                        ours = json.loads((out / "detailed_results.json").read_text())["results"][1]
                        rows = rows_of(oracle, model, samples, indices, scorer_of(oracle, scores), flags)
                        difference, wrong = nll_difference(ours, rows), count_differences(ours, rows, indices)
                        agrees = difference <= NLL_TOLERANCE[dtype] and not wrong
                        n_cases += 1
                        worst[dtype] = max(worst[dtype], difference)
                        label = f"{preset} seed {seed} {engine} {dtype} {flags}"
                        if not agrees:
                            disagreements.append(label)
                            print(f"DIFFERS {label}: {difference:.2e} {wrong[:5]}", flush=True)
                    run([args.kvcompare, "dump", *common, "--what=hidden,queries,keys,values", "--dtype=float64", f"--output={scratch / 'seen'}"])
                    difference = largest_difference(oracle, model, scratch / "seen", samples, indices)
                    if difference > 1e-10:
                        disagreements.append(f"dump of {preset}")
                        print(f"DIFFERS dump of {preset} seed {seed}: {difference:.2e}", flush=True)
    print(f"{n_cases} cases, worst relative NLL difference {worst['float64']:.2e} in float64, {worst['float32']:.2e} in float32, "
          f"{len(disagreements)} disagreements")
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
