#!/usr/bin/env python3
"""Distributions, answers and tokens in every report, computed once more in numpy from numbers of single tokens.

    quality_test.py BUILD_FOLDER [unittest options]

A real run is made; then numbers of its tokens are invented, sums and sketches are made of them here, and written into its
journal. `kvcompare finalize` makes the reports. numpy and h5py may belong to the system's Python; then that one goes on.
"""
import csv
import json
import math
import re
import struct
import subprocess
import sys
import unittest
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from other_python import go_on_where

MISSING = go_on_where(("numpy", "h5py"))
if not MISSING:
    import h5py
    import numpy as np
from kvcompare_runs import RunsTest, journal_records, main

DEMO = Path(__file__).resolve().parents[2] / "demo"
SEED = 19
SKETCH_BITS, MANTISSA_BITS, LEAST = 7, 52, 2.0 ** -60
SKETCH_ERROR = 2.0 ** -8
MEANS = {"mean_kl": "kl", "same_top1": "same", "mean_delta_p": "delta_p", "greedy_accuracy": "hit"}


def bucket(x):
    """As common/run/quantile_sketch.h describes it."""
    top = lambda value: struct.unpack("<q", struct.pack("<d", value))[0] >> (MANTISSA_BITS - SKETCH_BITS)
    if abs(x) < LEAST:
        return 0
    return int(math.copysign(top(abs(x)) - top(LEAST) + 1, x))


def sketch(numbers):
    buckets, counts = np.unique([bucket(x) for x in numbers], return_counts=True)
    return {"buckets": np.diff(buckets, prepend=0).tolist(), "counts": counts.tolist(), "least": float(min(numbers)), "largest": float(max(numbers))}


def invented_tokens(rng, n, is_baseline):
    """Numbers of n predicted tokens, each of which is scored."""
    tokens = {"hit": rng.integers(0, 2, n)}
    if not is_baseline:
        tokens |= {"kl": rng.exponential(0.1, n), "delta_p": rng.normal(-0.02, 0.1, n).clip(-1, 1), "same": rng.integers(0, 2, n)}
    return tokens


def values_with(values, tokens, spans, exact):
    """The values of a unit in the journal, with what the tokens add up to."""
    values |= {"greedy_hits": int(tokens["hit"].sum()), "spans": spans, "spans_exact": exact, "token_greedy_hit": tokens["hit"].tolist()}
    if "kl" not in tokens:
        return values
    delta_p = tokens["delta_p"]
    return values | {
        "sum_kl": float(tokens["kl"].sum()), "sum_acceptance": float(len(delta_p) * 0.75), "sum_delta_p": float(delta_p.sum()),
        "sum_delta_p_squared": float((delta_p ** 2).sum()), "n_same_top1": int(tokens["same"].sum()), "n_delta_nll_above_1": len(delta_p) // 3,
        "n_delta_nll_above_3": len(delta_p) // 7, "kl_sketch": sketch(tokens["kl"]), "delta_p_sketch": sketch(delta_p),
        "token_kl": tokens["kl"].tolist(), "token_delta_p": delta_p.tolist(), "token_same_top1": tokens["same"].tolist()}


def rewrite_journal(file, change):
    """change(record) changes a record of a unit that succeeded."""
    lines = []
    for record in journal_records(file):
        if record.get("ok"):
            change(record)
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
        lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
    file.write_bytes(b"".join(lines))


