"""Runs kvcompare and reads the reports that it writes. measure.py and needle.py use this module."""
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).resolve().parent
KVCOMPARE = DEMO.parent / "build/release/kvcompare"
BASELINE = "Baseline"


class Reports:
    """What one run wrote into a folder."""

    def __init__(self, folder):
        self.instances = rows_of(Path(folder) / "results.csv")  # the baseline first
        self.samples = rows_of(Path(folder) / "samples.csv")    # a row for each sample under each instance
        self.differences = json.loads((Path(folder) / "comparison_summary.json").read_text(encoding="utf-8"))["differences"]

    def instance(self, method, ratio=None):
        """The row of a method's instance: the one with this compression_ratio, or the only one."""
        rows = [row for row in self.instances if row["method_name"] == method and ratio in (None, number(row.get("compression_ratio")))]
        assert len(rows) == 1, (method, ratio, rows)
        return rows[0]

    def methods(self):
        return list(dict.fromkeys(row["method_name"] for row in self.instances if row["method_name"] != BASELINE))

    def difference(self, a, b):
        """avg_nll of the instance with label a minus that of b, and its interval, which is None with few samples."""
        for pair in self.differences:
            if (pair["a"], pair["b"]) == (a, b):
                return pair["avg_nll_difference"], pair["ci95"]
            if (pair["a"], pair["b"]) == (b, a):
                return -pair["avg_nll_difference"], pair["ci95"] and [-bound for bound in reversed(pair["ci95"])]
        raise KeyError((a, b))


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    return float(text) if text else None


def answers_of(row):
    """Of an instance, or of a sample under one: how many scored ranges are exact, of how many."""
    return int(row["spans_exact"]), int(row["spans"])


def run(kvcompare, out, model, data, *flags):
    """Ends the program with kvcompare's exit code if it fails: kvcompare has said why."""
    done = subprocess.run([kvcompare, "--model_name", model, "--data_path", data, "--output_dir", out, "--quiet", *map(str, flags)],
                          stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return Reports(out)


def refuse_without(kvcompare):
    """Ends the program before anything is computed if there is no kvcompare."""
    if not os.access(kvcompare, os.X_OK):
        sys.exit(f"{sys.argv[0]}: there is no program {kvcompare}; build it with launch/build.sh, or name it with --kvcompare")


def table(header, rows):
    """Markdown."""
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [header, ["---"] * len(header), *rows])
