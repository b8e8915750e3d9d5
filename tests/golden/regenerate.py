"""Makes the models, runs the oracle on every case and writes one JSON file a model. Called by regenerate.sh."""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "oracle"))
import near_ties  # noqa: E402

WINDOW = 8          # of the threshold policy: the default would judge nothing in samples this short
WHOLE = 4096        # a chunk size that no sample reaches
RATIO_METHODS = ["random", "streaming_llm", "expected_attention", "observed_attention", "knorm"]
TRAINED_SCORER_SEED = 11
WITH_PROTOCOLS = ["llama", "qwen3"]
WITH_BUDGETS = ["llama", "mistral", "qwen2", "qwen3"]


def main_cases(chunk_sizes):
    """Every method with its own policy."""
    for chunk in chunk_sizes:
        for method in ["baseline", *RATIO_METHODS]:
            yield method, {"chunk_size": chunk}
        yield "kvzap", {"chunk_size": chunk, "sliding_window_size": WINDOW}


def variant_cases(threshold_of):
    """One parameter away from the default."""
    yield "kvzap", {"chunk_size": 1, "policy": "ratio"}
    yield "kvzap", {"chunk_size": 8, "policy": "ratio", "kvzap_n_sink": 2}
    for method in RATIO_METHODS:
        yield method, {"chunk_size": 3, "policy": "threshold", "threshold": threshold_of[method],
                       "sliding_window_size": WINDOW}
        yield method, {"chunk_size": 3, "compression_ratio": 0.9}
    for flags in ({"compression_ratio": 0.25}, {"compression_ratio": 0.0}, {"use_covariance": False}, {"use_vnorm": False},
                  {"use_covariance": False, "use_vnorm": False}, {"n_sink": 0}, {"n_sink": 9}, {"n_future_positions": 1},
                  {"n_future_positions": 7}):
        yield "expected_attention", {"chunk_size": 3, **flags}
    yield "streaming_llm", {"chunk_size": 3, "n_sink": 0}
    yield "streaming_llm", {"chunk_size": 3, "n_sink": 9, "compression_ratio": 0.9}
    yield "random", {"chunk_size": 3, "seed": 7, "compression_ratio": 0.25}
    yield "random", {"chunk_size": 3, "seed": 2**63 + 5}
    yield "observed_attention", {"chunk_size": 1, "policy": "threshold", "threshold": threshold_of["observed_attention"],
                                 "sliding_window_size": 0}
    yield "kvzap", {"chunk_size": 3, "sliding_window_size": 0, "kvzap_n_sink": 3}
    yield "kvzap", {"chunk_size": 3, "sliding_window_size": 20, "threshold": -8.0}
    yield "kvzap", {"chunk_size": 3, "sliding_window_size": 1000}


def protocol_cases(threshold_of):
    """Budgets of a size, protected positions, and the protocols beside decode."""
    contexts = [{"protocol": "prefill", "context_length": 17}, {"protocol": "generate", "context_length": 9, "chunk_size": 3}]
    for context in contexts:
        yield "baseline", {"chunk_size": 1, **context}
    for method in RATIO_METHODS + ["kvzap"]:
        for flags in ({"policy": "size", "cache_size": 7, "chunk_size": 3},
                      {"policy": "size", "cache_size": 12, "protect_first": 3, "protect_last": 5},
                      {"policy": "ratio", "compression_ratio": 0.75, "protect_first": 6, "protect_last": 12, "chunk_size": 8},
                      {"policy": "size", "cache_size": 6, "protocol": "prefill", "context_length": 20, "protect_last": 4},
                      {"policy": "size", "cache_size": 14, "protocol": "generate", "context_length": 9, "protect_last": 3},
                      {"policy": "ratio", "protocol": "generate", "context_length": 9, "budget_counts": "generated", "chunk_size": 8},
                      {"policy": "size", "cache_size": 4, "protocol": "generate", "context_length": 5, "budget_counts": "generated"},
                      *({"policy": "ratio", **context} for context in contexts),
                      *({"policy": "threshold", "threshold": threshold_of[method], "sliding_window_size": 2, "protect_last": 4, **context}
                        for context in contexts)):
            yield method, {"chunk_size": 1, **flags}


