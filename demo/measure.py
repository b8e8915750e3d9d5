#!/usr/bin/env python3
"""What eviction costs the demo model where it has to remember: the tables of docs/demo.md, in Markdown.

    demo/measure.py [--kvcompare build/release/kvcompare] [--sweep]

Runs kvcompare on demo/answers.jsonl at equal kept density, 0.5 and 0.25, and with a plain window of 64 tokens. Intervals are
kvcompare's own. --sweep: kvzap under thresholds from -9 to -1 as well, on all tokens (demo/documents.jsonl) and on the answers.
"""
import argparse
import tempfile
from pathlib import Path

from reports import BASELINE, DEMO, KVCOMPARE, answers_of, number, refuse_without, run, table

ANSWERS, DOCUMENTS = DEMO / "answers.jsonl", DEMO / "documents.jsonl"
METHODS = "kvzap,random,streaming_llm,expected_attention,observed_attention,knorm"
DENSITIES = (0.5, 0.25)
WINDOW = 64
THRESHOLDS = range(-9, 0)
SCORER = ("--kvzap_scorer_model", DEMO / "scorer")


def run_demo(kvcompare, out, data, *flags):
    return run(kvcompare, out, DEMO / "model", data, *flags)


def at_equal_density(kvcompare, out):
    """Every method with the same share of keys kept."""
    ratios = ",".join(str(1 - density) for density in DENSITIES)
    return run_demo(kvcompare, out, ANSWERS, *SCORER, "--methods", METHODS, "--policy", "ratio", "--compression_ratio", ratios)


def better_than_random(reports, method, density):
    """Nats an answer, and the 95 % interval."""
    difference, interval = reports.difference(reports.instance("Random", 1 - density)["label"], reports.instance(method, 1 - density)["label"])
    return difference, interval


def window(kvcompare, out):
    """The row with nothing but the last WINDOW tokens: every older key is below the threshold."""
    return run_demo(kvcompare, out, ANSWERS, "--methods", "random", "--policy", "threshold", "--threshold", 2,
                    "--sliding_window_size", WINDOW).instance("Random")


def sweep(kvcompare, out, data):
    """The rows of kvzap under its own policy, by rising threshold."""
    reports = run_demo(kvcompare, out, data, *SCORER, "--methods", "kvzap", "--threshold", ",".join(map(str, THRESHOLDS)))
    return sorted((row for row in reports.instances if row["threshold"]), key=lambda row: float(row["threshold"]))


def share(row):
    exact, of_all = answers_of(row)
    return f"{100 * exact / of_all:.1f} %"


def table_of_methods(reports, density):
    def cells(row):
        return [f"{float(row['avg_nll']):.3f}", share(row)]
    rows = [["baseline, all keys", *cells(reports.instance(BASELINE)), ""]]
    for method in sorted(reports.methods(), key=lambda name: number(reports.instance(name, 1 - density)["avg_nll"])):
        row = [method, *cells(reports.instance(method, 1 - density)), ""]
        if method != "Random":
            gain, (low, high) = better_than_random(reports, method, density)
            row[-1] = f"{gain:.3f} [{low:.3f} … {high:.3f}]"
        rows.append(row)
    return table([f"kept {density}", "nats per answer", "answers found", "better than random by (95 %)"], rows)


def table_of_thresholds(on_answers, on_all):
    lines = {"kept": [f"{float(row['kept_fraction']):.4f}" for row in on_answers],
             "nats per token": [f"{float(row['avg_nll']):.5f}" for row in on_all],
             "nats per answer": [f"{float(row['avg_nll']):.4f}" for row in on_answers],
             "answers found": [share(row) for row in on_answers]}
    return table(["threshold", *THRESHOLDS], [[name, *cells] for name, cells in lines.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvcompare", default=KVCOMPARE)
    parser.add_argument("--sweep", action="store_true")
    args = parser.parse_args()
    refuse_without(args.kvcompare)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        reports = at_equal_density(args.kvcompare, out / "ratio")
        print(f"{answers_of(reports.instance(BASELINE))[1]} answers")
        for density in DENSITIES:
            print(f"\n{table_of_methods(reports, density)}", flush=True)
        only_window = window(args.kvcompare, out / "window")
        print(f"\nOnly the last {WINDOW} tokens: {float(only_window['avg_nll']):.3f} nats an answer, {share(only_window)} found", flush=True)
        if args.sweep:
            on_answers = sweep(args.kvcompare, out / "sweep_answers", ANSWERS)
            print(f"\n{table_of_thresholds(on_answers, sweep(args.kvcompare, out / 'sweep_all', DOCUMENTS))}")


if __name__ == "__main__":
    main()
