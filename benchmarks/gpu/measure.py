#!/usr/bin/env python3
"""Measures kvcompare's GPU engine and transformers in turn, and prints what docs/performance.md has goals for.

    measure.py --model FOLDER --build FOLDER --shape 8b [--tokens 8192] [--rounds 3] [--peer_python PYTHON] [--output FILE.json]

Called by run.sh, which makes the model and finds the programs. Each round measures one program, then the other; a ratio is formed within
a round, and shown as its median over the rounds [least ... largest]. A number that was not measured is absent, and the reason is given.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from clocks import Clocks, describe_gpus

HERE = Path(__file__).resolve().parent
FIXED = ("streaming_llm", "random", "knorm")
RATIO, STRONG_RATIO = 0.5, 0.75     # fraction removed; with the second a quarter of the keys is kept
NLL_TOLERANCE = 1e-2                # relative, between two programs in 16-bit numbers
ATTENTION_TOLERANCE = 2e-2          # relative, to attention in float32
DRY_RUN = "DRY RUN ON A CPU: no measurement of a GPU"


@dataclass
class Row:
    goal: str               # P1 ... P12
    what: str
    values: list = field(default_factory=list)      # one a round
    unit: str = "x"
    least: float = None     # the goal: a value of at least, or at most
    most: float = None
    absent: str = ""        # why there are no values


@dataclass
class Round:
    engine: dict
    attention: dict
    peer: dict
    clocks: dict

    def case(self, method, chunk=1, ratio=RATIO, units=1, tokens=None):
        wanted = {"method": method, "chunk_size": chunk, "compression_ratio": ratio, "units": units}
        wanted |= {"tokens": tokens or self.engine["cases"][0]["tokens"]}
        return next(case for case in self.engine["cases"] if wanted.items() <= case.items())

    def seconds(self, *key, **keys):
        """Of one unit; raises Absent where the case failed."""
        case = self.case(*key, **keys)
        if "error" in case:
            raise Absent(f"{case['method']}, {case['units']} units: {case['error']}")
        return median(case["seconds"]) / case["units"]


class Absent(Exception):
    pass


def log(text):
    print(text, file=sys.stderr, flush=True)


def run_json(command, **environment):
    command = list(map(str, command))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        raise Absent(f"{Path(command[0]).name} ended with {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1]}")
    return json.loads(done.stdout)


# ---- one round

def cases(options):
    T, S = options.tokens, options.peer_tokens
    found = [("baseline", 1, RATIO, 1, T)]
    for method in FIXED:
        found += [(method, 1, RATIO, 1, T), (method, 1, STRONG_RATIO, 1, T), (method, T, RATIO, 1, T), (method, 1, RATIO, 1, S)]
    found += [(method, 1, RATIO, units, T) for method in ("streaming_llm", "observed_attention") for units in (1, options.units)]
    found += [("expected_attention", 1, RATIO, 1, T), ("kvzap", 1, RATIO, 1, T)]
    return list(dict.fromkeys(found))


def run_engine(options):
    return run_json([options.build / "gpu_engine_benchmark", options.model, options.model / "ids.jsonl", options.device, options.dtype,
                     options.repeats, *(":".join(map(str, case)) for case in cases(options))])


def run_attention(options):
    config = json.loads((options.model / "config.json").read_text())
    return run_json([options.build / "interval_attention_benchmark", options.device, options.dtype, options.tokens,
                     config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"], kept_keys(options), options.repeats])


def run_peer(options):
    if not options.peer_python:
        raise Absent("no python with torch and transformers")
    sizes = ["--copy_bytes", 1 << 26, "--product_size", 512] if options.device == "cpu" else []
    return run_json([options.peer_python, HERE / "peer.py", options.model, options.model / "ids.jsonl", "--tokens", options.tokens,
                     "--stretch", options.peer_tokens, "--methods", ",".join(FIXED), "--compression_ratio", RATIO,
                     "--repeats", options.repeats, "--device", options.device, "--dtype", options.dtype, *sizes],
                    HF_HUB_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1", TRANSFORMERS_VERBOSITY="error", PYTHONPATH=options.peer_path)


def kept_keys(options):
    return min(2048, options.tokens // 4)


def run_round(options):
    parts, clocks = {}, {}
    for name, work in (("peer", run_peer), ("engine", run_engine), ("attention", run_attention)):
        with Clocks(options.device.partition(":")[2] or "0") as sampled:
            try:
                parts[name] = work(options)
            except Absent as reason:
                parts[name] = {"absent": str(reason)}
                log(f"{name}: {reason}")
        clocks[name] = sampled.summary
    return Round(parts["engine"], parts["attention"], parts["peer"], clocks)


# ---- what the rounds say

def collected(row, rounds, value):
    """The row with value(round) of every round; absent with its reason where a round has none."""
    try:
        for part in rounds:
            row.values.append(value(part))
    except Absent as reason:
        row.values, row.absent = [], str(reason)
    return row


def need(part):
    if "absent" in part:
        raise Absent(part["absent"])
    return part


def engine(part):
    need(part.engine)
    return part


def seconds_of_all_steps(steps, n_tokens):
    """The integral of the step times over the length of the cache: trapezia between the lengths measured."""
    points = [(step["n"], step["seconds"]) for step in steps]
    points.append((n_tokens, points[-1][1]))
    return sum((n - n0) * (t + t0) / 2 for (n0, t0), (n, t) in zip(points, points[1:]))


def peer_seconds(part, method, n_tokens):
    return seconds_of_all_steps(need(part.peer)["steps"][method], n_tokens)


def roofline_seconds(part, options):
    """Of token-by-token evaluation alone on the device: every step reads the weights but the embedding, and the keys and values kept."""
    config, bandwidth = json.loads((options.model / "config.json").read_text()), need(part.peer)["copy_bytes_per_second"]
    size = {"bfloat16": 2, "float16": 2, "float32": 4}[options.dtype]
    weights = need(part.engine)["weight_bytes"]
    if not config["tie_word_embeddings"]:
        weights -= config["vocab_size"] * config["hidden_size"] * size
    key_bytes = 2 * size * config["head_dim"] * config["num_key_value_heads"] * config["num_hidden_layers"]
    cache = sum(max(1, int(n * (1 - RATIO))) + 1 for n in range(options.tokens)) * key_bytes
    return (options.tokens * weights + cache) / bandwidth


def ratio(numerator, denominator):
    return lambda part: numerator(part) / denominator(part)


def rows_against_peer(options, rounds):
    T, S = options.tokens, options.peer_tokens
    rows = []
    for method in FIXED:
        rows.append(collected(
            Row("P1", f"transformers with per-step hooks (*) / kvcompare, chunk 1, {method}", least=800),
            rounds, lambda part, m=method: peer_seconds(part, m, T) / engine(part).seconds(m)))
    for method in FIXED:
        rows.append(collected(
            Row("P1", f"the same, first {S} tokens, all timed, {method}"), rounds,
            lambda part, m=method: need(part.peer)["stretch"][m]["seconds"] / engine(part).seconds(m, tokens=S)))
    for method in FIXED:
        rows.append(collected(
            Row("P2", f"memory roofline of stepwise evaluation / kvcompare, {method}", least=115), rounds,
            lambda part, m=method: roofline_seconds(part, options) / engine(part).seconds(m)))
    rows.append(collected(Row("P4", "transformers in one pass / kvcompare's dense pass", least=1.25), rounds,
                          lambda part: median(need(part.peer)["one_shot"]["seconds"]) / engine(part).seconds("baseline")))
    return rows


def rows_against_itself(options, rounds):
    T, U = options.tokens, options.units
    rows = [collected(Row("P3", f"a quarter kept / dense pass, {method}", most=0.97), rounds,
                      lambda part, m=method: engine(part).seconds(m, ratio=STRONG_RATIO) / part.seconds("baseline")) for method in FIXED]
    for units, most in ((1, 1.7), (U, 1.25)):
        rows.append(collected(
            Row("P5", f"observed_attention / streaming_llm, {units} in flight", most=most), rounds,
            lambda part, u=units: engine(part).seconds("observed_attention", units=u) / part.seconds("streaming_llm", units=u)))
    rows.append(collected(Row("P6", "expected_attention with covariance / streaming_llm", most=6), rounds,
                          lambda part: engine(part).seconds("expected_attention") / part.seconds("streaming_llm")))
    rows += [collected(Row("P10", f"chunk 1 / chunk {T}, {method}", most=1.05), rounds,
                       lambda part, m=method: engine(part).seconds(m) / part.seconds(m, chunk=T)) for method in FIXED]
    return rows


def attention_seconds(part, name):
    found = need(part.attention)[name]
    if not found["error"] <= ATTENTION_TOLERANCE:
        raise Absent(f"{name} differs from attention in float32 by {found['error']:.2g}")
    return median(found["seconds"])


def rows_of_attention(options, rounds):
    C = kept_keys(options)
    rate = lambda name, flops: lambda part: need(part.attention)[flops] / attention_seconds(part, name) / 1e12
    return [collected(Row("P7", f"attention with a dense bias / interval attention, {C} kept", least=5), rounds,
                      ratio(lambda part: attention_seconds(part, "biased"), lambda part: attention_seconds(part, "interval"))),
            collected(Row("", f"interval attention, {C} kept", unit="TFLOP/s"), rounds, rate("interval", "flops")),
            collected(Row("", "interval attention, nothing evicted", unit="TFLOP/s"), rounds, rate("interval_dense", "dense_flops")),
            collected(Row("", f"interval attention by mma.sync, {C} kept", unit="TFLOP/s"), rounds, rate("interval_mma_sync", "flops")),
            collected(Row("", "interval attention by mma.sync, nothing evicted", unit="TFLOP/s"), rounds, rate("interval_dense_mma_sync", "dense_flops")),
            collected(Row("", "libtorch's causal attention", unit="TFLOP/s"), rounds, rate("causal", "dense_flops"))]


def load_seconds(options, n_ranks):
    """Of the program itself, as its run.json says; it evaluates just enough to load the model."""
    ranks, device = (["mpirun", "-n", n_ranks], "cuda") if n_ranks > 1 else ([], options.device)
    with tempfile.TemporaryDirectory() as folder:
        command = [*ranks, options.build / "kvcompare", "--model_name", options.model, "--data_path", options.model / "ids.jsonl",
                   "--methods", "baseline", "--max_length", 16, "--device", device, "--dtype", options.dtype,
                   "--output_dir", Path(folder, "out"), "--log_level", "warning"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                              env={**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
        if done.returncode != 0:
            raise Absent(f"kvcompare ended with {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1]}")
        return json.loads(Path(folder, "out/run.json").read_text())["sessions"][-1]["load_seconds"]


def rows_of_loading(options, rounds, n_gpus):
    rows = [collected(Row("P12", "weights from the page cache to the GPU, checked and hashed", unit="s", most=2), rounds,
                      lambda part: need(part.engine)["load_seconds"]),
            collected(Row("", "the program's load_seconds in run.json", unit="s"), rounds, lambda part: load_seconds(options, 1))]
    ranks = min(8, n_gpus)
    row = Row("P12", f"{ranks if ranks > 1 else 8} ranks / 1, load_seconds", most=1.25)
    if ranks < 2:
        row.absent = f"{n_gpus or 'no'} GPU here"
        return [*rows, row]
    return [*rows, collected(row, rounds, lambda part: load_seconds(options, ranks) / load_seconds(options, 1))]


# ---- agreement of the two programs, memory

def agreement(options, part):
    """Relative differences of the NLL: what both computed, by name."""
    found = {}
    try:
        peer, T, S = need(part.peer), options.tokens, options.peer_tokens
        found[f"baseline, {T} tokens"] = engine(part).case("baseline")["total_nll"] / peer["one_shot"]["total_nll"] - 1
        for method in FIXED:
            found[f"{method}, first {S} tokens"] = part.case(method, tokens=S)["total_nll"] / peer["stretch"][method]["total_nll"] - 1
    except (Absent, KeyError) as reason:
        log(f"the NLL of the two programs was not compared: {reason}")
    return found


def memory(part):
    return [] if "absent" in part.engine else [
        {"method": case["method"], **{name: case.get(name) for name in ("keys_kept", "keys_original", "cache_bytes_kept", "cache_bytes_peak", "peak_bytes")}}
        for case in part.engine["cases"] if case["units"] == 1 and case["chunk_size"] == 1 and case["compression_ratio"] == RATIO
        and case["tokens"] == part.engine["cases"][0]["tokens"] and "error" not in case]


# ---- text

def figure(x):
    return f"{x:#.3g}".rstrip(".") if abs(x) < 1000 else f"{x:.0f}"


def verdict(row, judged):
    if row.absent or (row.least is None and row.most is None):
        return ""
    if not judged:
        return "not judged"
    middle = median(row.values)
    return "met" if (row.least is None or middle >= row.least) and (row.most is None or middle <= row.most) else "MISSED"


def line(row, judged, reasons):
    goal = f">= {row.least:g}" if row.least is not None else f"<= {row.most:g}" if row.most is not None else ""
    if row.absent:
        if row.absent not in reasons:
            reasons.append(row.absent)
        return [row.goal, row.what, f"absent ({reasons.index(row.absent) + 1})", goal, ""]
    unit = "" if row.unit == "x" else " " + row.unit
    return [row.goal, row.what,
            f"{figure(median(row.values))}{unit} [{figure(min(row.values))} ... {figure(max(row.values))}]", goal, verdict(row, judged)]


def print_table(header, lines):
    lines = [header, *(list(map(str, cells)) for cells in lines)]
    widths = [max(len(cells[i]) for cells in lines) for i in range(len(header))]
    for i, cells in enumerate(lines):
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())
        if i == 0:
            print("  ".join("-" * width for width in widths))
    print()


def gib(n_bytes):
    return "" if n_bytes is None else f"{n_bytes / 2**30:.3f}"


def describe(options, rounds, gpus):
    first = rounds[0]
    print(f"{DRY_RUN}\n" if options.device == "cpu" else "", end="")
    for gpu in gpus:
        print(", ".join(f"{name} {value}" for name, value in gpu.items()))
    print(f"shape {options.shape}, {options.tokens} tokens, {options.dtype}, {options.rounds} rounds of {options.repeats} repeats, compression ratio "
          f"{RATIO} unless said")
    for name in ("versions", "implementation"):
        if name in first.peer:
            print(f"transformers: {name} {first.peer[name]}")
    if "absent" not in first.peer:
        steps = first.peer["steps"][FIXED[0]][-1]
        print(f"transformers: attention in one pass {', '.join(first.peer['one_shot']['attention'])}; in steps {', '.join(steps['attention'])}")
        print(f"device: copy {first.peer['copy_bytes_per_second'] / 1e12:.2f} TB/s read and written, product {first.peer['product_flops'] / 1e12:.0f} TFLOP/s")
        for method, found in first.peer["steps"].items():
            print(f"transformers, {method}: " + ", ".join(f"{1 / step['seconds']:.1f} steps/s after {step['n']} tokens" for step in found))
    if "absent" not in first.engine:
        libraries = [line.strip(" -") for line in first.engine["libraries"].splitlines() if "CUDA Runtime" in line or "CuDNN" in line]
        print(f"kvcompare: attention by {first.engine['attention']}" + "".join(f", {name}" for name in libraries))
    if "absent" not in first.attention:
        print(f"attention with a bias: {first.attention['biased']['backend']}")
    for i, part in enumerate(rounds):
        for name, clock in part.clocks.items():
            if clock:
                print(f"round {i + 1}, {name}: " + ", ".join(f"{key} {least:g} / {middle:g} / {most:g}" for key, (least, middle, most) in clock.items()))
    print("Clocks are least / median / most while the program ran, its start and idle times included. They are taken as found: this does not lock them, nor can "
          "it tell whether they are." if any(part.clocks["engine"] for part in rounds) else "Clocks: absent, no nvidia-smi.")
    print()


def report(options, rounds, gpus):
    judged = options.device != "cpu" and options.shape == "8b" and options.tokens == 8192
    rows = rows_against_peer(options, rounds) + rows_against_itself(options, rounds) + rows_of_attention(options, rounds) + \
        rows_of_loading(options, rounds, len(gpus))
    rows.sort(key=lambda row: int(row.goal[1:] or 99))     # what has no goal is context, and comes last
    differences = [agreement(options, part) for part in rounds]
    describe(options, rounds, gpus)
    reasons = []    # of what is absent
    print_table(["goal", "what", "median [least ... largest]", "wanted", ""], [line(row, judged, reasons) for row in rows])
    for i, reason in enumerate(reasons):
        print(f"({i + 1}) {reason}")
    print(f"(*) its {options.tokens} steps from the time of steps at several lengths, see above\n")
    print_table(["method", "keys kept", "of", "cache kept, GiB", "cache at most, GiB", "allocator's peak, GiB"],
                [[m["method"], m["keys_kept"], m["keys_original"], gib(m["cache_bytes_kept"]), gib(m["cache_bytes_peak"]), gib(m["peak_bytes"])]
                 for m in memory(rounds[-1])])
    print("Keys kept: one sample, all layers and KV heads; the cache is what a program that evicts would hold of it, the peak is what the layerwise pass takes, "
          "weights included." + (" The peak is absent: the CPU's allocator does not count." if options.device == "cpu" else ""))
    if "absent" not in rounds[-1].peer:
        print(f"transformers' peak in one pass, GiB: {gib(rounds[-1].peer['one_shot']['peak_bytes']) or 'absent'}")
    if not judged:
        print("Nothing is judged: the goals are for shape 8b with 8192 tokens on a GPU.")
    worst = max((abs(x) for found in differences for x in found.values()), default=None)
    print("NLL against transformers: " + ("absent" if worst is None else f"largest relative difference {worst:.1e}"))
    options.output.write_text(json.dumps({
        "measured_on_gpu": options.device != "cpu", "judged": judged, "gpus": gpus,
        "options": {name: str(value) for name, value in vars(options).items()}, "rows": [{**asdict(row), "verdict": verdict(row, judged)} for row in rows],
        "memory": memory(rounds[-1]), "nll_differences": differences, "rounds": [asdict(part) for part in rounds]}, indent=1) + "\n")
    print(f"All numbers: {options.output}" + (f"\n{DRY_RUN}" if options.device == "cpu" else ""))
    if worst is not None and not worst <= NLL_TOLERANCE:
        sys.exit(f"measure: the two programs do not agree: the NLL differs by {worst:.1e}")
    if "absent" in rounds[0].engine:
        sys.exit("measure: the GPU engine was not measured: " + rounds[0].engine["absent"])
    for name in ("interval", "interval_dense"):
        for part in rounds:
            if "absent" in part.attention or not part.attention[name]["error"] <= ATTENTION_TOLERANCE:
                sys.exit(f"measure: interval attention was not measured, or is wrong: {part.attention.get('absent') or part.attention[name]['error']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder that make_model.py wrote")
    parser.add_argument("--build", type=Path, required=True, help="folder with kvcompare and the benchmarks")
    parser.add_argument("--shape", required=True)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--peer_tokens", type=int, default=256, help="first tokens of the sample, that transformers takes one by one as a whole")
    parser.add_argument("--units", type=int, default=8, help="in flight, where there are to be many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3, help="in a round, of which the median counts")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--peer_python", default="", help="has torch and transformers")
    parser.add_argument("--peer_path", default="", help="PYTHONPATH for it")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    gpus = [] if options.device == "cpu" else describe_gpus()
    rounds = []
    for i in range(options.rounds):
        log(f"round {i + 1} of {options.rounds}")
        rounds.append(run_round(options))
    report(options, rounds, gpus)


if __name__ == "__main__":
    main()
