#!/usr/bin/env python3
"""A run that is asked for more: growth_test.py BUILD_FOLDER [unittest options]"""
import json
import random
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from growing_runs import GrowingTest, instances_first, random_growth, samples_first
from kvcompare_runs import RunsTest, main
from thorough import tries


class Orders(GrowingTest):
    def grown(self, out, steps, *arguments, **options):
        histories = self.grow(out, steps, *arguments, **options)
        return self.assert_grown(out, histories)

    def test_instances_first_or_samples_first_ends_in_the_bytes_of_one_run(self):
        for out, steps in (("instances", instances_first(self.n_samples)), ("samples", samples_first(self.n_samples))):
            self.assertEqual(self.grown(out, steps)["recomputed"], 0)
            grown = [record["grown"]["n_samples"] for record in self.journal(out) if "grown" in record]
            self.assertEqual(grown, [n for _, n in steps[1:]])

    def test_in_any_order_it_ends_in_the_bytes_of_one_run(self):
        for seed in range(tries(2, 5)):
            print(f"seed {seed}", file=sys.stderr)
            steps = random_growth(random.Random(seed), self.n_samples)
            self.assertEqual(self.grown(f"seed{seed}", steps)["recomputed"], 0)

    def test_stopped_or_killed_anywhere_it_ends_in_the_bytes_of_one_run(self):
        for seed in range(100, tries(102, 106)):
            print(f"seed {seed}", file=sys.stderr)
            choose = random.Random(seed)
            number = (signal.SIGUSR1, signal.SIGKILL)[seed % 2]
            verdict = self.grown(f"disturbed{seed}", random_growth(choose, self.n_samples), choose, disturbances=(number,))
            if number == signal.SIGUSR1:
                self.assertEqual(verdict["recomputed"], 0)



TOKENIZER = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
             "post_processor": None, "decoder": None,
             "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                       "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                       "vocab": {token: i for i, token in enumerate(["<unk>", *"abcdefgh "])}, "merges": []}}


class BegunRun(RunsTest):
    """A run of two instances on eight samples that is complete, in the folder "begun"."""

    n_samples = 8
    begun = "random,streaming_llm"
    more = "random,random:seed=2,streaming_llm,knorm"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole_data = cls.folder / "whole.jsonl"
        cls.write_data(cls.whole_data, 12)
        cls().run_once("begun", methods=cls.begun)

    def runTest(self):  # so that setUpClass can run the program
        pass

    def files(self, out):
        return {file.name: file.read_bytes() for file in self.out(out).iterdir() if file.name != "LOCK"}

    def fresh(self, out):
        shutil.rmtree(self.out(out), ignore_errors=True)
        self.copy("begun", out)
        return out

    def changed_copy(self, folder, name):
        """Another model: its last weight is a quarter."""
        shutil.copytree(folder, self.folder / name)
        self.change_last_weight(self.folder / name, 0.25)
        return self.folder / name

    def change_last_weight(self, folder, value):
        weights = bytearray((folder / "model.safetensors").read_bytes())
        weights[-4:] = struct.pack("<f", value)
        (folder / "model.safetensors").write_bytes(weights)

    def finalize(self, out):
        return subprocess.run([self.build / "kvcompare", "finalize", self.out(out)], capture_output=True, text=True)

    def n_grown(self, out):
        return sum("grown" in record for record in self.journal(out))


