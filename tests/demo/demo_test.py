#!/usr/bin/env python3
"""The demo shows what it is there for: demo_test.py BUILD_FOLDER [unittest options]

Measured by demo/measure.py on the documents that the model and the scorer have not seen. h5py may belong to the system's
Python while another one comes first in PATH; then that one goes on.
"""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "demo"), str(ROOT / "tests/support")]
from other_python import go_on_where

MISSING = go_on_where(("h5py", "numpy"))
import measure

KVCOMPARE = Path(sys.argv[1]).resolve() / "kvcompare"


@unittest.skipIf(MISSING, f"no {' and '.join(MISSING)} here; tests/install_packages.sh installs them")
class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.positions = measure.answer_positions()

    def test_documents_are_as_long_as_they_are_to_be(self):
        lengths = [max(where) + 1 for where in self.positions]
        self.assertEqual(len(lengths), 40)
        self.assertGreater(sum(map(len, self.positions)), 1000)
        self.assertGreater(max(lengths), 3000)
        self.assertLess(max(lengths), 4100)

    def test_answers_depend_on_memory_and_kvzap_and_expected_attention_keep_it(self):
        nll = {}
        for density in (0.5, 0.25):
            for method, kept, answers, gain, _ in measure.compare_at(KVCOMPARE, self.folder / str(density), density, self.positions):
                nll[method, density] = answers
                if method != "baseline":
                    self.assertAlmostEqual(kept, density, delta=0.002, msg=method)
                if method in ("kvzap", "expected_attention"):
                    self.assertGreater(gain[1], 0, f"{method} at {density}: {gain}")
        window = measure.window_nll(KVCOMPARE, self.folder / "window", self.positions)
        self.assertGreater(window - nll["baseline", 0.5], 2)

    def test_a_higher_threshold_keeps_less_and_costs_more(self):
        rows = measure.sweep(KVCOMPARE, self.folder / "sweep", self.positions)
        kept, nll = [row[1] for row in rows], [row[2] for row in rows]
        self.assertEqual(kept, sorted(kept, reverse=True))
        self.assertEqual(nll, sorted(nll))
        self.assertGreater(kept[0] - kept[-1], 0.5)

    def test_the_corpus_is_made_again_as_it_is(self):
        made = self.folder / "documents.jsonl"
        command = re.search(r"corpus (--output WORK/documents.jsonl .*)", (ROOT / "demo/make.log").read_text())[1].split()
        flags = [str(made) if word == "WORK/documents.jsonl" else str(ROOT / "demo/model") if word == "WORK/model" else word
                 for word in command]
        subprocess.run([KVCOMPARE.parent / "kvcompare_demo", "corpus", *flags], check=True)
        self.assertEqual(made.read_bytes(), (ROOT / "demo/documents.jsonl").read_bytes())


class Measure(unittest.TestCase):
    def test_asks_for_what_it_needs_before_it_computes(self):
        # -S: without the folders of installed packages. /bin/false: a kvcompare that would be noticed.
        done = subprocess.run([sys.executable, "-S", ROOT / "demo/measure.py", "--kvcompare", "/bin/false"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"has no h5py and numpy.*pip install h5py numpy")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
