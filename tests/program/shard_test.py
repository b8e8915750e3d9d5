#!/usr/bin/env python3
"""Runs in shards, and merged: shard_test.py BUILD_FOLDER [unittest options]"""
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, acknowledged_units, main

METHODS = "random,random:seed=7,streaming_llm"
N_INSTANCES = 4
OTHER_ARITHMETIC = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}


class ShardTest(RunsTest):
    n_samples = 8

    def runTest(self):  # so that setUpClass can run the program
        pass

    def shard(self, out, number, n, *flags, **options):
        return self.run_once(out, "--shard", f"{number}/{n}", *flags, **{"methods": METHODS, **options})

    def shards(self, name, n, *flags, **options):
        outs = [f"{name}{number}of{n}" for number in range(1, n + 1)]
        for number, out in enumerate(outs, 1):
            self.shard(out, number, n, *flags, **options)
        return outs

    def merge(self, out, shards, *flags, code=0):
        done = subprocess.run([self.build / "kvcompare", "merge", "--output_dir", self.out(out), *map(self.out, shards), *flags],
                              capture_output=True, text=True, env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def files(self, out):
        return {file.name: file.read_bytes() for file in self.out(out).iterdir() if file.name != "LOCK"}

    def page(self, out):
        """report.html without what belongs to sessions: places, dates, seconds."""
        text = (self.out(out) / "report.html").read_text()
        text = text.replace(str(self.out(out)), "OUT")
        return re.sub(r'"(sessions|seconds|command_line|started|finished)":(\[.*?\]|"[^"]*"|[-+.e0-9]+)', "", text)


class Merged(ShardTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.flags = ("--save_token_nll", "--save_tokens")
        cls().run_once("whole", *cls.flags, methods=METHODS)

    def test_the_bytes_of_one_run(self):
        for n in (2, 3, 9):  # the last shard of 9 holds no sample
            outs = self.shards("part", n, *self.flags)
            self.merge(f"merged{n}", reversed(outs))
            self.assert_same_results(f"merged{n}", "whole")
        for number, out in enumerate(self.shards("part", 3, *self.flags, "--resume"), 1):
            units = acknowledged_units(self.out(out) / "journal.jsonl")
            samples = [sample for sample in range(self.n_samples) if sample % 3 == number - 1]
            self.assertEqual({sample for sample, _ in units}, set(samples))
            self.assertEqual(len(units), len(samples) * N_INSTANCES)
            self.assertEqual(json.loads((self.out(out) / "COMPLETE").read_text())["shard"], f"{number}/3")
            self.assertEqual(set(self.files(out)), {"journal.jsonl", "COMPLETE"})

    def test_a_merged_run_grows_and_can_be_made_again(self):
        outs = self.shards("small", 2, "--max_samples", 5, *self.flags)
        self.merge("grown", outs)
        self.run_once("grown", "--resume", *self.flags, methods=METHODS)
        self.assert_same_results("grown", "whole")
        before = self.final_bytes("grown")
        subprocess.run([self.build / "kvcompare", "finalize", self.out("grown")], check=True, capture_output=True)
        self.assertEqual(self.final_bytes("grown"), before)

    def test_shards_grow_each_by_itself(self):
        for number in (1, 2):
            self.shard(f"grows{number}", number, 2, "--max_samples", 3, *self.flags, methods="random")
            self.shard(f"grows{number}", number, 2, "--resume", *self.flags)
        self.merge("grown_shards", ["grows1", "grows2"])
        self.assert_same_results("grown_shards", "whole")

    def test_a_killed_shard_goes_on(self):
        process = self.start("killed", "--shard", "1/2", *self.flags, methods=METHODS, program="kvcompare_with_faults",
                             environment={"KVCOMPARE_FAULT": "before_journal_write:12:kill9"})
        with process.stderr:
            rest = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), -signal.SIGKILL, rest)
        self.shard("other", 2, 2, *self.flags)
        said = self.merge("merged_killed", ["killed", "other"], code=2).stderr
        self.assertRegex(said, r"shard 1/2 in \S+killed is not complete: \d+ of 16 units are done; its command with --resume")
        self.assertFalse(self.out("merged_killed").exists())
        self.shard("killed", 1, 2, "--resume", *self.flags)
        self.merge("merged_killed", ["killed", "other"])
        self.assert_same_results("merged_killed", "whole")

    def test_a_seed_draws_the_same_samples_for_every_shard(self):
        flags = ("--shuffle_seed", 3, "--max_samples", 5)
        self.run_once("drawn", *flags, methods=METHODS)
        self.merge("drawn_merged", self.shards("drawn", 2, *flags))
        self.assert_same_results("drawn_merged", "drawn")

    def test_samples_without_a_scored_token_and_bad_lines(self):
        data = self.folder / "odd.jsonl"
        lines = self.data.read_text().splitlines(keepends=True)
        data.write_text(lines[0] + '{"input_ids": [1]}\n' + lines[1] + "no json\n" + "".join(lines[2:4]) + '{"input_ids": [2]}\n')
        flags = ("--skip_bad_lines", "--max_length", 20)
        self.run_once("odd", *flags, data=data, methods=METHODS)
        self.merge("odd_merged", self.shards("odd", 3, *flags, data=data))
        self.assert_same_results("odd_merged", "odd")

    def test_a_threshold_is_found_on_the_whole_data_set(self):
        options = {"methods": "kvzap:sliding_window_size=4:target_density=0.6"}
        self.run_once("sought", **options)
        self.merge("sought_merged", self.shards("sought", 2, **options))
        self.assert_same_results("sought_merged", "sought")

    def test_the_page_shows_the_same(self):
        self.merge("paged", self.shards("paged", 2, *self.flags))
        self.assertEqual(self.page("paged"), self.page("whole"))