class Refuses(BegunRun):
    def refused(self, *words, flags=(), out="begun", code=2, **options):
        before = self.files(out)
        options = {"methods": self.more, "data": self.whole_data, **options}
        done = self.run_once(out, "--resume", *flags, code=code, **options)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(self.files(out), before)

    def test_less_naming_what_is_missing(self):
        self.refused("a run only grows. Missing:\n  streaming_llm:policy=ratio:compression_ratio=0.5:n_sink=4\ngive",
                     methods="random,knorm")
        self.refused("Missing:\n  random:policy=ratio:compression_ratio=0.5:seed=42\n"
                     "  streaming_llm:policy=ratio:compression_ratio=0.5:n_sink=4\ngive", flags=["--compression_ratio", "0.25,0.75"])
        self.refused("the run has 8 samples, and only 7 are asked for now; a run only grows", flags=["--max_samples", 7])
        short = self.folder / "short.jsonl"
        self.write_data(short, 5)
        self.refused("the run has 8 samples, and only 5 are asked for now", data=short)

    def test_drift_by_name_though_more_is_asked_for(self):
        self.refused("  model: was ", model=self.changed_copy(self.model, "other_model"))
        lines = self.whole_data.read_text().splitlines(keepends=True)
        other = self.folder / "other.jsonl"
        for swapped in ([1, 0, *range(2, 12)], [*range(7), 8, 7, *range(9, 12)]):
            other.write_text("".join(lines[i] for i in swapped))
            self.refused("  data: was ", data=other)
        for flags, word in ((["--dtype", "float64"], "dtype: was float32, is float64"),
                            (["--chunk_size", "4"], "chunk_size: was 1, is 4"),
                            (["--engine", "stepwise"], "engine: was layerwise, is stepwise"),
                            (["--max_length", "100"], "max_length: was 8192, is 100"),
                            (["--save_token_nll"], "save_token_nll: was false, is true"),
                            (["--skip_bad_lines"], "skip_bad_lines: was false, is true")):
            self.refused(word, flags=flags)

    def test_another_scorer_is_another_instance(self):
        scorer = self.changed_copy(self.model / "scorer", "other_scorer")
        self.run_once("scored", methods="kvzap")
        self.refused("Missing:\n  kvzap:policy=threshold", out="scored", methods="kvzap,random", scorer=scorer)
        self.run_once("scored", "--resume", methods="kvzap,random", scorer=f"{self.model / 'scorer'},{scorer}", data=self.whole_data)
        self.run_once("scored_once", methods="kvzap,random", scorer=f"{self.model / 'scorer'},{scorer}", data=self.whole_data)
        self.assert_same_results("scored", "scored_once")

    def test_another_tokenizer_even_if_the_ids_so_far_are_the_same(self):
        model = self.folder / "with_tokenizer"
        shutil.copytree(self.model, model)
        texts = self.folder / "texts.jsonl"
        rows = ["".join("abcdefgh "[(i * k + i // 3) % 9] for i in range(1, 30)) for k in range(1, 7)]
        texts.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
        (model / "tokenizer.json").write_text(json.dumps(TOKENIZER))
        options = {"model": model, "data": texts}
        self.run_once("texts", "--max_samples", 3, methods=self.begun, **options)
        vocabulary = {**TOKENIZER["model"]["vocab"], "x": 99}
        (model / "tokenizer.json").write_text(json.dumps({**TOKENIZER, "model": {**TOKENIZER["model"], "vocab": vocabulary}}))
        self.refused("  tokenizer: was ", out="texts", **options)
        (model / "tokenizer.json").write_text(json.dumps(TOKENIZER))
        self.run_once("texts", "--resume", methods=self.more, **options)
        self.run_once("texts_once", methods=self.more, **options)
        self.assert_same_results("texts", "texts_once")

    def test_ids_and_then_texts_are_one_data_set(self):
        """A run on ids alone says nothing of a tokenizer; from then on the one that the texts need counts."""
        model = self.folder / "later_tokenizer"
        shutil.copytree(self.model, model)
        (model / "tokenizer.json").write_text(json.dumps(TOKENIZER))
        mixed = self.folder / "mixed.jsonl"
        mixed.write_text(self.data.read_text() + json.dumps({"text": "abc def gh abcdefg hgfed"}) + "\n")
        self.run_once(self.fresh("mixed"), "--resume", methods=self.begun, model=model, data=mixed)
        self.run_once("mixed_once", methods=self.begun, model=model, data=mixed)
        self.assert_same_results("mixed", "mixed_once")

    def test_a_folder_whose_journal_is_of_version_2(self):
        out = self.fresh("version2")
        lines = []
        for record in self.journal(out):
            if record["line"] == 1:
                record["version"] = 2
            if "unit" in record:
                record["unit"][1] = ["baseline", "random", "streaming_llm"].index(record["unit"][1].split(":")[0])
            text = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
            lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
        (self.out(out) / "journal.jsonl").write_bytes(b"".join(lines))
        self.refused("is of version 2 of the journal, expected version 3 or 4; finish the run with the kvcompare that began it",
                     out=out, code=5)


class Ends(BegunRun):
    def test_what_cannot_begin_leaves_the_run_as_complete_as_it_was(self):
        scorer = self.folder / "damaged_scorer"
        shutil.copytree(self.model / "scorer", scorer)
        self.change_last_weight(scorer, float("nan"))
        for ranks in (0, 2):
            out = self.fresh("damaged")
            done = self.run_once(out, "--resume", methods=self.begun + ",kvzap", scorer=scorer, ranks=ranks, code=5)
            self.assertIn("holds a NaN", done.stderr)
            self.assertEqual(self.n_grown(out), 0)
            self.assert_same_results(out, "begun")
            self.run_once(out, "--resume", methods=self.begun)
            self.assert_same_results(out, "begun")

    def test_stopped_it_is_not_complete_and_goes_on_only_with_all_that_was_asked_for(self):
        out = self.fresh("stopped")
        process = self.start(out, "--resume", methods=self.more, data=self.whole_data, program="kvcompare_with_faults",
                             environment={"KVCOMPARE_FAULT": "before_dispatch:1:stop"})
        with process.stderr:
            rest = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 75, rest)
        self.assertEqual(self.n_grown(out), 1)
        self.assertFalse((self.out(out) / "COMPLETE").exists())
        done = self.finalize(out)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertRegex(done.stderr, r"\d+ of 60 units")
        self.assertFalse((self.out(out) / "COMPLETE").exists())
        self.assertIn("Missing:", self.run_once(out, "--resume", methods=self.begun, data=self.whole_data, code=2).stderr)
        self.run_once(out, "--resume", methods=self.more, data=self.whole_data)
        self.run_once("once", methods=self.more, data=self.whole_data)
        self.assert_same_results(out, "once")
        self.assertEqual(self.n_grown(out), 1)
        for name in self.final_bytes(out):
            (self.out(out) / name).unlink()
        self.assertEqual(self.finalize(out).returncode, 0)
        self.assert_same_results(out, "once")

    def test_the_same_instances_asked_for_in_other_words_are_no_growth(self):
        out = self.fresh("words")
        log = self.out("words.computed")
        for flags, methods in (((), "random:policy=ratio,streaming_llm:n_sink=4"), (("--policy", "ratio"), self.begun),
                               (("--compression_ratio", "5e-1,.5"), "RandomPress,random:seed=+42,Streaming-LLM"),
                               (("--policy", "threshold"), "random:policy=ratio,streaming_llm:policy=ratio"),
                               (("--threshold", "-3", "--n_future_positions", "9"), self.begun)):
            self.run_once(out, "--resume", "--computed_log", log, *flags, methods=methods)
            self.assert_same_results(out, "begun")
        self.assertEqual(self.n_grown(out), 0)
        self.assertFalse(log.exists())

    def test_minus_nothing_is_nothing(self):
        self.run_once("zero", methods="random:compression_ratio=-0,random:policy=threshold:threshold=-0.0")
        self.run_once("zero", "--resume", methods="random:compression_ratio=0,random:policy=threshold:threshold=0")
        self.assertEqual(self.n_grown("zero"), 0)

    def test_what_changes_no_unit_is_asked_for_anew_without_computing(self):
        for flags, methods in ((("--at_density", "0.3"), self.begun), (("--max_samples", "1000"), self.begun),
                               ((), "streaming_llm,random")):
            out, log = self.fresh("asked"), self.out("asked.computed")
            self.run_once(out, "--resume", "--computed_log", log, *flags, methods=methods)
            shutil.rmtree(self.out("asked_once"), ignore_errors=True)
            self.run_once("asked_once", *flags, methods=methods)
            self.assert_same_results(out, "asked_once")
            self.assertEqual(self.n_grown(out), 1)
            self.assertFalse(log.exists())

    def test_lines_that_are_no_sample_are_told_as_they_are_now(self):
        lines = self.whole_data.read_text().splitlines(keepends=True)
        data = self.folder / "lines.jsonl"
        flags = ("--skip_bad_lines", "--max_length", "30")
        data.write_text("".join(lines[:4]))
        self.run_once("lines", *flags, data=data, methods=self.begun)
        for rows in (['{"bad":1}\n', *lines[:4]],  # the same samples
                     [*lines[:4], '{"bad":1}\n', '{"input_ids":[1]}\n', *lines[4:7], "x\n"]):
            data.write_text("".join(rows))
            self.run_once("lines", "--resume", *flags, data=data, methods=self.begun)
            shutil.rmtree(self.out("lines_once"), ignore_errors=True)
            self.run_once("lines_once", *flags, data=data, methods=self.begun)
            self.assert_same_results("lines", "lines_once")

    def test_a_damaged_line_that_says_that_the_run_grew_can_be_salvaged(self):
        out = self.fresh("salvaged")
        self.run_once(out, "--resume", methods=self.more, data=self.whole_data)
        self.run_once("salvaged_once", methods=self.more, data=self.whole_data)
        file = self.out(out) / "journal.jsonl"
        lines = file.read_bytes().splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if b'"grown"' in line)
        lines[at] = b"?" + lines[at][1:]
        file.write_bytes(b"".join(lines))
        done = self.run_once(out, "--resume", methods=self.more, data=self.whole_data, code=5)
        self.assertIn(f"journal.jsonl:{at + 1}: ", done.stderr)
        self.run_once(out, "--resume", "--salvage", methods=self.more, data=self.whole_data)
        self.assert_same_results(out, "salvaged_once")


if __name__ == "__main__":
    main(sys.argv)
