#!/usr/bin/env python3
"""kvcompare train_kvzap as a user runs it: train_kvzap_test.py BUILD_FOLDER [unittest options]"""
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, descendants, main, wait_until_gone
from thorough import tries

ASSETS = os.environ.get("KVCOMPARE_TEST_ASSETS")
SCORER = ("config.json", "model.safetensors", "training.json", "COMPLETE")


class TrainingTest(RunsTest):
    n_samples = 12
    DEFAULTS = {"--min_tokens": "15", "--max_tokens": "30", "--repeat_prompt": "none", "--hidden_dim": "8",
                "--epochs": "4", "--batch_size": "16"}

    def training(self, out, *flags, ranks=0, program="kvcompare", model=None, data=None):
        mpirun = ["mpirun", "-n", str(ranks)] if ranks else []
        given = [str(flag) for flag in flags]
        defaults = [word for name, value in self.DEFAULTS.items() if name not in given for word in (name, value)]
        return [*mpirun, str(self.build / program), "train_kvzap", "--model_name", str(model or self.model), "--data_path",
                str(data or self.data), "--output", str(self.out(out)), *defaults, *given]

    def train(self, out, *flags, code=0, environment=None, **options):
        done = subprocess.run(self.training(out, *flags, **options), capture_output=True, text=True, timeout=120,
                              env=self.environment(**(environment or {})))
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr)
        return done

    def assert_same_scorer(self, out, expected):
        for name in SCORER:
            self.assertEqual((self.out(out) / name).read_bytes(), (self.out(expected) / name).read_bytes(), name)

    def files(self, out):
        return {path.name for path in self.out(out).iterdir()}


class Trains(TrainingTest):
    def test_both_kinds_tells_how_well_and_leaves_a_scorer_that_kvcompare_uses(self):
        for kind in ("mlp", "linear"):
            done = self.train(kind, "--kvzap_model_type", kind)
            rows = re.findall(r"^ +(\d+) +(-?\d+\.\d{4})  (-?\d+\.\d{4}) (-?\d+\.\d{4})$", done.stdout, re.MULTILINE)
            self.assertEqual([row[0] for row in rows], ["0", "1", "2"], done.stdout)
            record = json.loads((self.out(kind) / "training.json").read_text())
            for row, heads in zip(rows, record["held_out_r_squared"]):
                self.assertAlmostEqual(float(row[1]), sum(heads) / 2, delta=6e-5)
                self.assertAlmostEqual(float(row[3]), heads[1], delta=6e-5)
            self.assertEqual((record["n_prompts"], record["n_held_out"]), (12, 1))
            self.assertEqual(self.files(kind), {"LOCK", *SCORER})
            self.run_once(f"compare-{kind}", "--kvzap_model_type", kind, methods="kvzap", scorer=self.out(kind))


class TrainsOnAssets(TrainingTest):
    @unittest.skipUnless(ASSETS, "KVCOMPARE_TEST_ASSETS is not set")
    def test_a_model_with_a_tokenizer_and_texts(self):
        done = self.train("stories", "--min_tokens", "100", "--max_tokens", "200", "--max_samples", "40", "--repeat_prompt",
                          "\\n\\nOnce more:\\n", model=Path(ASSETS, "models/stories260K"),
                          data=Path(ASSETS, "text/tinystories.jsonl"))
        means = [float(row) for row in re.findall(r"^ +\d+ +(-?\d+\.\d{4}) ", done.stdout, re.MULTILINE)]
        self.assertEqual(len(means), 5)
        # A trained model's scores can be told from its hidden states: better than their mean in every layer.
        self.assertGreater(min(means), 0, done.stdout)


