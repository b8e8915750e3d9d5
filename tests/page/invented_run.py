"""Runs that never were, as write_report_page reads them: every number is computed here, without kvcompare."""
import math
import random

DENSITIES = (0.75, 0.5, 0.25, 0.1)
METHODS = (("streaming_llm", "StreamingLLM"), ("random", "Random"), ("expected_attention", "ExpectedAttention"), ("kvzap", "KVzap"))
HARM = {"streaming_llm": 0.35, "random": 0.9, "expected_attention": 0.09, "kvzap": 0.05, "knorm": 0.5, "observed_attention": 0.2}


def sums_of(method, lengths, keys, share, n_layers, n_kv_heads):
    """Totals from the rows of a method."""
    total, tokens = sum(row[2] for row in method["per_sample"]), sum(lengths)
    avg = total / tokens
    return {"total_nll": total, "total_tokens": tokens, "avg_nll": avg, "perplexity": math.exp(avg), "keys_original": keys,
            "keys_kept": sum(method["kept_per_head"]), "avg_compression_ratio": 1 - sum(method["kept_per_head"]) / keys,
            "attended_density": share + (1 - share) * 0.1, "peak_keys": keys // len(lengths),
            "cache_bytes_end": sum(method["kept_per_head"]) * 2 * 64 * 4,
            "peak_cache_bytes": int(max(lengths) * n_layers * n_kv_heads * max(share, 0.02)) * 2 * 64 * 4}


def invented_method(rng, name, shown, label, share, shape, base, **parameters):
    """share: of the keys that it keeps. base: the baseline, None for itself."""
    lengths, n_layers, n_kv_heads, n_bins, bin_width = shape
    harm = 0 if base is None else HARM.get(name, 0.3) * (1 - share) ** 2 * (1.2 - share) / max(share, 0.05) ** 0.4
    method = {"name": name, "display_name": shown, "label": label, "failed": [], **parameters}
    method["per_sample"] = [
        [i, n, n * (2.5 + 0.6 * math.sin(i) + rng.gauss(0, 0.1)) if base is None else base["per_sample"][i][2] + n * (harm * rng.gammavariate(2, 0.5) + rng.gauss(0, 0.01))]
        for i, n in enumerate(lengths)]
    counts = [sum(max(0, min(n + 1, (b + 1) * bin_width) - max(1, b * bin_width)) for n in lengths) for b in range(n_bins)]
    method["position"] = {"bin_width": bin_width, "n_scored": counts, "total_nll": [
        n * (3 - 0.8 * b / n_bins) if base is None else base["position"]["total_nll"][b] + n * harm * (0.2 + 1.6 * b / n_bins) * rng.uniform(0.9, 1.1)
        for b, n in enumerate(counts)]}
    keys_a_head = sum(n + 1 for n in lengths)
    method["kept_per_head"] = [
        int(keys_a_head * (share if name != "kvzap" or base is None else min(1, share * (0.3 + 1.4 * rng.random()))))
        for _ in range(n_layers * n_kv_heads)]
    method["totals"] = sums_of(method, lengths, keys_a_head * n_layers * n_kv_heads, share, n_layers, n_kv_heads)
    return method


