#!/usr/bin/env python3
"""Times kvcompare and peer_hf.py in turn, on the same models, tokens and threads, and prints Markdown tables.

    side_by_side.py SECTION... --models FOLDER --peer_python PYTHON [--rounds 3] [--sizes 1M,9M,100M] [--dtype float32]

Called by against_peers.sh, which makes the models. Sections: chunk1 and chunks against the peer, growth of time and memory with
the length, own: kvcompare against itself; those of goals.py, which choose their dtypes themselves. Seconds are those of evaluating one sequence, without start-up and loading; a time is
never taken from less than 0.1 s. Each round measures one program, then the other; a ratio is formed within a round, and shown
as its median over the rounds [least … largest]. Fails if the two programs do not agree on the NLL and the number of keys kept.
A run that other processes disturbed (they took more than --disturbed of a core) is repeated: a busy core makes OpenMP, and so
transformers, slower a hundredfold.
"""
import argparse
import os
import platform
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

import goals
from runs import HERE, Case, alternate, disagreement, figure, log, run, run_ours, run_peer, samples_needed, spread, table


def against_peer(options, title, cases):
    rows = []
    for case in cases:
        rounds = alternate(options, case)
        for method in case.methods:
            ours, peer = ([timing[side].seconds[method] for timing in rounds] for side in (0, 1))
            difference = max(disagreement(*timings, method, options.dtype) for timings in rounds)
            rows.append(case.row(method, figure(median(ours)), figure(median(peer)),
                                 spread([p / o for o, p in zip(ours, peer)]), f"{difference:.0e}"))
    note = (f"Seconds for one sequence, {options.threads} threads each. transformers has them for one sequence after the other; "
            "kvcompare for a batch of sequences and methods, of whose wall time a sequence's share counts.")
    table(title, note, ["model", "T", "chunk", "method", "kvcompare, s", "transformers, s", "transformers / kvcompare",
                        "NLL differs by"], rows)


def chunk1(options):
    methods = ("streaming_llm", "random", "knorm", "kvzap")
    against_peer(options, "An eviction after every token", [Case(size, 512 if size == "100M" else 1024, 1, methods)
                                                            for size in options.sizes])


def chunks(options):
    against_peer(options, "An eviction after every chunk", [Case("1M", 1024, chunk) for chunk in (32, 128, 1024)])


def growth(options):
    rows = []
    for length in (1024, 2048, 4096, 8192):
        case = Case("1M", length, 1, threads=1)
        rounds = alternate(options, case)
        for timings in rounds:
            disagreement(*timings, "streaming_llm", options.dtype)
        sides = [[timings[side] for timings in rounds] for side in (0, 1)]
        seconds = [[timing.seconds["streaming_llm"] for timing in side] for side in sides]
        rows.append(case.row(*(figure(median(side)) for side in seconds), spread([p / o for o, p in zip(*seconds)]),
                             *(f"{max(timing.peak_mib for timing in side):.0f}" for side in sides)))
    table("Growth with the length", "streaming_llm, compression ratio 0.5, one thread each. Memory is the largest resident set "
          "of the whole process, libraries included; kvcompare's holds the baseline's run too.",
          ["model", "T", "chunk", "kvcompare, s", "transformers, s", "transformers / kvcompare", "kvcompare, MiB",
           "transformers, MiB"], rows)


def own_comparisons(options):
    """(what, (case, method), (case, method)): the time of the first divided by that of the second."""
    found = []
    for size in options.sizes:
        case = Case(size, 512 if size == "100M" else 1024, 1, ("streaming_llm", "random", "knorm", "kvzap"))
        whole = replace(case, chunk=case.length)
        found += [(f"{method}: chunk 1 / chunk T", (case, method), (whole, method)) for method in case.methods]
    evicting = Case("1M", 4096, 1, ("streaming_llm", "random"), ratio=0.75)
    found += [(f"{method}, a quarter kept / baseline", (evicting, method), (evicting, "baseline"))
              for method in evicting.methods]
    scorers = Case("9M", 2048, 1, ("streaming_llm", "expected_attention", "observed_attention"))
    found += [(f"{method} / streaming_llm", (scorers, method), (scorers, "streaming_llm")) for method in scorers.methods[1:]]
    if "--engine" in run(options, [options.kvcompare, "--help"])[0]:
        engines = [Case("9M", 1024, 1, engine=engine) for engine in ("stepwise", "layerwise")]
        found += [("streaming_llm: stepwise / layerwise engine", *((case, "streaming_llm") for case in engines))]
    else:
        log(f"{options.kvcompare} has no --engine: its engines are not compared")
    return found


def own(options):
    groups = {}     # comparisons that need the same runs
    for comparison in own_comparisons(options):
        groups.setdefault((comparison[1][0], comparison[2][0]), []).append(comparison)
    rows = []
    for cases, comparisons in groups.items():
        cases = list(dict.fromkeys(cases))
        n_samples = {case: samples_needed(options, case) for case in cases}
        rounds = []
        for i in range(options.rounds):
            rounds.append({case: run_ours(options, case, n_samples[case]).seconds for case in cases})
            log(f"{' | '.join(map(str, cases))}, round {i + 1}")
        for what, *operands in comparisons:
            first, second = ([seconds[case][method] for seconds in rounds] for case, method in operands)
            case = operands[0][0]
            rows.append([what, case.size, case.length, figure(median(first)), figure(median(second)),
                         spread([a / b for a, b in zip(first, second)])])
    table("kvcompare against itself", f"Chunk 1 unless said, {options.threads} threads, seconds for one sequence.",
          ["what", "model", "T", "first, s", "second, s", "first / second"], rows)


SECTIONS = {"chunk1": chunk1, "chunks": chunks, "own": own, "growth": growth, **goals.SECTIONS}


def describe_machine(options):
    cpu = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        cpu.setdefault(name.strip(), value.strip())
    flags = cpu.get("flags", "").split()
    vectors = ", ".join(("" if flag in flags else "no ") + flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16"))
    case = Case("1M", 16, 16)
    versions = {**run_ours(options, case, 1).versions, **run_peer(options, case).versions}
    print(f"{cpu.get('model name', platform.machine())} (family {cpu.get('cpu family')}, model {cpu.get('model')}), "
          f"{len(os.sched_getaffinity(0))} cores, {vectors}; {', '.join(map(' '.join, versions.items()))}; "
          f"{options.dtype} where nothing is said; {options.rounds} rounds.", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}; default: all")
    parser.add_argument("--models", type=Path, required=True, help="folder that make_models.py wrote")
    parser.add_argument("--peer_python", default=sys.executable, help="has torch and transformers")
    parser.add_argument("--kvcompare", type=Path, default=HERE.parent / "build/release/kvcompare")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"], help="of the sections not in goals.py")
    parser.add_argument("--disturbed", type=float, default=0.1, help="share of a core that other processes may take; default: %(default)s")
    parser.add_argument("--sizes", default="1M,9M,100M", type=lambda text: text.split(","), help="for chunk1 and own")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"unknown section {', '.join(sorted(unknown))}; accepted: {', '.join(SECTIONS)}")
    if not options.kvcompare.is_file():
        parser.error(f"{options.kvcompare} is not there; run launch/build.sh release kvcompare")
    describe_machine(options)
    for section in options.sections or SECTIONS:
        SECTIONS[section](options)


if __name__ == "__main__":
    main()
