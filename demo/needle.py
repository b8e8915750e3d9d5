#!/usr/bin/env python3
"""Answers found in a needle test, by method, density and depth, with an eviction while the text is read (decode) and with one after it
(prefill). Prints two tables in Markdown.

    demo/needle.py [--data FILE.jsonl] [--model_name FOLDER] [--kvzap_scorer_model FOLDER] [--methods A,B,...] [--density 0.5,0.25]
                   [--by_depth 0.5] [--dtype float32] [--output_dir FOLDER] [--kvcompare build/release/kvcompare]

The data is what `kvcompare_demo needle --tokenizer FOLDER` writes. The context_length of its lines leaves the question out of the context:
in prefill the last token of the context predicts the next one before anything is evicted, so an answer of one token that followed the
context directly would never be lost.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from reports import BASELINE, DEMO, KVCOMPARE, answers_of, refuse_without, run, table

PROTOCOLS = ("decode", "prefill")
METHODS = "kvzap,expected_attention,observed_attention,streaming_llm,random,knorm"


def lines_of(path):
    lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    for i, line in enumerate(lines, 1):
        for field in ("context_length", "depth"):
            if field not in line:
                sys.exit(f"{sys.argv[0]}: {path}:{i} has no '{field}'; expected what `kvcompare_demo needle --tokenizer FOLDER` writes")
    return lines


def all_protocols(args, out):
    """Protocol -> the reports of its run."""
    flags = ["--methods", args.methods, "--policy", "ratio", "--compression_ratio", ",".join(str(ratio(density)) for density in args.density)]
    for flag in ("kvzap_scorer_model", "dtype"):
        if getattr(args, flag):
            flags += ["--" + flag, getattr(args, flag)]
    return {protocol: run(args.kvcompare, out / protocol, args.model_name, args.data, *flags, "--protocol", protocol, "--resume")
            for protocol in PROTOCOLS}


def ratio(density):
    return round(1 - density, 12)


def table_of_densities(reports, densities):
    """Found answers of all, under each protocol."""
    any_reports = next(iter(reports.values()))
    rows = [["Baseline", 1, *("{}/{}".format(*answers_of(report.instance(BASELINE))) for report in reports.values())]]
    for method in any_reports.methods():
        for density in densities:
            found = ["{}/{}".format(*answers_of(report.instance(method, ratio(density)))) for report in reports.values()]
            rows.append([method, density, *found])
    return table(["method", "kept", *reports], rows)


def found_at(report, instance, samples):
    """Answers of these samples that an instance finds."""
    rows = [row for row in report.samples if row["instance"] == instance["instance"] and int(row["sample"]) in samples]
    return sum(answers_of(row)[0] for row in rows), sum(answers_of(row)[1] for row in rows)


def table_of_depths(reports, density, lines):
    depths = sorted({line["depth"] for line in lines})
    samples = {depth: {i for i, line in enumerate(lines) if line["depth"] == depth} for depth in depths}
    rows = []
    for protocol, report in reports.items():
        instances = [report.instance(BASELINE)] + [report.instance(name, ratio(density)) for name in report.methods()]
        for instance in instances:
            found = ["{}/{}".format(*found_at(report, instance, samples[depth])) for depth in depths]
            rows.append([protocol, instance["method_name"], *found])
    return table([f"kept {density}", "method", *(f"depth {depth:g} %" for depth in depths)], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="default: 100 texts for the demo's model, made anew")
    parser.add_argument("--model_name", default=DEMO / "model")
    parser.add_argument("--kvzap_scorer_model")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--density", default="0.5,0.25", type=lambda text: [float(part) for part in text.split(",")])
    parser.add_argument("--by_depth", default=0.25, type=float, help="the density of the second table, one of --density")
    parser.add_argument("--dtype")
    parser.add_argument("--output_dir", help="keeps the two runs there; the same command again continues them")
    parser.add_argument("--kvcompare", default=KVCOMPARE)
    args = parser.parse_args()
    refuse_without(args.kvcompare)
    if args.by_depth not in args.density:
        parser.error(f"--by_depth {args.by_depth}: expected one of --density")
    if args.model_name == DEMO / "model" and not args.kvzap_scorer_model:
        args.kvzap_scorer_model = DEMO / "scorer"
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(args.output_dir or scratch)
        out.mkdir(parents=True, exist_ok=True)
        if not args.data:
            args.data = out / "needles.jsonl"
            subprocess.run([Path(args.kvcompare).parent / "kvcompare_demo", "needle", "--output", args.data, "--documents", "100",
                            "--tokenizer", args.model_name], check=True)
        lines = lines_of(args.data)
        reports = all_protocols(args, out)
        print(f"{len(lines)} texts\n\n{table_of_densities(reports, args.density)}\n\n{table_of_depths(reports, args.by_depth, lines)}")


if __name__ == "__main__":
    main()
