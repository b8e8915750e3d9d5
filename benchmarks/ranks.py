#!/usr/bin/env python3
"""What ranks cost and bring, side by side in one run:

    ranks.py KVCOMPARE MODEL DATA.jsonl [--samples 200] [--rounds 5]

Each round starts every case once, in turn, with one thread a worker; printed is the median of the wall times and the
ratio to the case that it is compared with, round by round (median, least and most).
"""
import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

METHODS = "random,streaming_llm,expected_attention,observed_attention,knorm"  # six with the baseline
CASES = {  # name: (mpirun's ranks or 0, flags, compared with)
    "in process, 1 worker": (0, [], None),
    "1 rank": (1, [], "in process, 1 worker"),
    "coordinator + 1 rank": (2, ["--dedicated_coordinator"], "in process, 1 worker"),
    "2 ranks": (2, [], "1 rank"),
}


def seconds(options, ranks, flags):
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                   "OMPI_MCA_rmaps_base_oversubscribe": "1"}
    with tempfile.TemporaryDirectory() as out:
        command = [*(["mpirun", "-n", str(ranks)] if ranks else []), options.kvcompare, "--model_name", options.model,
                   "--data_path", options.data, "--max_samples", str(options.samples), "--methods", METHODS, "--threads", "1",
                   "--device", "cpu", "--dtype", "float32", "--log_level", "error", "--output_dir", Path(out, "out"), *flags]
        begun = time.monotonic()
        subprocess.run(list(map(str, command)), check=True, env=environment, capture_output=True)
        return time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("kvcompare", "model", "data"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    times = {name: [] for name in CASES}
    for _ in range(options.rounds):
        for name, (ranks, flags, _) in CASES.items():
            times[name].append(seconds(options, ranks, flags))
    for name, (_, _, reference) in CASES.items():
        line = f"{name:22} {statistics.median(times[name]):7.2f} s"
        if reference:
            ratios = [a / b for a, b in zip(times[name], times[reference])]
            line += f"   {statistics.median(ratios):.3f} [{min(ratios):.3f} ... {max(ratios):.3f}] of {reference}"
        print(line)


if __name__ == "__main__":
    main()
