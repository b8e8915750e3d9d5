"""The sections of side_by_side.py whose rows have a goal. They compare kvcompare with transformers, its presses with each
other, and numbers of threads; and they measure short samples, the attention kernel and memory. A row says what was divided by what, what
was measured, and the goal.
"""
import json
import math
from dataclasses import replace
from statistics import median

from runs import Case, alternate, disagreement, figure, log, run, run_ours, spread, table

HEADER = ["what", "first", "second", "first / second", "goal", ""]
AT_LEAST, AT_MOST = "≥", "≤"


def verdict(measured, direction, goal):
    met = measured >= goal if direction == AT_LEAST else measured <= goal
    return [f"{direction} {goal}", "met" if met else "missed"]


def row(what, first, second, direction, goal):
    """A row of a table of goals. first, second: lists of measurements, one for each round."""
    ratios = [a / b for a, b in zip(first, second)]
    return [what, figure(median(first)), figure(median(second)), spread(ratios), *verdict(median(ratios), direction, goal)]


def has_model(options, size):
    if (options.models / size).is_dir():
        return True
    log(f"{size}: absent, so its rows are absent too" + ("; --real_model names one" if size == "real" else ""))
    return False


def dense(options):
    rows = []
    for size, length, chunk, dtype, method, goal in (
            ("real", 1024, 1, "bfloat16", "streaming_llm", 1.5), ("real", 1024, 1, "float32", "streaming_llm", 1.4),
            ("100M", 512, 1, "float32", "baseline", 1.3), ("100M", 512, 1, "bfloat16", "baseline", 1.5),
            ("100M-experts", 512, 1, "float32", "baseline", 1.2),
            ("1M", 1024, 1024, "float32", "streaming_llm", 1.8)):
        if not has_model(options, size):
            continue
        case = Case(size, length, chunk, (method,), dtype=dtype, batch=1, samples=32 if size == "1M" else 2)
        rounds = alternate(options, case)
        difference = max(disagreement(*timings, "baseline", dtype) for timings in rounds)
        ours, peer = ([timing[side].seconds[name] for timing in rounds] for side, name in ((0, method), (1, "baseline")))
        rows.append(row(f"{size}, T {length}, chunk {'T' if chunk == length else chunk}, {method}, {dtype}: transformers, dense / kvcompare "
                        f"(the baselines' NLL differ by {difference:.0e})", peer, ours, AT_LEAST, goal))
    table("Against dense passes", f"Seconds for one sequence, {options.threads} threads each. transformers passes a sequence through the model at once, "
          "without a cache, and evicts nothing.", HEADER, rows)


PRESS_GOALS = {"real": {"expected_attention": 2.5, "observed_attention": 1.5}, "9M": {}}
for of_size in PRESS_GOALS.values():
    of_size |= {"h2o": 1.6, "tova": 1.6, "snapkv": 1.8, "keydiff": 1.5, "lagkv": 1.1}


def presses(options):
    rows = []
    for size, goals in PRESS_GOALS.items():
        if not has_model(options, size):
            continue
        n_samples = 1 if size == "real" else 6  # one is too little time to compare
        case = Case(size, 2048, 1, ("streaming_llm", *goals, "adakv"), dtype="float32")
        rounds = []
        for i in range(options.rounds):
            rounds.append(run_ours(options, case, n_samples).seconds)
            log(f"{case}, round {i + 1}: " + ", ".join(f"{method} {figure(seconds)} s" for method, seconds in rounds[-1].items()))
        rows += [row(f"{size}, {method} / streaming_llm", [seconds[method] for seconds in rounds],
                     [seconds["streaming_llm"] for seconds in rounds], AT_MOST, goal) for method, goal in goals.items()]
        rows.append(row(f"{size}, snapkv with adaptive heads / with uniform heads", [seconds["adakv"] for seconds in rounds],
                        [seconds["snapkv"] for seconds in rounds], AT_MOST, 1.3))
    table("Presses", f"T 2048, float32, chunk 1, {options.threads} threads; seconds for one sequence.", HEADER, rows)


def field(options):
    rows = []
    # Apart, because with the first three transformers computes attention the slower way that gives its weights.
    for methods in (("h2o", "tova", "snapkv"), ("keydiff", "lagkv")):
        if not has_model(options, "1M"):
            continue
        case = Case("1M", 1024, 1, methods, dtype="float32")
        rounds = alternate(options, case)
        for method in methods:
            difference = max(disagreement(*timings, method, "float32") for timings in rounds)
            ours, peer = ([timing[side].seconds[method] for timing in rounds] for side in (0, 1))
            rows.append(row(f"1M, {method}: transformers / kvcompare (NLL differ by {difference:.0e})", peer, ours, AT_LEAST, 80))
    table("The field's methods, an eviction after every token", f"T 1024, float32, compression ratio 0.5, {options.threads} threads each; seconds for one "
          "sequence. transformers evicts by hooks on its attention layers.", HEADER, rows)


