"""Runs kvcompare and peer_hf.py, each in a process of its own, and prints tables. The sections of side_by_side.py use these functions."""
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

ENOUGH_SECONDS = 0.1
MAX_SAMPLES = 64
NLL_TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-3, "float16": 1e-3}   # relative; of sums over thousands of tokens
KNORM_TOLERANCE = 1e-3  # in float32 some norms lie where rounding to 11 bits goes either way
KEYS_TOLERANCE = 1e-3   # relative; a score may lie at the threshold
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    size: str
    length: int
    chunk: int
    methods: tuple = ("streaming_llm",)
    ratio: float = 0.5
    threads: int = 0        # 0: as the command line says
    engine: str = ""        # "": kvcompare's default
    dtype: str = ""         # "": as the command line says
    batch: int = 0          # of samples that transformers takes in one dense pass; 0: chunk by chunk, evicting
    data: str = "ids"       # or "short"
    samples: int = 0        # 0: as many as take ENOUGH_SECONDS
    divergence: bool = False    # whether kvcompare compares distributions, which the peer does not

    def row(self, *values):
        return [self.size, self.length, "T" if self.chunk == self.length else self.chunk, *values]

    def __str__(self):
        extra = [text for text in (self.engine and f"{self.engine} engine", self.dtype, self.data == "short" and "short samples") if text]
        return ", ".join([self.size, f"T {self.length}", f"chunk {self.chunk}", *extra])


@dataclass
class Timing:
    """What one program measured of one case in one round. The keys of the dictionaries are methods."""
    seconds: dict = field(default_factory=dict)     # a sequence
    samples: dict = field(default_factory=dict)     # [{total_nll, keys_kept}]
    peak_mib: float = 0
    wall_seconds: float = 0     # of evaluating all samples with all methods; of kvcompare only
    versions: dict = field(default_factory=dict)