@unittest.skipIf(MISSING, f"no {' and '.join(MISSING)} here; tests/install_packages.sh installs them")
class InventedTokens(RunsTest):
    n_samples = 9

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        test = cls()
        test.run_once("out", "--save_token_nll", "--save_tokens", "--compression_ratio", "0.25,0.75", methods="random,streaming_llm")
        cls.results = cls.folder / "out"
        rng = np.random.default_rng(SEED)
        cls.tokens, cls.answers, cls.nll = {}, {}, {}

        def change(record):
            unit = tuple(record["unit"])
            values = record["values"]
            for name in [name for name in values if name.startswith(("token_", "sum_", "n_same", "n_delta")) or name.endswith("_sketch")]:
                if name != "token_nll":
                    del values[name]
            cls.tokens[unit] = invented_tokens(rng, len(values["token_nll"]), unit[1] == "baseline")
            cls.answers[unit] = (3, int(rng.integers(0, 4)))
            cls.nll[unit] = np.array(values["token_nll"])
            record["values"] = values_with(values, cls.tokens[unit], *cls.answers[unit])
        rewrite_journal(cls.results / "journal.jsonl", change)
        done = subprocess.run([cls.build / "kvcompare", "finalize", cls.results], capture_output=True, text=True, env=test.environment())
        assert done.returncode == 0, done.stderr
        cls.detailed = json.loads((cls.results / "detailed_results.json").read_text())
        cls.summary = json.loads((cls.results / "comparison_summary.json").read_text())
        with open(cls.results / "results.csv", newline="") as stream:
            cls.rows = list(csv.DictReader(stream))
        cls.instances = [row["instance"] for row in cls.rows]

    def runTest(self):
        pass

    def of(self, instance, name):
        """Of all tokens, in data-set order."""
        return np.concatenate([self.tokens[s, instance][name] for s in range(self.n_samples)])

    def nll_of(self, instance):
        return np.concatenate([self.nll[s, instance] for s in range(self.n_samples)])

    def check(self, found, expected, name):
        self.assertAlmostEqual(found, expected, delta=1e-12 * max(1, abs(expected)), msg=name)

    def test_means_are_those_of_the_tokens_in_every_file(self):
        with h5py.File(self.results / "results.h5") as file:
            for m, (instance, row, result) in enumerate(zip(self.instances, self.rows, self.detailed["results"], strict=True)):
                names = MEANS if m > 0 else {"greedy_accuracy": "hit"}
                expected = {name: self.of(instance, what).mean() for name, what in names.items()}
                if m > 0:
                    expected["rms_delta_p"] = np.sqrt((self.of(instance, "delta_p") ** 2).mean())
                    expected["acceptance"] = 0.75
                expected["answers"] = sum(self.answers[s, instance][1] for s in range(self.n_samples)) / (3 * self.n_samples)
                for name, value in expected.items():
                    self.check(result[name], value, name)
                    self.check(float(row[name]), value, name)
                    self.check(file["statistics"][name][m], value, name)
                    if m > 0:
                        self.check(self.summary["results"][m - 1][name], value, name)
                self.assertEqual(result["spans"], 3 * self.n_samples)
        self.check(self.summary["baseline_greedy_accuracy"], self.of("baseline", "hit").mean(), "baseline_greedy_accuracy")

    def test_percentiles_are_within_the_error_of_a_sketch(self):
        for instance, result in list(zip(self.instances, self.detailed["results"]))[1:]:
            for name, what in (("kl_percentiles", "kl"), ("delta_p_percentiles", "delta_p")):
                tokens = np.sort(self.of(instance, what))
                for percent, value in result[name].items():
                    place = {"min": 0, "max": len(tokens) - 1}.get(percent)
                    exact = tokens[place if place is not None else max(0, math.ceil(float(percent) / 100 * len(tokens)) - 1)]
                    self.assertLessEqual(abs(value - exact), SKETCH_ERROR * abs(exact), (name, percent))
                    if percent in ("min", "max"):
                        self.assertEqual(value, exact)

    def test_samples_have_their_own_numbers(self):
        with open(self.results / "samples.csv", newline="") as stream:
            rows = {(int(row["sample"]), row["instance"]): row for row in csv.DictReader(stream)}
        for instance, result in zip(self.instances, self.detailed["results"]):
            for row in result["per_sample"]:
                tokens, (spans, exact) = self.tokens[row["sample"], instance], self.answers[row["sample"], instance]
                self.assertEqual((row["n_scored"], row["greedy_hits"], row["spans"], row["spans_exact"]),
                                 (len(tokens["hit"]), tokens["hit"].sum(), spans, exact))
                if instance == "baseline":
                    self.assertNotIn("mean_kl", row)
                    self.assertEqual(rows[row["sample"], instance]["mean_kl"], "")
                    continue
                for name, value in (("mean_kl", tokens["kl"].mean()), ("same_top1", tokens["same"].mean()),
                                    ("rms_delta_p", np.sqrt((tokens["delta_p"] ** 2).mean()))):
                    self.check(row[name], value, name)
                    self.check(float(rows[row["sample"], instance][name]), value, name)

    def test_hdf5_has_every_token(self):
        with h5py.File(self.results / "results.h5") as file:
            names = file["methods/instance"].asstr()[:]
            offsets = file["units/token_nll/offsets"][:]
            for u, (sample, m) in enumerate(zip(file["units/sample"][:], file["units/method"][:])):
                tokens = self.tokens[sample, names[m]]
                for name, what in (("greedy_hit", "hit"), ("kl", "kl"), ("delta_p", "delta_p"), ("same_top1", "same")):
                    found = file["units/token_quality"][name][offsets[u]:offsets[u + 1]]
                    if what in tokens:
                        self.assertEqual(found.tolist(), tokens[what].tolist())
                    else:
                        self.assertTrue(np.isnan(found).all())

    def test_the_baseline_says_why_it_is_compared_with_nothing(self):
        baseline = self.detailed["results"][0]
        for name in ("mean_kl", "mean_kl_ci95", "kl_percentiles", "same_top1", "same_top1_ci95", "acceptance", "rms_delta_p"):
            self.assertIsNone(baseline[name])
            self.assertEqual(baseline[name + "_reason"], "this is the baseline")
        self.assertIsNotNone(baseline["greedy_accuracy_ci95"])

    def test_tables_for_people_show_them(self):
        for name in ("summary.md", "table.tex"):
            text = (self.results / name).read_text()
            self.assertIn("Mean KL", text)
            self.assertIn(f"{sum(self.answers[s, self.instances[1]][1] for s in range(self.n_samples))}/27", text)

    def report(self, *arguments, code=0, program="report"):
        done = subprocess.run([self.build / "kvcompare", program, *map(str, arguments)], capture_output=True, text=True, env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def llama_perplexity(self, instance):
        """The statistics of llama.cpp's tools/perplexity/perplexity.cpp, kl_divergence, of the arrays."""
        nll, base, kl, delta_p, same = (self.nll_of(instance), self.nll_of("baseline"), self.of(instance, "kl"), self.of(instance, "delta_p"),
                                        self.of(instance, "same"))
        n = len(nll)
        error = lambda values: np.sqrt(values.var() / (n - 1))
        covariance = ((nll * base).mean() - nll.mean() * base.mean()) / (n - 1)
        ppl, ppl_base = np.exp(nll.mean()), np.exp(base.mean())
        of_ratio = np.sqrt(error(nll) ** 2 + error(base) ** 2 - 2 * covariance)
        ppl_error, base_error = ppl * error(nll), ppl_base * error(base)
        rms = np.sqrt((delta_p ** 2).mean())
        expected = {
            "Mean PPL(Q)": (ppl, ppl_error), "Mean PPL(base)": (ppl_base, base_error),
            "Cor(ln(PPL(Q)), ln(PPL(base)))": (100 * covariance / (error(nll) * error(base)),),
            "Mean ln(PPL(Q)/PPL(base))": (nll.mean() - base.mean(), of_ratio),
            "Mean PPL(Q)/PPL(base)": (ppl / ppl_base, ppl / ppl_base * of_ratio),
            "Mean PPL(Q)-PPL(base)": (ppl - ppl_base, np.sqrt(ppl_error ** 2 + base_error ** 2 - 2 * ppl * ppl_base * covariance)),
            "Mean    KLD": (kl.mean(), error(kl)), "Maximum KLD": (kl.max(),), "Minimum KLD": (kl.min(),), "Median  KLD": (np.median(kl),),
            "Mean    Δp": (100 * delta_p.mean(), 100 * error(delta_p)), "Maximum Δp": (100 * delta_p.max(),),
            "Minimum Δp": (100 * delta_p.min(),), "Median  Δp": (100 * np.median(delta_p),),
            "RMS Δp": (100 * rms, 100 * 0.5 / rms * error(delta_p ** 2)),
            "Same top p": (100 * same.mean(), 100 * np.sqrt(same.mean() * (1 - same.mean()) / (n - 1)))}
        for percent in (99.9, 99.0, 95.0, 90.0, 10.0, 5.0, 1.0, 0.1):
            expected[f"{percent:4.1f}%   KLD"] = (np.percentile(kl, percent),)
        for percent in (99.9, 99.0, 95.0, 90.0, 75.0, 25.0, 10.0, 5.0, 1.0, 0.1):
            expected[f"{percent:4.1f}%   Δp"] = (100 * np.percentile(delta_p, percent),)
        return expected

    def test_the_tables_of_llama_perplexity(self):
        text = self.report("--format", "llama-perplexity", self.results).stdout
        self.assertEqual(text, self.report(self.results, "--format=llama-perplexity").stdout)
        blocks = text.split("###### ")[1:]
        self.assertEqual(len(blocks), 4)
        for block, instance, row in zip(blocks, self.instances[1:], self.rows[1:]):
            self.assertTrue(block.startswith(row["label"] + " ######\n"))
            found = {}
            for line in block.splitlines():
                match = re.fullmatch(r"(.+?) *: *(-?[\d.]+)(?: ± +(-?[\d.]+)|±(.*))? *%?", line)
                if match:
                    found[match[1]] = [float(value) for value in match.groups()[1:3] if value is not None]
            expected = self.llama_perplexity(instance)
            strip = lambda names: {name.strip(): value for name, value in names.items()}
            found, expected = strip(found), strip(expected)
            self.assertEqual(set(found), set(expected))
            for name, values in expected.items():
                digits = 6 if "KLD" in name or name.startswith("Mean") and "Δp" not in name else 2 if name.startswith("Cor") else 3
                for ours, theirs in zip(found[name], values, strict=True):
                    self.assertLessEqual(abs(ours - theirs), 0.5000001 * 10 ** -digits, (name, found[name], values))

    def test_the_tables_of_llama_perplexity_are_of_one_run_and_write_nothing(self):
        before = {file.name: file.read_bytes() for file in self.results.iterdir()}
        self.report("--format", "llama-perplexity", self.results)
        self.assertEqual({file.name: file.read_bytes() for file in self.results.iterdir()}, before)
        self.assertIn("is of one run", self.report(self.results, self.folder, "--format", "llama-perplexity", code=2).stderr)
        self.assertIn("writes no file", self.report(self.results, "--format", "llama-perplexity", "--output", "x", code=2).stderr)
        self.assertIn("files or llama-perplexity", self.report(self.results, "--format", "csv", code=2).stderr)

    def worst(self, instance, n):
        tokens = [(-(nll - base), s, t + 1) for s in range(self.n_samples)
                  for t, (nll, base) in enumerate(zip(self.nll[s, instance], self.nll[s, "baseline"]))]
        return [(s, t) for _, s, t in sorted(tokens)[:n]]

    def test_inspect_lists_the_tokens_with_the_largest_difference(self):
        ids = [json.loads(line)["input_ids"] for line in self.data.read_text().splitlines()]
        label = self.rows[2]["label"]
        text = self.report(self.results, "--top", 7, program="inspect").stdout
        self.assertEqual(len(text.split("\n\n")), 4)
        one = self.report(self.results, "--top", 7, "--instance", label, program="inspect").stdout
        self.assertIn(one, text)
        lines = one.splitlines()
        self.assertEqual(lines[0], label)
        self.assertEqual(len(lines), 9)
        for line, (sample, position) in zip(lines[2:], self.worst(self.instances[2], 7), strict=True):
            delta, nll, base, kl, s, t, shown = line.split(maxsplit=6)
            self.assertEqual((int(s), int(t)), (sample, position))
        first = lines[2].split(maxsplit=6)
        sample, position = self.worst(self.instances[2], 1)[0]
        self.assertAlmostEqual(float(first[1]), self.nll[sample, self.instances[2]][position - 1], places=6)
        self.assertAlmostEqual(float(first[2]), self.nll[sample, "baseline"][position - 1], places=6)
        self.assertAlmostEqual(float(first[3]), self.tokens[sample, self.instances[2]]["kl"][position - 1], places=4)
        # The tiny model has no tokenizer: ids stand for the texts.
        self.assertIn(f"⟦<{ids[sample][position]}>⟧", first[6])

    def test_inspect_names_the_instances_that_there_are(self):
        done = self.report(self.results, "--instance", "nobody", code=2, program="inspect")
        self.assertIn("no instance 'nobody'; there are: ", done.stderr)
        self.assertIn(self.rows[1]["label"], done.stderr)


@unittest.skipIf(MISSING, f"no {' and '.join(MISSING)} here; tests/install_packages.sh installs them")
class Tokens(RunsTest):
    """--save_tokens: ids in the journal and in results.h5, and texts that they become."""
    FLAGS = ("--save_token_nll", "--save_tokens")

    def runTest(self):
        pass

    def inspect(self, *arguments, code=0):
        done = subprocess.run([self.build / "kvcompare", "inspect", *map(str, arguments)], capture_output=True, text=True, env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_they_are_those_of_the_data_whatever_the_ranks_and_however_the_run_came_about(self):
        methods = "random,streaming_llm"
        self.run_once("whole", *self.FLAGS, methods=methods)
        with h5py.File(self.out("whole") / "results.h5") as file:
            offsets, ids = file["tokens/offsets"][:], file["tokens/ids"][:]
            found = [ids[offsets[i]:offsets[i + 1]].tolist() for i in range(len(file["tokens/sample"]))]
        self.assertEqual(found, [json.loads(line)["input_ids"] for line in self.data.read_text().splitlines()])
        for ranks in (2, 3):
            self.run_once(f"ranks{ranks}", *self.FLAGS, methods=methods, ranks=ranks)
            self.assert_same_results(f"ranks{ranks}", "whole")
        self.run_once("grown", *self.FLAGS, "--max_samples", "5", methods="random")
        self.run_once("grown", *self.FLAGS, "--resume", methods=methods, ranks=2)
        self.assert_same_results("grown", "whole")
        self.run_once("grown", *self.FLAGS, "--resume", methods=methods)
        self.assertEqual(sum("tokens" in record for record in self.journal("grown")), self.n_samples)
        self.assertIn("save_tokens", self.run_once("grown", "--save_token_nll", "--resume", methods=methods, code=2).stderr)

    def test_a_run_without_them_says_which_flag_keeps_them(self):
        for name, flags, missing in (("none", (), "with --save_token_nll --save_tokens does"), ("nll", ("--save_token_nll",), "with --save_tokens does"),
                                     ("ids", ("--save_tokens",), "with --save_token_nll does")):
            self.run_once(name, *flags, methods="random")
            self.assertIn(missing, self.inspect(self.out(name), code=2).stderr)
            with h5py.File(self.out(name) / "results.h5") as file:
                self.assertEqual("tokens" in file, name == "ids")

    def test_texts_are_those_of_the_documents(self):
        self.run_once("demo", *self.FLAGS, "--max_length", "120", "--max_samples", "6", model=DEMO / "model", scorer=DEMO / "scorer",
                      data=DEMO / "documents.jsonl", methods="streaming_llm")
        documents = [json.loads(line)["text"].replace("\n", "↵") for line in (DEMO / "documents.jsonl").read_text().splitlines()[:6]]
        out = self.inspect(self.out("demo"), "--top", "15").stdout
        for line in out.splitlines()[2:]:
            sample, shown = int(line.split(maxsplit=6)[4]), line.split(maxsplit=6)[6]
            before, token, after = re.fullmatch(r"(.*)⟦(.+)⟧(.*)", shown).groups()
            self.assertIn(before.lstrip("…").removeprefix("<s>") + token + after.rstrip("…"), documents[sample])
        page = (self.out("demo") / "report.html").read_text()
        data = json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.S).group(1))
        worst = data["runs"][0]["instances"][1]["worst_tokens"]
        self.assertEqual(len(worst), 20)
        for (sample, position, nll, base, *_, before, token, after), line in zip(worst, out.splitlines()[2:]):
            self.assertEqual((sample, position), tuple(map(int, line.split(maxsplit=6)[4:6])))
            self.assertTrue(line.endswith(f"{before}⟦{token}⟧{after}".lstrip()))
        self.assertEqual(data["runs"][0]["instances"][0]["worst_tokens"], [])
        other = self.folder / "other_tokenizer"
        other.mkdir()
        document = json.loads((DEMO / "model" / "tokenizer.json").read_text())
        (other / "tokenizer.json").write_text(json.dumps(document, indent=1))
        self.assertEqual(self.inspect(self.out("demo"), "--top", "15", "--tokenizer", other).stdout, out)


if __name__ == "__main__":
    main(sys.argv)