NEW_METHODS = ["h2o", "tova", "snapkv", "keydiff", "lagkv"]
SHORT = {"window_size": 5, "kernel_size": 3, "lag_size": 7}     # windows and partitions that matter in short samples
# Of two keys keydiff's scores are a tie in real arithmetic, which the oracle's rounding decides: more than one key always stays.
FIRST = {"protect_first": 2}


def budget_cases():
    """Methods that observe, drift or score late, and budgets that layers and heads share."""
    def flags_of():
        yield {"chunk_size": 1, "policy": "ratio"}
        yield {"chunk_size": 3, "policy": "ratio", "compression_ratio": 0.75}
        yield {"chunk_size": 8, "policy": "size", "cache_size": 12}
        yield {"chunk_size": WHOLE, "policy": "ratio"}
        yield {"chunk_size": 1, "policy": "size", "cache_size": 12, "protect_last": 7, "protocol": "generate", "context_length": 9}
        yield {"chunk_size": 1, "policy": "ratio", "protocol": "prefill", "context_length": 24}

    shares = [{}, {"head_budgets": "adaptive"}, {"layer_budgets": "pyramid", "pyramid_beta": 3.0},
              {"layer_budgets": "pyramid", "head_budgets": "adaptive", "alpha_safeguard": 0.5}]
    for method in NEW_METHODS:
        for i, flags in enumerate(flags_of()):
            for share in shares if i < 2 else [shares[0], shares[3]]:
                yield method, {**flags, **share, **SHORT, **(FIRST if method == "keydiff" else {})}
    for method in RATIO_METHODS + ["kvzap"]:
        for i, flags in enumerate(flags_of()):
            yield method, {**flags, **shares[1 + i % 3]}
    yield "h2o", {"chunk_size": 3, "recent_share": 0.0}
    yield "h2o", {"chunk_size": 1, "recent_share": 0.8, "policy": "size", "cache_size": 9}
    yield "snapkv", {"chunk_size": 1}
    yield "snapkv", {"chunk_size": 1, "window_size": 1, "kernel_size": 1}
    yield "snapkv", {"chunk_size": 3, "window_size": 2, "kernel_size": 4, "compression_ratio": 0.8}
    yield "lagkv", {"chunk_size": 1, "lag_size": 1, "n_sink": 0}
    yield "lagkv", {"chunk_size": 1}
    yield "keydiff", {"chunk_size": 3, "policy": "threshold", "threshold": -0.4, "sliding_window_size": WINDOW}


def thresholds(oracle, model, ids):
    return {method: near_ties.median_score(oracle, model, ids, method, {"chunk_size": 3, "sliding_window_size": WINDOW})
            for method in RATIO_METHODS} | {"kvzap": -7.0}


def golden_sample(row, sample):
    nll = row["token_nll"]
    return {"sample": sample, "n_tokens": len(nll) + 1, "total_nll": sum(nll),
            "nll_moment": sum((t + 1) * x for t, x in enumerate(nll)),
            "kept_per_head": [n for layer in row["keys_kept_per_head"] for n in layer],
            "attended": row["keys_attended"], "attendable": row["keys_attendable"],
            "compressible": row["compressible_keys"], "compressible_kept": row["compressible_keys_kept"],
            "peak": row["peak_keys"], "near_tie": row["near_tie"] and float(f"{row['near_tie']:.3g}")}


def write_golden(name, header, cases):
    lines = ["{" + ", ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in header.items()) + ', "cases": [']
    path = HERE / f"{name}.json"
    path.write_text("\n".join([*lines, ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases), "]}", ""]))
    print(f"{path}: {len(cases)} cases", flush=True)


def run_cases(oracle, folder, scorer, samples, cases):
    model = oracle.Model(folder)
    for method, flags in cases:
        full = {**flags, "kvzap_scorer_model": str(scorer)}
        rows = [golden_sample(near_ties.evaluate(oracle, model, ids, method, full, i), i)
                for i, ids in enumerate(samples) if len(ids) >= 2]
        yield {"method": method, "flags": flags, "samples": rows}


def make_tiny_protocols(oracle, maker, name, scratch):
    folder = scratch / f"{name}-protocols"
    digest = subprocess.run([maker, name, folder], check=True, capture_output=True, text=True).stdout.strip()
    samples = [json.loads(line)["input_ids"] for line in (folder / "data.jsonl").read_text().splitlines()]
    cases = protocol_cases(thresholds(oracle, oracle.Model(folder), samples[0]))
    write_golden(f"{name}-protocols", {"preset": name, "weights": digest}, list(run_cases(oracle, folder, folder / "scorer", samples, cases)))