class Refused(ShardTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().shards("part", 3)

    def refused(self, shards, *words, out="refused", flags=(), code=2):
        said = self.merge(out, shards, *flags, code=code).stderr
        for word in words:
            self.assertIn(word, said)

    def test_shards_that_do_not_belong_together(self):
        parts = ["part1of3", "part2of3", "part3of3"]
        self.refused(parts[:2], "1 shard of 3 is missing, the first of them 3/3")
        self.refused(parts[1:2], "2 shards of 3 are missing, the first of them 1/3")
        self.copy(parts[1], "again")
        self.refused([*parts, "again"], "shard 2/3 is there twice", "part2of3", "again")
        self.shard("of_two", 2, 2)
        self.refused([parts[0], "of_two"], f"number of shards: 3 in {self.out(parts[0])}, 2 in {self.out('of_two')}")
        self.shard("other_chunk", 2, 3, "--chunk_size", 4)
        self.refused([parts[0], "other_chunk"], f"chunk_size: 1 in {self.out(parts[0])}, 4 in {self.out('other_chunk')}")
        self.shard("other_data", 2, 3, "--max_samples", 6)
        self.refused([parts[0], "other_data"], "data: ", "max_samples: absent in", "number of samples: 8 in")
        self.shard("other_method", 2, 3, methods="random")
        self.refused([parts[0], "other_method"], "methods.2.name: random in")
        self.assertFalse(self.out("refused").exists())

    def test_what_is_no_shard(self):
        self.run_once("whole", methods=METHODS)
        self.refused(["part1of3", "whole"], f"{self.out('whole')} holds no shard but a whole run")
        self.refused(["part1of3", "absent"], f"{self.out('absent')} holds no journal.jsonl")
        parts = ["part1of3", "part2of3", "part3of3"]
        before = self.files("part1of3")
        self.refused(parts, "is the folder of a shard", out="part1of3", flags=["--overwrite"])
        self.assertEqual(self.files("part1of3"), before)
        self.refused(parts, "holds COMPLETE of an earlier run; --overwrite removes it", out="whole")
        self.merge("whole", parts, "--overwrite")
        self.run_once("once", methods=METHODS)
        self.assert_same_results("whole", "once")

    def test_another_shard_in_the_folder(self):
        for flags in (["--shard", "2/3"], ["--shard", "1/2"], []):
            said = self.run_once("part1of3", "--resume", *flags, methods=METHODS, code=2).stderr
            self.assertIn("shard: was 1/3, is " + (flags[1] if flags else "absent"), said)
        self.run_once("all", methods=METHODS)
        self.assertIn("shard: was absent, is 1/3",
                      self.run_once("all", "--resume", "--shard", "1/3", methods=METHODS, code=2).stderr)

    def test_counts_that_are_none(self):
        for text in ("0/3", "4/3", "3", "1/0", "a/b"):
            self.assertIn("give I/N", self.run_once("none", "--shard", text, methods=METHODS, code=2).stderr)

    def test_a_shard_has_no_results(self):
        for subcommand in ("report", "inspect", "verify"):
            done = subprocess.run([self.build / "kvcompare", subcommand, self.out("part1of3")], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("holds shard 1/3 of a run, which has no results", done.stderr)

    def test_a_dry_run_counts_the_units_of_the_shard(self):
        done = self.run_once("dry", "--shard", "3/3", "--dry_run", methods=METHODS)
        self.assertIn("shard 3/3 holds 2", done.stdout)
        self.assertEqual(done.stdout.split("\nall ")[1].split()[0], str(2 * N_INSTANCES))

    def test_other_arithmetic(self):
        shutil.rmtree(self.out("elsewhere"), ignore_errors=True)
        self.shard("elsewhere", 2, 3, environment=OTHER_ARITHMETIC)
        told = [record["numerics"] for record in self.journal("elsewhere") if "numerics_place" in record]
        if told == [record["numerics"] for record in self.journal("part1of3") if "numerics_place" in record]:
            self.skipTest("this machine has one kind of arithmetic alone")
        parts = ["part1of3", "elsewhere", "part3of3"]
        self.refused(parts, "were computed with other arithmetic than those in", "--allow_mixed_hardware")
        self.merge("mixed", parts, "--allow_mixed_hardware")
        numerics = json.loads((self.out("mixed") / "detailed_results.json").read_text())
        self.assertIn("mixed_hardware", json.dumps(numerics))


if __name__ == "__main__":
    main(sys.argv)
