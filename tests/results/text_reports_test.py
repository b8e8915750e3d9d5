#!/usr/bin/env python3
"""results.csv, samples.csv, table.tex and the statistics in results.h5 as their readers see them.

    text_reports_test.py BUILD_FOLDER [unittest options]

Readers are Python's csv, pandas, h5py and a TeX, each where it is there. What they read is compared with the JSON.
"""
import csv
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from other_python import go_on_where

MISSING = go_on_where(("h5py", "pandas"))
from kvcompare_runs import RunsTest, main

IN_STATISTICS_OF_KEYS = {"avg_compression_ratio": "avg_compression_ratio", "keys_original": "total_keys_original",
                         "keys_kept": "total_keys_kept", "keys_discarded": "total_keys_discarded"}
NUMBERS = ("perplexity", "ppl_delta", "ppl_delta_pct", "avg_nll", "avg_nll_delta", "p_value", "p_value_holm", "total_nll",
           "total_tokens", "bits_per_byte", "word_perplexity", "avg_compression_ratio", "kept_fraction", "attended_density", "compressible_density",
           "keys_original", "keys_kept", "keys_discarded", "peak_keys", "cache_bytes_end", "peak_cache_bytes")
QUALITY = ("mean_kl", "same_top1", "acceptance", "mean_delta_p", "rms_delta_p", "delta_nll_above_1", "delta_nll_above_3",
           "greedy_accuracy", "spans", "spans_exact", "answers")
NUMBERS += QUALITY
INTERVALS = ("ppl_delta_ci95", "avg_nll_delta_ci95", "mean_kl_ci95", "same_top1_ci95", "greedy_accuracy_ci95", "answers_ci95")
PERCENTILES = {"kl_percentiles": ("50", "90", "99", "99.9", "max"),
               "delta_p_percentiles": ("min", "0.1", "1", "5", "10", "25", "50", "75", "90", "95", "99", "99.9", "max")}
OF_SAMPLES = ("greedy_hits", "spans", "spans_exact", "mean_kl", "same_top1", "acceptance", "mean_delta_p", "rms_delta_p",
              "delta_nll_above_1", "delta_nll_above_3")


def reported(result, name):
    """Value and reason of a number in a result of detailed_results.json."""
    place = result["compression_stats"] if name in IN_STATISTICS_OF_KEYS else result
    name = IN_STATISTICS_OF_KEYS.get(name, name)
    return place[name], place.get(name + "_reason", "")


def number(text):
    return None if text == "" else float(text)


def parameter_text(value):
    """As a CSV holds it; floats are compared as numbers."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


class Reports(unittest.TestCase):
    """Reports of comparisons made by hand: with failures, with statistics, and with special characters everywhere."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        subprocess.run([RunsTest.build / "write_example_reports", scratch.name], check=True)
        cls.folders = {name: Path(scratch.name, name) for name in ("example", "swept", "compared", "special")}

    def each(self):
        for name, folder in self.folders.items():
            with self.subTest(name):
                yield folder, json.loads((folder / "detailed_results.json").read_text())


def read_csv(file):
    with open(file, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, strict=True))


