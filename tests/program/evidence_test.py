#!/usr/bin/env python3
"""Data that states evidence, through the whole program and in every file: evidence_test.py BUILD_FOLDER [unittest options]"""
import csv
import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from other_python import go_on_where

MISSING = go_on_where(("h5py",))
from kvcompare_runs import RunsTest, main

COUNTS = ("evidence_spans", "evidence_spans_exact", "evidence_keys", "evidence_keys_kept", "evidence_keys_exact", "evidence_keys_kept_exact",
          "spans_missed_evicted")
NUMBERS = ("evidence_spans", "evidence_keys", "evidence_keys_kept", "evidence_kept", "evidence_kept_ci95", "evidence_kept_exact", "evidence_kept_missed",
           "spans_missed_evicted", "spans_missed_kept")


class Files(RunsTest):
    """A run of which samples state evidence for all ranges, for each range, and none."""

    n_samples = 12

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ids = [json.loads(line)["input_ids"] for line in cls.data.read_text().splitlines() if line.count(",") > 12]
        cls.rows = [{"input_ids": row, "scored": [[9, 10], [len(row) - 3, len(row)]]} for row in ids[:10]]
        for i, row in enumerate(cls.rows[:-1]):
            row["evidence"] = [[1, 3], [5, 9]] if i % 2 else [[[0, 2]], [[4, 6], [8, 10]]]
        cls.with_evidence = cls.folder / "evidence.jsonl"
        cls.with_evidence.write_text("".join(json.dumps(row) + "\n" for row in cls.rows))
        test = cls()
        test.run_once("out", "--save_token_nll", "--save_tokens", "--compression_ratio=0.5,0.75", methods="random,streaming_llm", data=cls.with_evidence)
        cls.results = cls.folder / "out"
        cls.detailed = json.loads((cls.results / "detailed_results.json").read_text())

    def runTest(self):
        pass

    def units(self):
        return {tuple(record["unit"]): record["values"] for record in self.journal("out") if record.get("ok")}

    def instances(self):
        with open(self.results / "results.csv", newline="") as file:
            return [row["instance"] for row in csv.DictReader(file)]

    def test_journal_has_counts_where_there_is_evidence(self):
        for (sample, _), values in self.units().items():
            has_evidence = sample != len(self.rows) - 1
            for name in (*COUNTS, "span_evidence_keys", "span_evidence_keys_kept"):
                self.assertEqual(name in values, has_evidence, (sample, name))
            if has_evidence:
                n_heads = values["n_layers"] * values["n_kv_heads"]
                self.assertEqual(values["span_evidence_keys"], [n_heads * (6 if sample % 2 else 2), n_heads * (6 if sample % 2 else 4)])

    def test_every_file_has_the_sums_of_the_journal(self):
        units = self.units()
        for result, instance in zip(self.detailed["results"], self.instances(), strict=True):
            sums = {name: sum(units[s, instance][name] for s in range(len(self.rows) - 1)) for name in COUNTS}
            self.assertEqual(sums["evidence_keys_kept"], sum(sum(units[s, instance]["span_evidence_keys_kept"]) for s in range(len(self.rows) - 1)))
            for name in ("evidence_spans", "evidence_keys", "evidence_keys_kept", "spans_missed_evicted"):
                self.assertEqual(result[name], sums[name])
            self.assertEqual(result["evidence_kept"], sums["evidence_keys_kept"] / sums["evidence_keys"])
            self.assertEqual(result["spans_missed_kept"], sums["evidence_spans"] - sums["evidence_spans_exact"] - sums["spans_missed_evicted"])
            low, high = result["evidence_kept_ci95"]
            self.assertTrue(low <= result["evidence_kept"] <= high)
            for row in result["per_sample"]:
                values = units[row["sample"], instance]
                self.assertEqual({name: row.get(name) for name in COUNTS}, {name: values.get(name) for name in COUNTS})
        self.assertEqual(self.detailed["results"][0]["evidence_kept"], 1)
        self.assertLess(min(result["evidence_kept"] for result in self.detailed["results"]), 0.8)
        summary = json.loads((self.results / "comparison_summary.json").read_text())
        for line, result in zip(summary["results"], self.detailed["results"][1:], strict=True):
            self.assertEqual({name: line[name] for name in NUMBERS}, {name: result[name] for name in NUMBERS})

    def test_csv_files_have_the_numbers_of_the_json(self):
        with open(self.results / "results.csv", newline="") as file:
            for row, result in zip(csv.DictReader(file), self.detailed["results"], strict=True):
                self.assertEqual(float(row["evidence_kept"]), result["evidence_kept"])
                self.assertEqual([float(row["evidence_kept_ci95_low"]), float(row["evidence_kept_ci95_high"])], result["evidence_kept_ci95"])
        with open(self.results / "samples.csv", newline="") as file:
            rows = [row for result in self.detailed["results"] for row in result["per_sample"]]
            for line, row in zip(csv.DictReader(file), rows, strict=True):
                self.assertEqual({name: line[name] for name in COUNTS}, {name: str(row.get(name, "")) for name in COUNTS})

    @unittest.skipIf("h5py" in MISSING, "h5py is not installed")
    def test_hdf5_has_the_counts_of_units_and_of_ranges(self):
        import h5py
        units, instances = self.units(), self.instances()
        with h5py.File(self.results / "results.h5") as file:
            self.assertEqual(file["statistics/evidence_kept"][:].tolist(), [result["evidence_kept"] for result in self.detailed["results"]])
            self.assertEqual(file["statistics/evidence_kept_ci95"][1].tolist(), self.detailed["results"][1]["evidence_kept_ci95"])
            offsets = file["units/scored/offsets"][:]
            for u, (sample, method) in enumerate(zip(file["units/sample"], file["units/method"])):
                values = units[sample, instances[method]]
                for name in COUNTS:
                    number = file[f"units/{name}"][u]
                    self.assertTrue(number == values[name] if name in values else number != number, name)
                for name in ("keys", "keys_kept"):
                    self.assertEqual(file[f"units/scored/evidence_{name}"][offsets[u]:offsets[u + 1]].tolist(), values.get(f"span_evidence_{name}", [0, 0]))

    def test_tables_and_page_have_a_column(self):
        for name in ("summary.md", "table.tex"):
            self.assertIn("Evidence kept", (self.results / name).read_text(), name)
        self.assertIn('"evidence_kept":', (self.results / "report.html").read_text())
        self.assertIn(" of the evidence", (self.results / "summary.md").read_text())

    def test_inspect_says_how_much_of_the_evidence_of_a_range_is_kept(self):
        units, label = self.units(), self.detailed["results"][1]["label"]
        instance = self.instances()[1]
        done = subprocess.run([self.build / "kvcompare", "inspect", self.results, "--top=99", f"--instance={label}"], capture_output=True, text=True, check=True)
        head, *lines = done.stdout.splitlines()[1:]
        self.assertRegex(head, "Position  Evidence kept  Text")
        self.assertEqual(len(lines), sum(e - b for row in self.rows for b, e in row["scored"]))
        for line in lines:
            sample, position, share = line.split()[4:7]
            values = units[int(sample), instance]
            if int(sample) == len(self.rows) - 1:
                self.assertEqual(share, "-")
                continue
            span = 0 if int(position) < 10 else 1
            self.assertEqual(share, f"{100 * values['span_evidence_keys_kept'][span] / values['span_evidence_keys'][span]:.2f}%")

    def test_are_made_again_and_computed_again_the_same(self):
        before = self.final_bytes("out")
        subprocess.run([self.build / "kvcompare", "finalize", self.results], check=True, capture_output=True)
        self.assertEqual(self.final_bytes("out"), before)
        done = subprocess.run([self.build / "kvcompare", "verify", self.results, "--recompute", "10"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_other_evidence_is_another_run(self):
        rows = json.loads(json.dumps(self.rows))
        rows[0]["evidence"][1][0] = [4, 7]
        other = self.folder / "other.jsonl"
        other.write_text("".join(json.dumps(row) + "\n" for row in rows))
        done = self.run_once("out", "--resume", "--save_token_nll", "--save_tokens", "--compression_ratio=0.5,0.75", methods="random,streaming_llm",
                             data=other, code=2)
        self.assertIn("data: was", done.stderr)

    def test_changes_no_other_number(self):
        without = self.folder / "without.jsonl"
        without.write_text("".join(json.dumps({key: value for key, value in row.items() if key != "evidence"}) + "\n" for row in self.rows))
        self.run_once("without", "--compression_ratio=0.5,0.75", methods="random,streaming_llm", data=without)
        report = json.loads((self.out("without") / "detailed_results.json").read_text())
        for result, mine in zip(report["results"], json.loads(json.dumps(self.detailed))["results"], strict=True):
            for numbers in (mine, *mine["per_sample"]):
                for name in [name for name in numbers if "evidence" in name or name.startswith("spans_missed")]:
                    del numbers[name]
            self.assertEqual(result, mine)
        for name in ("detailed_results.json", "results.csv", "samples.csv", "summary.md", "table.tex", "journal.jsonl"):
            text = (self.out("without") / name).read_text().replace("evidence.jsonl", "")
            self.assertNotIn("evidence", text.lower(), name)


if __name__ == "__main__":
    main(sys.argv)
