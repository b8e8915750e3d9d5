#!/usr/bin/env python3
"""Compares the finished program with an oracle on models and parameters drawn from seeds. Needs torch; no part of the suite.

    compare_with_oracle.py --kvcompare build/release/kvcompare --oracle oracle.py --maker make_tiny_model.py --seeds 0,1,2

A case is one method under one draw of parameters. It agrees if every sample's NLL does (relative 1e-9 in float64, 1e-4 in
float32) and every count is equal. A case that differs is called a near-tie, apart from the disagreements, only if the
oracle's own decisions hung on less than rounding (near_ties.py). Exit status 1 if any case disagrees.
"""
import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch

import near_ties

NLL_TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
SCORE_ERROR = {"float64": 1e-13, "float32": 1e-5}
METHODS = ["baseline", "random", "streaming_llm", "expected_attention", "observed_attention", "knorm", "kvzap", "h2o", "tova", "snapkv",
           "keydiff", "lagkv"]
WITHOUT_THRESHOLD = {"h2o", "tova", "snapkv", "lagkv"}          # they protect their latest keys
SHAPES = [(4, 4), (4, 2), (8, 2), (7, 1), (6, 3), (14, 2)]     # query heads, KV heads
WHOLE = 4096


@dataclass
class Bench:
    """One model with its samples and the surrogate that fits it."""
    name: str
    folder: Path
    scorer: Path
    data: Path
    oracle_model: object
    samples: list


@dataclass
class Tally:
    cases: int = 0
    near_ties: int = 0
    counts_equal: int = 0
    worst: dict = field(default_factory=lambda: {"float64": 0.0, "float32": 0.0})
    disagreements: list = field(default_factory=list)


# ---------------------------------------------------------------- models and parameters

