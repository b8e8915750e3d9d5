#!/usr/bin/env python3
"""results.h5 as its readers see it: h5py, pandas, h5dump, and the examples of docs/results.md.

    results_test.py BUILD_FOLDER [unittest options]

h5py and pandas may belong to the system's Python while another one comes first in PATH; then that one goes on.
"""
import json
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from other_python import go_on_where

MISSING = go_on_where(("h5py", "pandas"))
from kvcompare_runs import N_METHODS, RunsTest, acknowledged_units, main

DOCS = Path(__file__).resolve().parents[2] / "docs" / "results.md"


@unittest.skipIf(MISSING, f"no {' and '.join(MISSING)} here; tests/install_packages.sh installs them")
class Readers(RunsTest):
    n_samples = 5

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().run_once("results", "--save_token_nll", "--save_tokens", "--max_length", "40")
        cls.values = acknowledged_units(cls.folder / "results" / "journal.jsonl")
        cls.detailed = json.loads((cls.folder / "results" / "detailed_results.json").read_text())

    def runTest(self):
        pass

    def file(self):
        import h5py
        return h5py.File(self.out("results") / "results.h5")

    def test_h5py_finds_the_values_of_every_unit(self):
        with self.file() as file:
            units = file["units"]
            keys = list(zip(units["sample"][:].tolist(), units["method"][:].tolist()))
            self.assertEqual(keys, [(s, m) for m in range(N_METHODS) for s in range(self.n_samples)])
            instances = file["methods/instance"].asstr()[:]
            offsets = units["token_nll/offsets"][:]
            for row, (sample, method) in enumerate(keys):
                values = self.values[sample, instances[method]]
                for name in ("n_tokens", "total_nll", "attended", "attendable", "compressible", "compressible_kept"):
                    self.assertEqual(units[name][row], values[name], name)
                self.assertEqual(units["keys_original"][row], values["original"])
                self.assertEqual(units["peak_keys"][row], values["peak"])
                self.assertEqual(units["n_scored"][row], values["n_tokens"] - 1)
                self.assertEqual(units["kept_per_head"][row].ravel().tolist(), values["kept_per_head"])
                self.assertEqual(units["keys_kept"][row], sum(values["kept_per_head"]))
                self.assertEqual(units["kept_by_position"][row].tolist(), values["kept_by_position"])
                nll = units["token_nll/values"][offsets[row]:offsets[row + 1]].tolist()
                self.assertEqual(nll, values["token_nll"])
                self.assertAlmostEqual(sum(nll), values["total_nll"], places=9)

    def test_bins_of_positions_and_kept_keys_by_head_add_up_to_those_of_the_json(self):
        with self.file() as file:
            methods = file["units/method"][:]
            for m, result in enumerate(self.detailed["results"]):
                bins = result["nll_by_position"]
                self.assertEqual(file["units/nll_by_position"].attrs["bin_width"], bins["bin_width"])
                self.assertEqual(file["units/nll_by_position/n_scored"][methods == m].sum(axis=0).tolist(), bins["n_scored"])
                sums = file["units/nll_by_position/total_nll"][methods == m].sum(axis=0).tolist()
                for ours, reported in zip(sums, bins["total_nll"], strict=True):
                    self.assertAlmostEqual(ours, reported, places=9)
                self.assertEqual(sum(bins["n_scored"]), result["total_tokens"])
                self.assertAlmostEqual(sum(bins["total_nll"]), result["total_nll"], places=9)
                kept = file["units/kept_per_head"][methods == m].sum(axis=0).tolist()
                self.assertEqual(kept, result["kept_per_head"])

    def test_bins_of_positions_are_sums_of_the_nll_of_tokens(self):
        with self.file() as file:
            offsets, nll = file["units/token_nll/offsets"][:], file["units/token_nll/values"][:]
            width = int(file["units/nll_by_position"].attrs["bin_width"])
            for row, sums in enumerate(file["units/nll_by_position/total_nll"][:].tolist()):
                expected = [0.0] * len(sums)
                for position, value in enumerate(nll[offsets[row]:offsets[row + 1]], start=1):  # nothing predicts the first
                    expected[position // width] += value
                for ours, theirs in zip(sums, expected, strict=True):
                    self.assertAlmostEqual(ours, theirs, places=9)

    def test_they_are_those_of_the_json_reports(self):
        with self.file() as file:
            nll = file["units/total_nll"][:].reshape(N_METHODS, self.n_samples)
            labels = file["methods/label"].asstr()[:].tolist()
            self.assertEqual(json.loads(file.attrs["configuration"]), self.detailed["config"])
            self.assertEqual(file.attrs["fingerprint"].decode(), self.detailed["fingerprint"])
            self.assertEqual((file.attrs["complete"], file.attrs["schema_version"], file.attrs["n_samples"]), (1, 4, 5))
            self.assertEqual(json.loads(file.attrs["model"]), self.detailed["model"])
        self.assertEqual(labels, [result["label"] for result in self.detailed["results"]])
        self.assertEqual(nll.tolist(), [[row["total_nll"] for row in r["per_sample"]] for r in self.detailed["results"]])

    def test_arrays_are_compressed_checked_and_bear_their_unit_and_no_date(self):
        import h5py
        with self.file() as file:
            for path in ("units/total_nll", "units/kept_per_head", "units/token_nll/values", "failed/sample"):
                array = file[path]
                self.assertEqual((array.compression, array.shuffle, array.fletcher32), ("gzip", True, True), path)
                self.assertIn("units", array.attrs)
                self.assertEqual(h5py.h5g.get_objinfo(array.id).mtime, 0)
            self.assertEqual(file["units/total_nll"].attrs["units"], b"nats")
            self.assertEqual(file["units/kept_by_position"].attrs["units"], b"keys")

    def test_h5dump_reads_it(self):
        if not shutil.which("h5dump"):
            self.skipTest("no h5dump here: apt-get install hdf5-tools")
        done = subprocess.run(["h5dump", "-d", "/units/n_tokens", self.out("results") / "results.h5"], capture_output=True,
                              text=True, check=True)
        shown = re.sub(r"\(\d+\):", "", done.stdout.split("DATA {")[1].split("}")[0])
        with self.file() as file:
            self.assertEqual([int(n) for n in re.findall(r"\d+", shown)], file["units/n_tokens"][:].tolist())

    def test_the_example_of_the_documentation_gives_the_averages_of_the_report(self):
        example = DOCS.read_text().split("```python\n")[1].split("```")[0]
        done = subprocess.run([sys.executable, "-c", example + "\nprint(repr(sums['avg_nll'].tolist()))"], text=True,
                              cwd=self.folder, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        averages = json.loads(done.stdout.splitlines()[-1])
        for ours, reported in zip(averages, [result["avg_nll"] for result in self.detailed["results"]], strict=True):
            self.assertAlmostEqual(ours, reported, places=12)

    def test_every_path_of_the_documentation_is_there_and_no_other(self):
        table = DOCS.read_text().split("## results.h5")[1].split("Attributes of the root")[0]
        documented, with_evidence = set(), set()
        for cell, others in re.findall(r"^\| (`/.*?) \|(.*)", table, re.M):
            names = re.findall(r"`([^`]+)`", cell)
            folder = names[0].rsplit("/", 1)[0]
            paths = {name if name.startswith("/") else f"{folder}/{name}" for name in names}
            (with_evidence if "only if the data states evidence" in others else documented).update(paths)
        self.assertEqual(documented, self.paths("results"))
        data = self.folder / "evidence.jsonl"
        data.write_text("".join(json.dumps({**json.loads(line), "scored": [[4, 6]], "evidence": [[1, 3]]}) + "\n"
                                for line in self.data.read_text().splitlines()))
        self.run_once("evidence", "--save_token_nll", "--save_tokens", "--max_length", "40", data=data)
        self.assertEqual(documented | with_evidence, self.paths("evidence"))

    def paths(self, out):
        import h5py
        found = set()
        with h5py.File(self.out(out) / "results.h5") as file:
            file.visititems(lambda name, item: found.add("/" + name) if isinstance(item, h5py.Dataset) else None)
        return found


if __name__ == "__main__":
    main(sys.argv)