def check_results(test, folder, detailed):
    rows = read_csv(folder / "results.csv")
    test.assertEqual(len(rows), len(detailed["results"]))
    parameters = {name for result in detailed["results"] for name in result["parameters"]}
    columns = ({"method_name", "label", "instance", "scored", "failed_samples"} | parameters | set(NUMBERS)
               | {f"{name}_{end}" for name in INTERVALS for end in ("low", "high")}
               | {f"{name}_{percent}" for name, percents in PERCENTILES.items() for percent in percents}
               | {name + "_reason" for name in (*NUMBERS, *INTERVALS, *PERCENTILES)})
    test.assertEqual(set(rows[0]), columns)
    test.assertEqual(len(rows[0]), len(columns))
    for row, result in zip(rows, detailed["results"], strict=True):
        test.assertEqual((row["method_name"], row["label"]), (result["method_name"], result["label"]))
        for name in parameters:
            value = result["parameters"].get(name, "")
            same = float(row[name]) == value if isinstance(value, float) else row[name] == str(parameter_text(value))
            test.assertTrue(same, (name, row[name], value))
        for name in NUMBERS:
            test.assertEqual((number(row[name]), row[name + "_reason"]), reported(result, name), name)
        for name in INTERVALS:
            value, reason = reported(result, name)
            test.assertEqual([number(row[name + "_low"]), number(row[name + "_high"])], value or [None, None])
            test.assertEqual(row[name + "_reason"], reason)
        for name, percents in PERCENTILES.items():
            value, reason = reported(result, name)
            test.assertEqual([number(row[f"{name}_{percent}"]) for percent in percents],
                             list(value.values()) if value else [None] * len(percents), name)
            test.assertEqual(list(value) if value else list(percents), list(percents))
            test.assertEqual(row[name + "_reason"], reason)
        test.assertEqual(int(row["failed_samples"]), len(result.get("failed", [])))
    test.assertEqual(len({row["instance"] for row in rows}), len(rows))


def check_samples(test, folder, detailed):
    rows = iter(read_csv(folder / "samples.csv"))
    baseline = {row["sample"]: row["total_nll"] for row in detailed["results"][0]["per_sample"]}
    for result in detailed["results"]:
        known = {row["sample"]: row for row in result["per_sample"]}
        failed = {row["sample"]: row for row in result.get("failed", [])}
        for sample in sorted([*known, *failed]):
            row = next(rows)
            test.assertEqual((row["label"], int(row["sample"])), (result["label"], sample))
            if sample in failed:
                test.assertIn(failed[sample]["reason"], row["total_nll_reason"])
                test.assertTrue(all(row[name] == "" for name in ("n_scored", "total_nll", "nll_delta", "peak_keys")))
                continue
            test.assertEqual(int(row["n_scored"]), known[sample]["tokens"])
            for name in ("total_nll", "keys_original", "keys_kept", "attended_density", "peak_keys"):
                test.assertEqual(float(row[name]), known[sample][name], name)
            for name in OF_SAMPLES:
                test.assertEqual(number(row[name]), known[sample].get(name), name)
            if result is detailed["results"][0]:
                test.assertEqual((row["nll_delta"], row["nll_delta_reason"]), ("", "this is the baseline"))
            else:
                test.assertEqual(float(row["nll_delta"]), known[sample]["total_nll"] - baseline[sample])
    test.assertIsNone(next(rows, None))


class Csv(Reports):
    def test_python_reads_every_number_parameter_and_reason_of_the_json(self):
        for folder, detailed in self.each():
            check_results(self, folder, detailed)

    def test_python_reads_every_sample_of_the_json(self):
        for folder, detailed in self.each():
            check_samples(self, folder, detailed)

    def test_numbers_have_no_digit_too_many(self):
        for folder, _ in self.each():
            for row in read_csv(folder / "results.csv"):
                for text in (row[name] for name in NUMBERS if row[name]):
                    self.assertLessEqual(len(text), len(repr(float(text))), text)

    @unittest.skipIf("pandas" in MISSING, "no pandas here; tests/install_packages.sh installs it")
    def test_pandas_reads_the_same(self):
        import pandas
        for folder, detailed in self.each():
            table = pandas.read_csv(folder / "results.csv", float_precision="round_trip", keep_default_na=False,
                                    na_values=[""])
            self.assertEqual(table["label"].tolist(), [result["label"] for result in detailed["results"]])
            for name in NUMBERS:
                values = [reported(result, name)[0] for result in detailed["results"]]
                self.assertEqual([None if pandas.isna(value) else value for value in table[name]], values, name)
            samples = pandas.read_csv(folder / "samples.csv", float_precision="round_trip")
            for result in detailed["results"]:
                total = samples[samples["label"] == result["label"]]["total_nll"].sum()
                self.assertAlmostEqual(total, sum(row["total_nll"] for row in result["per_sample"]), places=9)