def busy_seconds():
    """Seconds that all cores together have been busy since the machine started: user, nice, system, irq, softirq, steal."""
    ticks = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def run_once(command):
    """Runs a command. Returns its standard output, its peak resident memory in MiB, and how many cores other processes kept busy."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        busy, start = busy_seconds(), time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        others = busy_seconds() - busy - usage.ru_utime - usage.ru_stime
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}\nended with {process.returncode}:\n{err.read()[-2000:]}")
        return out.read(), usage.ru_maxrss / 1024, max(0, others - 0.05) / seconds      # 0.05: the clock is coarse


def wait_for_quiet(disturbed, limit_seconds=1800):
    start = time.perf_counter()
    while time.perf_counter() - start < limit_seconds:
        busy = busy_seconds()
        time.sleep(5)
        if busy_seconds() - busy <= 5 * disturbed:
            return
    sys.exit("other processes keep this machine busy; try again when it is idle")


def run(options, command, attempts=10):
    """Repeats a command until no other process disturbs it. Returns its standard output and its peak resident memory in MiB."""
    command = list(map(str, command))
    for _ in range(attempts):
        text, peak_mib, others = run_once(command)
        if others <= options.disturbed:
            return text, peak_mib
        log(f"other processes kept {others:.2f} cores busy: once more")
        wait_for_quiet(options.disturbed)
    sys.exit(f"other processes disturbed {attempts} runs in a row; try again when the machine is idle")


def shared_flags(options, case, n_samples):
    flags = {"methods": ",".join(case.methods), "chunk_size": case.chunk, "compression_ratio": case.ratio,
             "max_length": case.length, "max_samples": n_samples, "threads": case.threads or options.threads,
             "dtype": case.dtype or options.dtype, "device": "cpu"}
    if "kvzap" in case.methods:
        flags["kvzap_scorer_model"] = options.models / case.size / "scorer"
    return [text for name, value in flags.items() for text in ("--" + name, str(value))]


def run_ours(options, case, n_samples):
    model = options.models / case.size
    with tempfile.TemporaryDirectory() as folder:
        command = [options.kvcompare, "--model_name", model, "--data_path", model / f"{case.data}.jsonl", "--output_dir", folder,
                   "--log_level", "error", *shared_flags(options, case, n_samples)]
        command += ["--engine", case.engine] if case.engine else []
        _, peak_mib = run(options, command + ([] if case.divergence else ["--no_divergence"]))
        record = json.loads(Path(folder, "run.json").read_text())
        results = json.loads(Path(folder, "detailed_results.json").read_text())["results"]
    names = {name.replace("_", ""): name for name in ("baseline", *case.methods)} | {"snapkvadaptive": "adakv"}

    def name_of(line):
        return names[line["label"].lower().replace(" ", "")]

    seconds = {name_of(line): line["seconds"] / n_samples for line in record["methods"]}
    samples = {name_of(line): line["per_sample"] for line in results}
    session = record["sessions"][-1]
    return Timing(seconds, samples, peak_mib, session["evaluate_seconds"], session["versions"])


def run_peer(options, case):
    model = options.models / case.size
    if case.batch:
        case = replace(case, methods=("baseline",))
    command = [options.peer_python, HERE / "peer_hf.py", model, model / f"{case.data}.jsonl",
               "--enough_seconds", 0 if case.samples else ENOUGH_SECONDS, *shared_flags(options, case, case.samples or MAX_SAMPLES)]
    text, peak_mib = run(options, command + (["--dense", "--batch", case.batch] if case.batch else []))
    report = json.loads(text)
    return Timing({name: method["seconds"] / method["n_samples"] for name, method in report["methods"].items()},
                  {name: method["per_sample"] for name, method in report["methods"].items()}, peak_mib,
                  versions=report["versions"])


def samples_needed(options, case):
    if case.samples:
        return case.samples
    fastest = min(run_ours(options, case, 1).seconds.values())
    return min(MAX_SAMPLES, math.ceil(ENOUGH_SECONDS / fastest))


def disagreement(ours, peer, method, dtype):
    """The relative difference between the two programs' NLL, summed over the samples that both evaluated."""
    pairs = list(zip(ours.samples[method], peer.samples[method]))
    # A dense pass keeps no keys, so it does not say how many.
    nll, keys = ([math.fsum(row[key] for row in side) for side in zip(*pairs)] if key in pairs[0][1] else [1, 1]
                 for key in ("total_nll", "keys_kept"))
    difference = abs(nll[0] / nll[1] - 1)
    tolerance = max(NLL_TOLERANCE[dtype], KNORM_TOLERANCE if method == "knorm" else 0)
    if not difference <= tolerance or abs(keys[0] / keys[1] - 1) > KEYS_TOLERANCE:
        sys.exit(f"{method}: kvcompare and the peer disagree: NLL {nll[0]} and {nll[1]}, keys kept {keys[0]} and {keys[1]}")
    return difference


def log(text):
    print(text, file=sys.stderr, flush=True)


def figure(x):
    return f"{x:#.3g}".rstrip(".") if x < 1000 else f"{x:.0f}"


def spread(ratios):
    return f"{figure(median(ratios))} [{figure(min(ratios))} … {figure(max(ratios))}]"


def table(title, note, header, rows):
    lines = [header, [":--" if i == 0 else "--:" for i in range(len(header))], *rows]
    print(f"\n### {title}\n\n{note}\n", *("| " + " | ".join(map(str, line)) + " |" for line in lines), sep="\n", flush=True)


def seconds_of_peer(timing, method):
    """Seconds for a sequence. A dense pass knows only the baseline; every method is compared with that."""
    return timing.seconds.get(method) or timing.seconds["baseline"]


def alternate(options, case):
    """Measures kvcompare and the peer in turn. Returns a list of (ours, peer), one for each round."""
    n_samples, rounds = samples_needed(options, case), []
    for i in range(options.rounds):
        rounds.append((run_ours(options, case, n_samples), run_peer(options, case)))
        log(f"{case}, round {i + 1}: " + ", ".join(
            f"{m} {figure(rounds[-1][0].seconds[m])} / {figure(seconds_of_peer(rounds[-1][1], m))} s" for m in case.methods))
    return rounds
