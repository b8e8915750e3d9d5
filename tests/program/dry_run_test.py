#!/usr/bin/env python3
"""What --dry_run tells, and that it leaves nothing behind: dry_run_test.py BUILD_FOLDER [unittest options]"""
import fcntl
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, main

METHODS = "random,knorm"
INSTANCES = ("Baseline", "Random", "KNorm", "all")


class DryRun(RunsTest):
    n_samples = 6

    def dry(self, out, *flags, code=0, **options):
        before = self.everything()
        done = self.run_once(out, "--dry_run", *flags, code=code, **{"methods": METHODS, **options})
        self.assertEqual(self.everything(), before)
        return done

    def everything(self):
        return {file: file.read_bytes() for file in sorted(self.folder.rglob("*")) 
                if file.is_file() and file.relative_to(self.folder).parts[0] != "tmp"}

    def table(self, done):
        """The last columns of the lines of the table: units, operations, time."""
        lines = done.stdout.splitlines()
        at = next(i for i, line in enumerate(lines) if line.split()[:2] == ["instance", "units"])
        rows = [line.split()[-3:] for line in lines[at + 2:at + 6]]
        return {name: (int(units), float(work), time) for name, (units, work, time) in zip(INSTANCES, rows)}

    def predicted(self):
        """Floating-point operations of a baseline: 2 a weight and token, and 4 a channel of queries and pair of tokens."""
        config = json.loads((self.model / "config.json").read_text())
        hidden, heads, kv_heads = (config[name] for name in ("hidden_size", "num_attention_heads", "num_key_value_heads"))
        width = config.get("head_dim", hidden // heads)
        layer = 2 * hidden * heads * width + 2 * hidden * kv_heads * width + 3 * hidden * config["intermediate_size"]
        n_weights = config["num_hidden_layers"] * layer + config["vocab_size"] * hidden
        lengths = [len(json.loads(line)["input_ids"]) for line in self.data.read_text().splitlines()]
        return sum(n * (1 + 2 * n_weights) + n * (n + 1) / 2 * 4 * config["num_hidden_layers"] * heads * width for n in lengths)

    def test_tells_units_and_work_of_each_instance(self):
        done = self.dry("new")
        self.assertFalse(self.out("new").exists())
        rows = self.table(done)
        self.assertEqual([rows[name][0] for name in INSTANCES], [6, 6, 6, 18])
        self.assertAlmostEqual(rows["Baseline"][1] / self.predicted(), 1, delta=0.006)  # three digits are printed
        self.assertAlmostEqual(sum(rows[name][1] for name in INSTANCES[:3]) / rows["all"][1], 1, delta=0.02)
        self.assertEqual({row[2] for row in rows.values()}, {"-"})
        self.assertIn("samples    6, ", done.stdout)
        self.assertIn("weights", done.stdout)

    def test_of_a_run_that_has_begun_it_tells_what_is_left_and_how_long_that_takes(self):
        self.run_once("begun", "--max_samples", 4, methods=METHODS)
        rows = self.table(self.dry("begun", "--resume"))
        self.assertEqual([rows[name][0] for name in INSTANCES], [2, 2, 2, 6])
        self.assertNotIn("-", {row[2] for row in rows.values()})
        rows = self.table(self.dry("begun", "--resume", "--max_samples", 4))
        self.assertEqual([rows[name][0] for name in INSTANCES], [0, 0, 0, 0])
        rows = self.table(self.dry("begun", "--overwrite"))
        self.assertEqual([rows[name][0] for name in INSTANCES], [6, 6, 6, 18])

    def test_refuses_what_a_run_refuses(self):
        self.run_once("refused", "--max_samples", 2, methods=METHODS)
        for words, code, flags, options in (
                ("of an earlier run; --resume goes on with it", 2, (), {}),
                ("chunk_size: was 1, is 4", 2, ("--resume", "--chunk_size", 4), {}),
                ("a run only grows. Missing:\n  knorm", 2, ("--resume",), {"methods": "random"}),
                ("cannot be opened", 5, ("--resume",), {"data": self.folder / "absent.jsonl"}),
                ("--dry_run: ", 2, ("--resume",), {"ranks": 2})):
            self.assertIn(words, self.dry("refused", *flags, code=code, **options).stderr)
        self.assertIn("config.json", self.dry("new", code=None, model=self.folder).stderr)
        with open(self.out("refused") / "LOCK", "r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("is in use by", self.dry("refused", "--resume", code=3).stderr)

    def test_names_a_folder_that_cannot_be_made(self):
        (self.folder / "file").write_text("no folder")
        self.assertIn(f"{self.folder / 'file'}: is no folder", self.dry("file/out", code=4).stderr)

    def test_a_threshold_that_is_to_be_found_is_not_looked_for(self):
        done = self.dry("sought", "--target_density", 0.6, methods="kvzap:sliding_window_size=4")
        self.assertIn("1 threshold to be found first (--target_density)", done.stdout)
        self.assertIn("cannot be reached", self.dry("sought", "--target_density", 0.0001, methods="kvzap", code=2).stderr)


if __name__ == "__main__":
    main(sys.argv)