@unittest.skipIf(MISSING, f"no {' and '.join(MISSING)} here; tests/install_packages.sh installs them")
class Hdf5(Reports):
    def test_statistics_are_those_of_the_json(self):
        import h5py
        import math
        absent = lambda value: None if math.isnan(value) else value
        for folder, detailed in self.each():
            with h5py.File(folder / "results.h5") as file:
                for i, result in enumerate(detailed["results"]):
                    for name in NUMBERS:
                        value = absent(file["statistics"][name][i])
                        reason = file["statistics"][name + "_reason"].asstr()[i]
                        self.assertEqual((value, reason), reported(result, name), name)
                    for name in INTERVALS:
                        value = [absent(end) for end in file["statistics"][name][i]]
                        self.assertEqual(value, reported(result, name)[0] or [None, None], name)
                        self.assertEqual(file["statistics"][name + "_reason"].asstr()[i], reported(result, name)[1])
                    for name, percents in PERCENTILES.items():
                        value, reason = reported(result, name)
                        found = [absent(one) for one in file["statistics"][name][i]]
                        self.assertEqual(found, list(value.values()) if value else [None] * len(percents), name)
                        self.assertEqual(file["statistics"][name + "_reason"].asstr()[i], reason)
                        self.assertEqual(file["statistics"][name].attrs["percentiles"], ",".join(percents).encode())
                for name in ("label", "method_name"):
                    self.assertEqual(file["methods"][name].asstr()[:].tolist(), [r[name] for r in detailed["results"]])
                self.assertEqual([json.loads(text) for text in file["methods/parameters"].asstr()[:]],
                                 [result["parameters"] for result in detailed["results"]])
                labels = file["methods/label"].asstr()[:]
                for i, pair in enumerate(detailed["differences"]):
                    group = file["differences"]
                    self.assertEqual((labels[group["a"][i]], labels[group["b"][i]]), (pair["a"], pair["b"]))
                    self.assertEqual(group["avg_nll_difference"][i], pair["avg_nll_difference"])
                    self.assertEqual([absent(end) for end in group["ci95"][i]], pair["ci95"] or [None, None])
                    self.assertEqual(absent(group["p_value"][i]), pair["p_value"])
                    self.assertEqual(absent(group["p_value_holm"][i]), pair["p_value_holm"])
                    self.assertEqual(bool(group["different"][i]), pair["different"] or False)
                    self.assertEqual(group["reason"].asstr()[i], pair.get("ci95_reason", ""))
                self.assertEqual(len(file["differences/a"]), len(detailed["differences"]))
                for i, at in enumerate(detailed["equal_density"]):
                    group = file["equal_density"]
                    self.assertEqual((group["density"][i], group["label"].asstr()[i]), (at["density"], at["label"]))
                    self.assertEqual(absent(group["avg_nll_delta"][i]), at["avg_nll_delta"])
                    self.assertEqual([absent(end) for end in group["ci95"][i]], at["ci95"] or [None, None])
                self.assertEqual(len(file["equal_density/density"]), len(detailed["equal_density"]))

    def test_the_root_says_which_inputs_and_which_arithmetic(self):
        import h5py
        for folder, detailed in self.each():
            with h5py.File(folder / "results.h5") as file:
                self.assertEqual(json.loads(file.attrs["inputs"]), detailed["inputs"])
                self.assertEqual(json.loads(file.attrs["numerics"]), detailed["numerics"])
                self.assertEqual(file.attrs["schema_version"], detailed["schema_version"])

    def test_bins_of_positions_beyond_a_sample_are_zero(self):
        import h5py
        for folder, _ in self.each():
            with h5py.File(folder / "results.h5") as file:
                group = file["units/nll_by_position"]
                self.assertEqual(group.attrs["bin_width"], 2)
                for sample, method, nll, n in zip(file["units/sample"], file["units/method"], group["total_nll"],
                                                  group["n_scored"], strict=True):
                    last = (0, 0) if sample == 0 else (0.1, 2)
                    self.assertEqual((nll.tolist(), n.tolist()), ([method, 1, last[0]], [2, 1, last[1]]))


    def test_tokens_have_what_was_measured_of_them_and_nan_where_nothing_was(self):
        import h5py
        import math
        with h5py.File(self.folders["compared"] / "results.h5") as file:
            units, offsets = file["units"], file["units/token_nll/offsets"][:]
            for u, method in enumerate(units["method"][:].tolist()):
                of = {name: units["token_quality"][name][offsets[u]:offsets[u + 1]].tolist() for name in units["token_quality"]}
                if method == 0:
                    self.assertEqual(of["greedy_hit"], [1, 1, 1])
                    self.assertTrue(all(math.isnan(value) for name in ("kl", "delta_p", "same_top1") for value in of[name]))
                else:
                    self.assertEqual(of, {"greedy_hit": [1, 0, 1], "kl": [0.125, method, 0], "delta_p": [-0.125, 0, 0.25],
                                          "same_top1": [1, 1, 0]})
        with h5py.File(self.folders["swept"] / "results.h5") as file:
            self.assertNotIn("token_quality", file["units"])

    def test_sums_of_units_are_those_that_the_journal_has_or_nan(self):
        import h5py
        import math
        with h5py.File(self.folders["compared"] / "results.h5") as file:
            for name in ("sum_kl", "greedy_hits", "n_same_top1"):  # the units of these reports are imaginary, and have none
                self.assertTrue(all(math.isnan(value) for value in file["units"][name][:]), name)
                self.assertEqual(file["units"][name].dtype, float)


DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs}
\begin{document}
\begin{table}\centering\input{table.tex}\caption{It compiles.}\end{table}
\end{document}
"""


class Tex(Reports):
    def test_a_tex_takes_the_table(self):
        tex = next((name for name in ("pdflatex", "lualatex", "xelatex", "tectonic") if shutil.which(name)), None)
        if tex is None:
            self.skipTest("no TeX here: apt-get install texlive-latex-recommended")
        flags = [] if tex == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
        for folder, detailed in self.each():
            (folder / "document.tex").write_text(DOCUMENT)
            done = subprocess.run([tex, *flags, "document.tex"], cwd=folder, capture_output=True, text=True,
                                  errors="replace")
            self.assertEqual(done.returncode, 0, done.stdout[-3000:])
            self.assertTrue((folder / "document.pdf").stat().st_size > 1000)
            rows = [line for line in (folder / "table.tex").read_text().splitlines() if " & " in line]
            self.assertEqual(len(rows), 1 + len(detailed["results"]))
            if shutil.which("pdftotext"):
                text = subprocess.run(["pdftotext", folder / "document.pdf", "-"], capture_output=True, text=True,
                                      check=True).stdout
                for result in detailed["results"]:
                    if result["perplexity"] is not None:
                        self.assertIn(f"{result['perplexity']:.4f}", text)


class OfARun(RunsTest):
    """The program itself, on a small model."""
    n_samples = 9

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().run_once("results")
        cls.results = cls.folder / "results"
        cls.detailed = json.loads((cls.results / "detailed_results.json").read_text())

    def runTest(self):
        pass

    def test_csv_holds_what_the_json_holds(self):
        check_results(self, self.results, self.detailed)
        check_samples(self, self.results, self.detailed)

    def test_bytes_of_the_cache_are_keys_times_head_size_times_bytes_of_a_number(self):
        n_bytes = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}[self.detailed["config"]["dtype"]]
        for result in self.detailed["results"]:
            bytes_of_key = 2 * self.detailed["model"]["head_dim"] * n_bytes
            self.assertEqual(result["peak_cache_bytes"], result["peak_keys"] * bytes_of_key)
            self.assertEqual(result["cache_bytes_end"], result["compression_stats"]["total_keys_kept"] * bytes_of_key)

    def test_the_summary_in_markdown_has_every_instance(self):
        text = (self.results / "summary.md").read_text()
        for result in self.detailed["results"]:
            self.assertIn(f"| {result['label']} | {result['perplexity']:.4f} |", text)


if __name__ == "__main__":
    main(sys.argv)