def statistics_of(rng, methods, n_samples, sweeps):
    base = methods[0]
    against, deltas = [{}], {}
    for place, method in enumerate(methods[1:], 1):
        if "totals" not in method or "totals" not in base:
            against.append({})
            continue
        delta = deltas[place] = method["totals"]["avg_nll"] - base["totals"]["avg_nll"]
        if n_samples < 8:
            against.append({"avg_nll_delta": delta, "reason": f"{n_samples} samples are too few for an interval; 8 or more are needed"})
            continue
        half = abs(delta) * 0.2 + 0.004
        perplexity = base["totals"]["perplexity"]
        ends = [delta - half * rng.uniform(0.8, 1), delta + half * rng.uniform(1, 1.2)]
        against.append({"avg_nll_delta": delta, "avg_nll_delta_ci95": ends, "ppl_delta_ci95": [perplexity * math.expm1(end) for end in ends],
                        "p_value": 0.00004 if ends[0] > 0.01 else 0.3})
    differences = []
    for a in deltas:
        for b in deltas:
            if a < b:
                difference = deltas[a] - deltas[b]
                half = abs(difference) * 0.5 + 0.005
                differences.append({"a": a, "b": b, "avg_nll_difference": difference} | (
                    {"reason": "too few samples"} if n_samples < 8 else
                    {"ci95": [difference - half, difference + half], "p_value": 0.001 if abs(difference) > half else 0.6}))
    equal = []
    for density in DENSITIES:
        for label, places in sweeps:
            points = sorted((methods[p]["totals"]["attended_density"], deltas[p]) for p in places if p in deltas)
            around = [(x, y) for x, y in zip(points, points[1:]) if x[0] <= density <= y[0]]
            if not around:
                equal.append({"density": density, "label": label, "reason": f"the points of {label} do not reach it on both sides"})
                continue
            (x0, y0), (x1, y1) = around[0]
            value = y0 + (y1 - y0) * (density - x0) / (x1 - x0)
            equal.append({"density": density, "label": label, "avg_nll_delta": value,
                          **({"ci95": [value - 0.01, value + 0.012]} if n_samples >= 8 else {"reason": "too few samples"})})
    return {"against_baseline": against, "differences": differences, "equal_density": equal}


def quality_of(rng, method, n_spans):
    """Sums over the tokens of a method that loses `harm` nats a token; the baseline has no distribution to be compared with."""
    lengths = [row[1] for row in method["per_sample"]]
    n = sum(lengths)
    harm = 0 if method["name"] == "baseline" else 0.02 + 0.4 * rng.random()
    quality = {"answers": {"greedy_hits": int(n * (0.6 - harm / 2)), "spans": n_spans, "spans_exact": int(n_spans * (0.9 - harm))}}
    if method["name"] != "baseline":
        kl = [rng.expovariate(1 / harm) for _ in range(200)]
        quality |= {"kl_of_tokens": kl, "delta_p_of_tokens": [rng.uniform(-1, 1) * harm for _ in range(200)],
                    "divergence": {"kl": n * harm, "acceptance": n * (1 - harm / 2), "delta_p": -n * harm / 10, "delta_p_squared": n * harm / 20,
                                   "same_top1": int(n * (1 - harm)), "above_1": int(n * harm / 8), "above_3": int(n * harm / 30)}}
    return quality


def with_quality(run, n_spans=40, seed=5):
    """The same run, with distributions and answers."""
    rng = random.Random(seed)
    run["statistics"]["quality"] = []
    for method in run["methods"]:
        quality = method["quality"] = quality_of(rng, method, n_spans)
        n = sum(row[1] for row in method["per_sample"])
        around = lambda value: [value * 0.9, value * 1.05]
        intervals = {"greedy_accuracy": around(quality["answers"]["greedy_hits"] / n)}
        if n_spans:
            intervals["answers"] = around(quality["answers"]["spans_exact"] / n_spans)
        if "divergence" in quality:
            intervals |= {"mean_kl": around(quality["divergence"]["kl"] / n), "same_top1": around(quality["divergence"]["same_top1"] / n)}
        run["statistics"]["quality"].append(intervals)
    return run