class SameBytes(TrainingTest):
    def test_whatever_the_number_of_threads_and_ranks(self):
        for kind in ("mlp", "linear"):
            self.train(f"{kind}-one", "--kvzap_model_type", kind, "--threads", "1")
            self.train(f"{kind}-three", "--kvzap_model_type", kind, "--threads", "3")
            self.assert_same_scorer(f"{kind}-three", f"{kind}-one")
            for ranks in (2, 3):
                self.train(f"{kind}-ranks{ranks}", "--kvzap_model_type", kind, ranks=ranks)
                self.assert_same_scorer(f"{kind}-ranks{ranks}", f"{kind}-one")
            self.train(f"{kind}-dedicated", "--kvzap_model_type", kind, "--dedicated_coordinator", ranks=2)
            self.assert_same_scorer(f"{kind}-dedicated", f"{kind}-one")

    def test_but_not_of_another_seed(self):
        self.train("seed42")
        self.train("seed43", "--seed", "43")
        self.assertNotEqual((self.out("seed42") / "model.safetensors").read_bytes(),
                            (self.out("seed43") / "model.safetensors").read_bytes())


class Resumes(TrainingTest):
    # Where a training can be hit, and what the process then ends with.
    POINTS = ("after_lock", "before_dispatch", "worker_before_send", "before_journal_write", "before_rename",
              "after_sync_before_ack", "before_finalize")
    ACTIONS = {"kill9": {-signal.SIGKILL}, "enospc": {4}, "stop": {75, 0}}

    def test_after_every_fault_to_the_same_weights(self):
        for kind in tries(("mlp",), ("mlp", "linear")):
            flags = ("--kvzap_model_type", kind, "--threads", "1", "--log_level", "error")
            self.train(f"{kind}-undisturbed", *flags)
            n_faults = 0
            for point in self.POINTS:
                for action, codes in self.ACTIONS.items():
                    n = 1
                    while self.happens(f"{kind}-undisturbed", f"{kind}-{point}-{n}-{action}", (point, n, action), codes, flags):
                        n += tries(12, 4 if n > 4 else 1)  # the places repeat prompt by prompt
                        n_faults += 1
            print(f"{kind}: {n_faults} faults", file=sys.stderr)
            self.assertGreater(n_faults, tries(15, 60))

    def happens(self, expected, out, fault, codes, flags):
        log = self.out(out + ".faults")
        environment = {"KVCOMPARE_FAULT": "{}:{}:{}".format(*fault), "KVCOMPARE_FAULT_LOG": str(log)}
        done = self.train(out, *flags, program="kvcompare_with_faults", code=None, environment=environment)
        if not log.exists():
            self.assertEqual(done.returncode, 0, f"{out}: {done.stderr}")
            return False
        self.assertIn(done.returncode, codes, f"{out}: {done.stderr}")
        self.train(out, *flags, "--resume", program="kvcompare_with_faults", environment=environment)
        self.assert_same_scorer(out, expected)
        self.assertEqual(self.files(out), {"LOCK", *SCORER})
        return True

    def test_with_other_ranks_after_kills(self):
        self.train("whole", "--epochs", "200")
        for ranks, seconds in ((2, 0.4), (3, 0.6), (0, 0.3), (2, 1.0)):
            process = subprocess.Popen(self.training("killed", "--epochs", "200", "--resume", ranks=ranks),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment())
            time.sleep(seconds)
            pids = [process.pid, *descendants(process.pid)]
            process.kill()
            process.wait(timeout=60)
            self.assertTrue(wait_until_gone(pids), "a process lives on")
        self.train("killed", "--epochs", "200", "--resume", ranks=2)
        self.assert_same_scorer("killed", "whole")

    def test_a_complete_one_is_left_as_it_is(self):
        self.train("complete")
        before = (self.out("complete") / "model.safetensors").stat().st_mtime_ns
        for ranks in (0, 2):
            self.assertIn("complete already", self.train("complete", "--resume", ranks=ranks).stdout)
        self.assertEqual((self.out("complete") / "model.safetensors").stat().st_mtime_ns, before)


