#!/usr/bin/env python3
"""Results that earlier programs left, read by this one: earlier_versions_test.py BUILD_FOLDER [unittest options]

version_N/ is the output folder of a run, with its data.jsonl, as the kvcompare of its time wrote it; report.html, which no program
reads, is left out. The folders stay as they are. When kSchemaVersion is raised, a new one is added (docs/results.md says how).
"""
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, main

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDERS = sorted(HERE.glob("version_*"))
# What a program of a later version must be able to say again: number, text, or "there is none, for this reason".
JSON_FILES = ("comparison_summary.json", "detailed_results.json")


def number_in(header, name):
    return int(re.search(rf"{name} = (\d+);", (ROOT / header).read_text())[1])


SCHEMA = number_in("coordinator/reports/schema_version.h", "kSchemaVersion")
JOURNAL = number_in("coordinator/journal/journal_record.h", "kJournalVersion")


def lost(then, now, place=""):
    """Places of values that were there then and are not, or are others, now."""
    if isinstance(then, dict):
        if not isinstance(now, dict):
            return [place]
        return [name for key in then if key != "schema_version" for name in lost(then[key], now.get(key, "absent"), f"{place}/{key}")]
    if isinstance(then, list):
        if not isinstance(now, list) or len(now) != len(then):
            return [place]
        return [name for i, (a, b) in enumerate(zip(then, now)) for name in lost(a, b, f"{place}/{i}")]
    return [] if then == now else [place]


class EarlierTest(RunsTest):
    def program(self, *words):
        done = subprocess.run([self.build / "kvcompare", *map(str, words)], capture_output=True, text=True, timeout=120,
                              env=self.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def each(self):
        for folder in FOLDERS:
            copy = self.folder / folder.name
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy)
            yield folder, copy


class EarlierVersions(EarlierTest):
    def test_there_is_a_folder_of_the_version_that_is_written_now(self):
        written = [json.loads((folder / "detailed_results.json").read_text())["schema_version"] for folder in FOLDERS]
        self.assertEqual(written, [int(folder.name.removeprefix("version_")) for folder in FOLDERS])
        self.assertEqual(max(written), SCHEMA, "a new version needs a folder: see docs/results.md, Versions of the formats")

    def test_are_made_again_from_the_journal_with_every_value_that_was_there(self):
        for then, now in self.each():
            self.program("finalize", now)
            for name in JSON_FILES:
                self.assertEqual(lost(*(json.loads((folder / name).read_text()) for folder in (then, now))), [], name)
            for name in ("results.csv", "samples.csv"):
                old, new = ((folder / name).read_text().splitlines() for folder in (then, now))
                self.assertLessEqual(set(old[0].split(",")), set(new[0].split(",")), name)
                self.assertEqual(len(old), len(new), name)

    def test_are_verified_and_shown(self):
        for then, now in self.each():
            if json.loads((then / "detailed_results.json").read_text())["schema_version"] == SCHEMA:
                self.program("verify", now)
            shown = self.program("report", now, "--output", self.folder / "shown").stdout
            for one in json.loads((then / "comparison_summary.json").read_text())["results"]:
                self.assertIn(f"{one['perplexity']:.4f}", shown, one["label"])

    def test_are_a_configuration_that_gives_the_same_numbers(self):
        for then, now in self.each():
            out = self.folder / "again"
            shutil.rmtree(out, ignore_errors=True)
            self.program("rerun", now, "--model_name", self.model, "--data_path", now / "data.jsonl", "--output_dir", out)
            old, new = (json.loads((folder / "comparison_summary.json").read_text()) for folder in (then, out))
            self.assertEqual([one["parameters"] for one in old["results"]], [one["parameters"] for one in new["results"]])
            for a, b in zip(old["results"], new["results"]):
                self.assertAlmostEqual(b["perplexity"] / a["perplexity"], 1, delta=1e-4)  # another machine has other last bits


class EarlierHdf5(EarlierTest):
    def test_hdf5_has_every_array_that_was_there(self):
        try:
            import h5py
            import numpy
        except ImportError as error:
            self.skipTest(str(error))
        for then, now in self.each():
            self.program("finalize", now)
            with h5py.File(then / "results.h5") as old, h5py.File(now / "results.h5") as new:
                arrays = []
                old.visititems(lambda name, item: arrays.append(name) if isinstance(item, h5py.Dataset) else None)
                self.assertGreater(len(arrays), 20)
                for name in arrays:
                    numpy.testing.assert_array_equal(old[name][()], new[name][()], name)


class Documents(RunsTest):
    def test_name_every_version_of_the_formats(self):
        text = (ROOT / "docs/results.md").read_text()
        text = text[text.index("## Versions of the formats"):]
        schema, journal = text.split("| version of the journal |")
        for section, latest in ((schema, SCHEMA), (journal, JOURNAL)):
            self.assertEqual([int(n) for n in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)], list(range(1, latest + 1)))

    def test_the_changelog_goes_by_version_the_newest_first(self):
        headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
        version = re.search(r"project\(kvcompare VERSION ([\d.]+) ", (ROOT / "CMakeLists.txt").read_text())[1]
        released = [heading for heading in headings if heading != "Unreleased"]
        self.assertLessEqual(headings.count("Unreleased"), 1)
        if "Unreleased" in headings:
            self.assertEqual(headings[0], "Unreleased")
        else:
            self.assertEqual(released[0].split(",")[0], version)
        numbers = []
        for heading in released:
            self.assertRegex(heading, r"\A\d+\.\d+\.\d+, \d{4}-\d\d-\d\d\Z")
            numbers.append(tuple(map(int, heading.split(",")[0].split("."))))
        self.assertEqual(numbers, sorted(set(numbers), reverse=True))


if __name__ == "__main__":
    main(sys.argv)