def divergence(options):
    methods = ("streaming_llm", "random", "knorm", "expected_attention", "observed_attention")
    rows = []
    for size, goal in (("real", 1.15), ("9M-head1", 1.03)):
        if not has_model(options, size):
            continue
        case = Case(size, 1024, 1, methods, dtype="float32", samples=2)
        seconds = {True: [], False: []}
        for i in range(options.rounds):
            for compares, found in seconds.items():
                found.append(run_ours(options, replace(case, divergence=compares), case.samples).wall_seconds)
            log(f"{case}, round {i + 1}: {figure(seconds[True][-1])} s, with --no_divergence {figure(seconds[False][-1])} s")
        rows.append(row(f"{size}, float32: as it is / with --no_divergence", seconds[True], seconds[False], AT_MOST, goal))
    table("What comparing distributions costs", f"Seconds of evaluating two samples of 1024 tokens with the baseline and {', '.join(methods)}; "
          f"{options.threads} threads. The head is a fifth of the work of real, and a hundredth of that of 9M-head1.", HEADER, rows)


def threads(options):
    if not has_model(options, "real"):
        return
    case = Case("real", 2048, 1, ("expected_attention",), dtype="float32")
    n_kv_heads = json.loads((options.models / "real/config.json").read_text())["num_key_value_heads"]
    seconds = {1: [], 2: []}
    for i in range(options.rounds):
        for n_threads, found in seconds.items():
            found.append(run_ours(options, replace(case, threads=n_threads), 1).wall_seconds)
        log(f"{case}, round {i + 1}: " + ", ".join(f"{n} threads {figure(found[-1])} s" for n, found in seconds.items()))
    table("Threads", "Seconds of evaluating one sample of 2048 tokens with the baseline and expected_attention.", HEADER, [
        row(f"real, {n_kv_heads} KV heads, expected_attention: 1 thread / 2 threads", seconds[1], seconds[2], AT_LEAST, 1.8)])


def short(options):
    methods = ("baseline", "streaming_llm", "random", "knorm", "expected_attention", "observed_attention")
    rows = []
    for size, n_samples in (("1M", 2000), ("real", 128)):
        if not has_model(options, size):
            continue
        case = Case(size, 64, 1, methods, dtype="float32", batch=64, data="short", samples=n_samples)
        rounds = alternate(options, case)
        for timings in rounds:
            disagreement(*timings, "baseline", "float32")
        ours = [timings[0].wall_seconds / (n_samples * len(methods)) for timings in rounds]
        peer = [timings[1].seconds["baseline"] for timings in rounds]
        rows.append(row(f"{size}, float32, {n_samples} samples: transformers, dense, batches of 64 / kvcompare, {len(methods)} methods",
                        peer, ours, AT_LEAST, 2))
    table("Short samples", f"20 to 60 tokens, {options.threads} threads each; seconds for one sample and one method. kvcompare's are the wall time of "
          f"evaluating all samples with {', '.join(methods)}; transformers has padded batches of 64, and evicts nothing.", HEADER, rows)


def attention(options):
    program = options.kvcompare.parent / "attention_benchmark"
    if not program.is_file():
        log(f"{program} is not there: no row of the attention kernel")
        return
    shares = {}
    for _ in range(options.rounds):
        text, _ = run(options, [program, "--benchmark_format=json", "--benchmark_filter=/T:2048/d:64/.*evicted%:50"])
        for found in json.loads(text)["benchmarks"]:
            if "double" not in found["name"]:
                shares.setdefault(found["name"], []).append((found["GFLOP/s"], found["of_peak"]))
    table("Interval attention, one core", "Multiply-adds of visible pairs of query and key, over the peak that the same program measured in the same type.",
          ["shape", "GFLOP/s", "share of the peak", "goal", ""],
          [[name, figure(median(rate for rate, _ in found)), spread([share for _, share in found]),
            *verdict(median(share for _, share in found), AT_LEAST, 0.5)] for name, found in shares.items()])


def memory(options):
    if not has_model(options, "real"):
        return
    libraries = run_ours(options, Case("1M", 16, 16, ("streaming_llm",), dtype="float32"), 1).peak_mib
    files = sum(file.stat().st_size for file in (options.models / "real").glob("*.safetensors")) / 2**20
    peak = run_ours(options, Case("real", 1024, 1, dtype="bfloat16"), 1).peak_mib
    bound = math.floor(1.25 * files + 64 + libraries)
    table("Resident memory", f"MiB of the whole process at its peak, real, bfloat16, T 1024, {options.threads} threads. Libraries: the same with the 1M model "
          "at T 16. The goal: 1.25 × the file + 64 + the libraries.", ["the file", "the libraries", "peak", "goal", ""],
          [[f"{files:.0f}", f"{libraries:.0f}", f"{peak:.0f}", *verdict(peak, AT_MOST, bound)]])


SECTIONS = {"dense": dense, "presses": presses, "field": field, "divergence": divergence, "threads": threads, "short": short, "attention": attention, "memory": memory}