class Refuses(TrainingTest):
    def refused(self, code, *words, flags=(), out="refused", **options):
        done = self.train(out, *flags, code=code, **options)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stderr.count("kvcompare: error:"), 1, done.stderr)

    def test_too_little_data(self):
        self.refused(5, "data.jsonl", "0 of its 12 samples have min_tokens = 400", "two are needed",
                     flags=("--min_tokens", "400", "--max_tokens", "400"))
        # 11 prompts of a position each, 48 channels.
        self.refused(5, "gives 11 positions of 11 prompts", "the 48 channels", "about 48 such prompts",
                     flags=("--positions_per_prompt", "1"))
        self.refused(5, "two are needed", flags=("--min_tokens", "400", "--max_tokens", "400"), ranks=2)

    def test_another_training_in_the_folder(self):
        self.train("used")
        before = (self.out("used") / "model.safetensors").read_bytes()
        self.refused(2, "holds COMPLETE", "--resume", out="used")
        self.refused(2, "epochs: was 4, is 5", "seed: was 42, is 1", out="used",
                     flags=("--epochs", "5", "--seed", "1", "--resume"))
        self.write_data(self.folder / "other.jsonl", 11)
        self.refused(2, "data: was ", out="used", flags=("--resume",), data=self.folder / "other.jsonl")
        self.assertEqual((self.out("used") / "model.safetensors").read_bytes(), before)

    def test_what_is_no_training(self):
        self.out("foreign").mkdir()
        (self.out("foreign") / "training.json").write_text("{}")
        self.refused(5, "training.json: is not what kvcompare train_kvzap writes", out="foreign", flags=("--resume",))
        (self.out("model-folder")).mkdir()
        (self.out("model-folder") / "config.json").write_text("{}")
        self.refused(2, "holds config.json", out="model-folder")

    def test_a_scorer_of_another_model(self):
        self.train("scorer")
        other = self.folder / "qwen2"
        subprocess.run([self.build / "write_tiny_model", "qwen2", other], check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run([self.build / "kvcompare", "--model_name", other, "--data_path", other / "data.jsonl",
                               "--methods", "kvzap", "--kvzap_scorer_model", self.out("scorer"), "--output_dir",
                               self.out("compared")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 5)
        self.assertIn("input_dim: is 48, but the model's hidden_size is 56", done.stderr)

    def test_prompts_beyond_a_sliding_window(self):
        model = self.folder / "windowed"
        subprocess.run([self.build / "write_tiny_model", "mistral", model], check=True, stdout=subprocess.DEVNULL)
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "sliding_window": 40}))
        self.refused(5, "a prompt with its repetition has 60 tokens, more than the model's sliding window of 40",
                     "a smaller --max_tokens", model=model, data=model / "data.jsonl")

    def test_flags(self):
        self.refused(2, "--max_tokens: is 10, less than --min_tokens 15", flags=("--max_tokens", "10"))
        self.refused(2, "--held_out", "between 0 and 1", flags=("--held_out", "1"))
        self.refused(2, "--kvzap_model_type", "mlp or linear", flags=("--kvzap_model_type", "tree"))
        done = subprocess.run([self.build / "kvcompare", "train_kvzap", "--model_name", "x", "--data_path", "y"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--output: is missing", done.stderr)

    def test_a_second_training_in_the_same_folder(self):
        first = subprocess.Popen(self.training("busy", "--epochs", "100000"), stderr=subprocess.PIPE, text=True,
                                 stdout=subprocess.DEVNULL, env=self.environment())
        while not (self.out("busy") / "training.json").exists():
            self.assertIsNone(first.poll())
            time.sleep(0.01)
        self.refused(3, f"process {first.pid}", out="busy")
        first.send_signal(signal.SIGTERM)
        self.assertIn("--resume", first.communicate(timeout=60)[1])
        self.assertEqual(first.returncode, 75)


if __name__ == "__main__":
    main(sys.argv)