def draw_samples(rng, chunk, vocab):
    """Lengths around the borders of chunks; one too short to score; some that repeat themselves."""
    borders = [n for n in (2, 3, chunk - 1, chunk, chunk + 1, 2 * chunk + 1) if 2 <= n <= 60]
    lengths = [rng.randint(30, 70), 1, rng.choice(borders), rng.randint(8, 50)]
    rng.shuffle(lengths)
    samples = []
    for n in lengths:
        ids = [1] + [rng.randrange(3, vocab) for _ in range(n - 1)]
        if rng.random() < 0.5:
            ids = [1] + (ids[1 : 1 + n // 2] * 2 + ids)[: n - 1]
        samples.append(ids)
    return samples


def make_bench(args, oracle, arch, seed, chunk, scratch):
    rng = random.Random(f"{arch} {seed} {chunk}")
    folder, vocab = scratch / f"{arch}-{seed}-{chunk}", rng.randint(60, 300)
    heads, kv_heads = rng.choice(SHAPES)
    head_dim = rng.choice([4, 6, 8, 16])
    hidden = heads * head_dim if arch == "qwen2" else rng.choice([40, 48, 64])
    flags = ["--arch", arch, "--seed", seed, "--vocab", vocab, "--hidden", hidden, "--intermediate", rng.choice([56, 96]),
             "--layers", rng.randint(1, 4), "--heads", heads, "--kv_heads", kv_heads, "--head_dim", head_dim,
             "--rope", rng.choice(["default", "llama3"]), "--dtype", rng.choice(["float32", "bfloat16", "float16"]),
             "--shards", rng.randint(1, 3), "--scorer", rng.choice(["mlp", "linear"]), *rng.choice([[], ["--tie"]])]
    subprocess.run([sys.executable, args.maker, str(folder), *map(str, flags)], check=True)
    samples = draw_samples(rng, chunk, vocab)
    (folder / "data.jsonl").write_text("".join(json.dumps({"input_ids": ids}) + "\n" for ids in samples))
    return Bench(f"{arch} seed {seed}", folder, folder / "scorer", folder / "data.jsonl", oracle.Model(folder), samples)


def given_bench(args, oracle):
    lines = [json.loads(line) for line in args.data.read_text().splitlines() if line.strip()]
    return Bench(args.model.name, args.model, args.scorer or args.model / "scorer", args.data, oracle.Model(args.model),
                 [line["input_ids"] for line in lines])


def draw_runs(rng, oracle, bench, chunk):
    """(methods, flags) of each run: all methods under their own policies, under ratio and size, and one method under threshold; then, in
    each protocol, all under ratio and size and one under threshold, with protected positions; with uniform and other budgets."""
    def common():
        return {"chunk_size": chunk, "compression_ratio": rng.choice([0.25, 0.5, 0.75, 0.9, round(rng.random() * 0.95, 3)]),
                "n_sink": rng.choice([0, 1, 4, 4, 9]), "kvzap_n_sink": rng.choice([0, 0, 3]),
                "sliding_window_size": rng.choice([0, 1, 5, 8, 20, 128]), "n_future_positions": rng.choice([1, 16, 512]),
                "use_covariance": rng.random() < 0.7, "use_vnorm": rng.random() < 0.7, "seed": rng.getrandbits(64),
                "kvzap_scorer_model": str(bench.scorer), "recent_share": rng.choice([0, 0.25, 0.5, 0.5, 1, round(rng.random(), 3)]),
                "window_size": rng.choice([1, 2, 4, 4, 8, 64]), "kernel_size": rng.choice([1, 2, 3, 5, 5, 7]),
                "lag_size": rng.choice([1, 2, 3, 4, 8, 8, 128])}

    def budgets():
        return {"layer_budgets": rng.choice(["uniform", "pyramid"]), "pyramid_beta": rng.choice([1, 1.5, 4, 20, 20, 60]),
                "head_budgets": rng.choice(["uniform", "adaptive"]), "alpha_safeguard": rng.choice([0, 0.2, 0.2, 0.5, 1, round(rng.random(), 3)])}

    longest = max(bench.samples, key=len)
    draws = common()
    kvzap = near_ties.median_score(oracle, bench.oracle_model, longest, "kvzap", {**draws, "sliding_window_size": 0})
    yield METHODS, {**draws, "threshold": kvzap}
    yield METHODS, {**common(), "policy": "ratio", **budgets()}
    method, draws = rng.choice([m for m in METHODS[1:] if m not in WITHOUT_THRESHOLD]), common()
    middle = near_ties.median_score(oracle, bench.oracle_model, longest, method, {**draws, "sliding_window_size": 0})
    yield ["baseline", method], {**draws, "policy": "threshold", "threshold": middle}
    yield METHODS, {**common(), "policy": "size", "cache_size": rng.choice([1, 4, 10, 25, 100]), **budgets()}
    for protocol in ("decode", "prefill", "generate"):
        for policy in ("ratio", "size", "threshold"):
            draws = {**common(), "policy": policy, "cache_size": rng.choice([1, 4, 10, 25]), "threshold": middle,
                     "protect_first": rng.choice([0, 0, 3, 12]), "protect_last": rng.choice([0, 0, 1, 7, 30]), "protocol": protocol,
                     "budget_counts": rng.choice(["all", "generated"]), "context_length": rng.choice(["all", 1, 5, 17, 17, 30])}
            yield (["baseline", method] if policy == "threshold" else METHODS), {**draws, **(budgets() if policy != "threshold" else {})}


# ---------------------------------------------------------------- running and comparing

def run_program(args, bench, methods, flags, dtype, scratch):
    out = Path(tempfile.mkdtemp(dir=scratch))
    command = [str(args.kvcompare), "compare", f"--model_name={bench.folder}", f"--data_path={bench.data}",
               f"--methods={','.join(methods)}", f"--dtype={dtype}", "--device=cpu", f"--output_dir={out}",
               "--log_level=warn", f"--threads={args.threads}", f"--engine={args.engine}"]
    command += [f"--{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in flags.items() if v is not None]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"exit status {done.returncode}: {' '.join(command)}\n{done.stderr[-2000:]}")
    return {key(r["method_name"]): r for r in json.loads((out / "detailed_results.json").read_text())["results"]}


def key(name):
    return name.replace("_", "").lower()


def n_scored(row):
    return len(row["scored"])


def expected_totals(rows):
    """The totals of a method, from the oracle's rows."""
    tokens = sum(n_scored(r) for r in rows)
    nll = sum(r["total_nll"] for r in rows)
    original, kept = sum(r["keys_original"] for r in rows), sum(r["keys_kept"] for r in rows)
    compressible = sum(r["compressible_keys"] for r in rows)
    return {"total_tokens": tokens, "avg_nll": nll / tokens, "perplexity": math.exp(nll / tokens),
            "attended_density": sum(r["keys_attended"] for r in rows) / sum(r["keys_attendable"] for r in rows),
            "compressible_density": sum(r["compressible_keys_kept"] for r in rows) / compressible if compressible else None,
            "peak_keys": max(r["peak_keys"] for r in rows),
            "stats": {"avg_compression_ratio": (original - kept) / original,
                      "sparsity_percentage": 100 * (original - kept) / original, "total_keys_original": original,
                      "total_keys_kept": kept, "total_keys_discarded": original - kept}}


def relative(a, b):
    if a is None or b is None:
        return 0.0 if a is b else math.inf
    return 0.0 if a == b else abs(a - b) / max(abs(a), abs(b))


def count_differences(ours, rows, indices):
    """Names of counts that are not equal. Densities are quotients of counts: equal up to their own rounding."""
    totals, wrong = expected_totals(rows), []
    for name in ("total_tokens", "peak_keys"):
        wrong += [name] if ours[name] != totals[name] else []
    for name in ("attended_density", "compressible_density"):
        wrong += [name] if relative(ours.get(name), totals[name]) > 1e-14 else []
    for name, value in totals["stats"].items():
        wrong += [name] if relative(ours["compression_stats"][name], value) > 1e-14 else []
    per_head = [[sum(heads) for heads in zip(*layers)] for layers in zip(*(row["keys_kept_per_head"] for row in rows))]
    wrong += ["kept_per_head"] if ours["kept_per_head"] != per_head else []
    if [s["sample"] for s in ours["per_sample"]] != indices:
        return wrong + ["samples"]
    for mine, row in zip(ours["per_sample"], rows):
        expected = {"tokens": n_scored(row), "keys_original": row["keys_original"], "keys_kept": row["keys_kept"],
                    "peak_keys": row["peak_keys"]}
        wrong += [f"sample {mine['sample']} {name} {mine[name]} not {value}" for name, value in expected.items()
                  if mine[name] != value]
        if relative(mine["attended_density"], row["keys_attended"] / row["keys_attendable"]) > 1e-14:
            wrong.append(f"sample {mine['sample']} attended_density")
    return wrong


def nll_difference(ours, rows):
    totals = expected_totals(rows)
    pairs = [(ours["avg_nll"], totals["avg_nll"])]
    pairs += [(mine["total_nll"], row["total_nll"]) for mine, row in zip(ours["per_sample"], rows)]
    return max(relative(a, b) for a, b in pairs)


def compare_case(tally, label, dtype, ours, rows, indices):
    difference, wrong = nll_difference(ours, rows), count_differences(ours, rows, indices)
    tolerance = NLL_TOLERANCE[dtype]
    if relative(math.log(ours["perplexity"]), ours["avg_nll"]) > 1e-12:
        wrong.append("perplexity is not exp(avg_nll)")
    near = min((r["near_tie"] for r in rows if r["near_tie"] is not None), default=math.inf)
    agrees = difference <= tolerance and not wrong
    verdict = "ok" if agrees else "near-tie" if near <= SCORE_ERROR[dtype] else "DIFFERS"
    tally.cases += 1
    tally.counts_equal += not wrong
    tally.near_ties += verdict == "near-tie"
    if verdict == "ok":
        tally.worst[dtype] = max(tally.worst[dtype], difference)
    if verdict == "DIFFERS":
        tally.disagreements.append(label)
    print(f"{verdict:8} {label}: relative NLL difference {difference:.2e}, near-tie {near:.1e}"
          + (f"; {'; '.join(wrong[:5])}" if wrong else ""), flush=True)


def compare_run(args, oracle, tally, bench, methods, flags, dtype, scratch):
    shown = " ".join(f"{k}={v}" for k, v in flags.items() if k != "kvzap_scorer_model")
    try:
        results = run_program(args, bench, methods, flags, dtype, scratch)
    except RuntimeError as error:
        print(f"FAILED   {bench.name} {dtype} {shown}\n{error}", flush=True)
        tally.cases += len(methods)
        tally.disagreements.append(f"{bench.name} {dtype} {shown}: failed")
        return
    indices = [i for i, ids in enumerate(bench.samples) if len(ids) >= 2]
    for method in methods:
        rows = [near_ties.evaluate(oracle, bench.oracle_model, bench.samples[i], method, flags, i) for i in indices]
        compare_case(tally, f"{bench.name} {method} {dtype} {shown}", dtype, results[key(method)], rows, indices)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvcompare", required=True, type=Path)
    parser.add_argument("--oracle", required=True, type=Path)
    parser.add_argument("--maker", type=Path, help="make_tiny_model.py: OUT_DIR --arch ... writes a checkpoint")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--archs", default="llama,qwen2,qwen3,mistral")
    parser.add_argument("--chunks", default="1,3,8,T")
    parser.add_argument("--dtypes", default="float64,float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--engine", default="auto", help="auto, layerwise or stepwise")
    parser.add_argument("--model", type=Path, help="a checkpoint that is there already, with --data and --scorer")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--scorer", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    oracle, tally = near_ties.load_oracle(args.oracle), Tally()
    chunks = [WHOLE if c == "T" else int(c) for c in args.chunks.split(",")]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for seed in args.seeds.split(","):
            for arch in ["given"] if args.model else args.archs.split(","):
                for chunk in chunks:
                    bench = given_bench(args, oracle) if args.model else make_bench(args, oracle, arch, seed, chunk, scratch)
                    rng = random.Random(f"runs {arch} {seed} {chunk}")
                    for methods, flags in draw_runs(rng, oracle, bench, chunk):
                        dtype = rng.choice(args.dtypes.split(","))
                        compare_run(args, oracle, tally, bench, methods, flags, dtype, scratch)
    print(f"{tally.cases} cases, worst relative NLL difference "
          + ", ".join(f"{v:.2e} in {k}" for k, v in tally.worst.items())
          + f", key counts equal {tally.counts_equal}/{tally.cases}, {tally.near_ties} near-ties,"
          + f" {len(tally.disagreements)} disagreements")
    return 1 if tally.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