def with_evidence(run, seed=6):
    """The same run, with distributions, answers and evidence."""
    rng = random.Random(seed)
    run = with_quality(run)
    for method, intervals in zip(run["methods"], run["statistics"]["quality"]):
        spans, spans_exact = 30, min(30, method["quality"]["answers"]["spans_exact"])
        share = 1 if method["name"] == "baseline" else rng.random()
        counts = {"spans": spans, "spans_exact": spans_exact, "keys": 64 * spans, "keys_exact": 64 * spans_exact,
                  "spans_missed_evicted": (spans - spans_exact) // 2 if share < 1 else 0}
        counts["keys_kept_exact"] = int(counts["keys_exact"] * share)
        counts["keys_kept"] = counts["keys_kept_exact"] + int((counts["keys"] - counts["keys_exact"]) * share * (1 if share == 1 else 0.5))
        method["evidence"] = counts
        intervals["evidence_kept"] = [0.9 * counts["keys_kept"] / counts["keys"], counts["keys_kept"] / counts["keys"]]
    return run


def with_worst_tokens(run, text="word", n=20):
    run["worst_tokens"] = [[] if place == 0 else [
        {"sample": i % 3, "position": 10 + i, "nll": 9 - 0.25 * i + place / 100, "nll_baseline": 0.5, "kl": 2 + 0.125 * i,
         "before": f"…before {i} ", "token": f"{text}{i}", "after": f" after {i}…"} for i in range(n)] for place in range(len(run["methods"]))]
    return run


def invented_run(seed=1, n_samples=40, ratios=(0.25, 0.5, 0.75, 0.9), methods=METHODS, sinks=(None,), n_layers=8, n_kv_heads=4,
                 longest=2000, with_statistics=True, **changes):
    """sinks: a sweep of each method for each of them."""
    rng = random.Random(seed)
    lengths = [rng.randrange(longest // 8, longest) for _ in range(n_samples)]
    bin_width = 2 ** max(0, math.ceil(math.log2(longest / 64)))
    shape = (lengths, n_layers, n_kv_heads, max(lengths) // bin_width + 1, bin_width)
    made = [invented_method(rng, "baseline", "Baseline", "Baseline", 1, shape, None)]
    sweeps = []
    for name, shown in methods:
        for sink in sinks:
            more = {} if sink is None else {"n_sink": sink}
            sweep = shown if sink is None else f"{shown} n_sink {sink}"
            places = []
            for ratio in ratios:
                places.append(len(made))
                if name == "kvzap":
                    tau = -8 + 4 * ratio
                    made.append(invented_method(rng, name, shown, f"{sweep} τ {tau:g}", 1 - ratio, shape, made[0], threshold=tau, **more))
                else:
                    made.append(invented_method(rng, name, shown, f"{sweep} {ratio:g}", 1 - ratio, shape, made[0], compression_ratio=ratio, **more))
            sweeps.append((sweep, places))
    run = {
        "folder": "comparison_results", "model_name": "models/SmolLM2-135M", "data_path": "texts/longdocs.jsonl", "chunk_size": 1,
        "max_length": longest, "dtype": "float32", "fingerprint": "5e" * 32, "processor": "Intel(R) Xeon(R) Processor (family 6, model 143)",
        "inputs": {"model": "a1" * 32, "tokenizer": "b2" * 32, "data": "c3" * 32}, "scorers": {}, "n_layers": n_layers, "n_kv_heads": n_kv_heads,
        "n_samples": n_samples, "skipped": [], "bad_lines": [], "truncated": [0, 0], "warnings": [], "first_words": {}, "methods": made,
        "sessions": [{"started": "2026-03-12T14:05:09Z", "finished": "2026-03-12T14:25:30Z", "host": "node-7", "kvcompare_version": "0.1.0",
                      "command_line": ["--model_name", "models/SmolLM2-135M", "--data_path", "texts/longdocs.jsonl",
                                       "--compression_ratio", "0.25,0.5,0.75,0.9", "--output_dir", "comparison_results"]}],
        **changes}
    run["statistics"] = statistics_of(rng, made, n_samples, sweeps) if with_statistics else {
        "against_baseline": [{} for _ in made], "differences": [], "equal_density": []}
    return run


def with_failure(run, place, sample, reason):
    """The same run, in which a sample failed under a method: it has no totals, and nothing that is made of them."""
    method = run["methods"][place]
    method["per_sample"] = [row for row in method["per_sample"] if row[0] != sample]
    method["failed"] = [[sample, reason, 3]]
    del method["totals"]
    run["statistics"]["against_baseline"][place] = {}
    run["statistics"]["differences"] = [pair for pair in run["statistics"]["differences"] if place not in (pair["a"], pair["b"])]
    return run