def make_tiny_budgets(oracle, maker, name, scratch):
    folder = scratch / f"{name}-budgets"
    digest = subprocess.run([maker, name, folder], check=True, capture_output=True, text=True).stdout.strip()
    samples = [json.loads(line)["input_ids"] for line in (folder / "data.jsonl").read_text().splitlines()]
    write_golden(f"{name}-budgets", {"preset": name, "weights": digest},
                 list(run_cases(oracle, folder, folder / "scorer", samples, budget_cases())))


def make_tiny(oracle, maker, name, scratch):
    folder = scratch / name
    digest = subprocess.run([maker, name, folder], check=True, capture_output=True, text=True).stdout.strip()
    samples = [json.loads(line)["input_ids"] for line in (folder / "data.jsonl").read_text().splitlines()]
    cases = [*main_cases([1, 3, 8, WHOLE]), *variant_cases(thresholds(oracle, oracle.Model(folder), samples[0]))]
    write_golden(name, {"weights": digest}, list(run_cases(oracle, folder, folder / "scorer", samples, cases)))


def story_ids(assets, n_stories, n_tokens):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(assets / "models/stories260K/tokenizer.json"))
    lines = (assets / "text/tinystories.jsonl").read_text().splitlines()[:n_stories]
    return [tokenizer.encode(json.loads(line)["text"]).ids[: n_tokens - 17 * i] for i, line in enumerate(lines)]


def make_trained(oracle, maker, assets, scratch, only):
    """A trained model that lies outside the project; ids and scorer are ours."""
    samples = story_ids(assets, 3, 120)
    models = [("stories260K", [1, 3, 8, WHOLE]), ("stories260K-bf16-sharded", [8]), ("stories260K-f16-untied", [8])]
    for name, chunk_sizes in models[: 1 if only else None]:
        folder, scorer = assets / "models" / name, scratch / (name + "-scorer")
        config = json.loads((folder / "config.json").read_text())
        shape = [config["num_hidden_layers"], config["num_key_value_heads"], config["hidden_size"], TRAINED_SCORER_SEED]
        digest = subprocess.run([maker, "--scorer", scorer, *map(str, shape)], check=True, capture_output=True,
                                text=True).stdout.strip()
        cases = list(main_cases(chunk_sizes))
        if len(chunk_sizes) > 1:
            cases += variant_cases(thresholds(oracle, oracle.Model(folder), samples[0]))
        header = {"asset": f"models/{name}", "scorer": shape, "weights": digest, "ids": samples}
        if name == "stories260K" and only != "protocols":
            write_golden(f"{name}-budgets", {**header, "ids": samples[1:]},
                         list(run_cases(oracle, folder, scorer, samples[1:], budget_cases())))
        if name == "stories260K" and only != "budgets":
            of_protocols = protocol_cases(thresholds(oracle, oracle.Model(folder), samples[0]))
            write_golden(f"{name}-protocols", header, list(run_cases(oracle, folder, scorer, samples, of_protocols)))
        if only:
            continue
        write_golden(name, header, list(run_cases(oracle, folder, scorer, samples, cases)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--maker", required=True)
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--only", choices=["protocols", "budgets"], help="the files NAME-protocols.json, or NAME-budgets.json, alone")
    args = parser.parse_args()
    torch.set_num_threads(1)
    oracle = near_ties.load_oracle(args.oracle)
    presets = subprocess.run([args.maker, "--list"], check=True, capture_output=True, text=True).stdout.split()
    with tempfile.TemporaryDirectory() as scratch:
        for name in [] if args.only else presets:
            make_tiny(oracle, args.maker, name, Path(scratch))
        for name in [] if args.only == "budgets" else WITH_PROTOCOLS:
            make_tiny_protocols(oracle, args.maker, name, Path(scratch))
        for name in [] if args.only == "protocols" else WITH_BUDGETS:
            make_tiny_budgets(oracle, args.maker, name, Path(scratch))
        if args.assets:
            make_trained(oracle, args.maker, args.assets, Path(scratch), args.only)


if __name__ == "__main__":
    main()
