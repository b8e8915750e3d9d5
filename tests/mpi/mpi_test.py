#!/usr/bin/env python3
"""Real mpirun: mpi_test.py BUILD_FOLDER [unittest options]"""
import json
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from growing_runs import GrowingTest, random_growth
from kvcompare_runs import N_METHODS, Histories, RunsTest, descendants, main, wait_until_gone, write_endless_model
from thorough import tries


class SameBytes(RunsTest):
    def test_whatever_the_number_of_workers_and_ranks(self):
        self.run_once("alone", "--save_token_nll")
        self.run_once("workers2", "--save_token_nll", "--workers", "2")
        self.assert_same_results("workers2", "alone")
        for ranks in (1, 2, 3, 4, 8):
            self.run_once(f"ranks{ranks}", "--save_token_nll", ranks=ranks)
            self.assert_same_results(f"ranks{ranks}", "alone")
            session = json.loads((self.out(f"ranks{ranks}") / "run.json").read_text())["sessions"][0]
            self.assertEqual((session["processes"], session["workers"]), (ranks, ranks))
        for ranks in (2, 4):
            self.run_once(f"dedicated{ranks}", "--save_token_nll", "--dedicated_coordinator", ranks=ranks)
            self.assert_same_results(f"dedicated{ranks}", "alone")
            session = json.loads((self.out(f"dedicated{ranks}") / "run.json").read_text())["sessions"][0]
            self.assertEqual(session["workers"], ranks - 1)
            self.assertEqual({r["worker"] for r in self.journal(f"dedicated{ranks}") if "unit" in r} - {*range(1, ranks)}, set())

    def test_whatever_the_engine_and_when_ranks_come_and_go(self):
        self.run_once("stepwise", "--engine", "stepwise")
        out = "changing"
        for ranks in (1, 4):
            process = self.start(out, "--engine", "stepwise", "--resume", ranks=ranks)
            done = len(self.journal(out)) if (self.out(out) / "journal.jsonl").exists() else 0
            self.wait_for_units(out, done + 15, process)
            process.send_signal(signal.SIGUSR1)
            rest = process.stderr.read()
            self.assertEqual(process.wait(timeout=60), 75, rest)
        self.run_once(out, "--engine", "stepwise", "--resume", ranks=2)
        self.assert_same_results(out, "stepwise")
        sessions = json.loads((self.out(out) / "run.json").read_text())["sessions"]
        self.assertEqual([s["processes"] for s in sessions], [1, 4, 2])


class Grows(GrowingTest):
    def test_with_other_ranks_at_each_step_disturbed_or_not_it_ends_in_the_bytes_of_one_run(self):
        for seed in range(200, tries(203, 206)):
            print(f"seed {seed}", file=sys.stderr)
            choose = random.Random(seed)
            numbers = ((None,), (signal.SIGUSR1,), (signal.SIGKILL,))[seed % 3]
            out = f"grows{seed}"
            histories = self.grow(out, random_growth(choose, self.n_samples), choose, ranks=(0, 1, 2, 3), disturbances=numbers)
            verdict = self.assert_grown(out, histories)
            if signal.SIGKILL not in numbers:
                self.assertEqual(verdict["recomputed"], 0)


class OtherModelOnRank1(RunsTest):
    """Two ranks; rank 1 reads the model in $OTHER where the command line says $MODEL, as if it were on another host."""

    def command_with_other_model(self, out, *flags):
        script = self.folder / "rank.sh"
        script.write_text('#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" = 1 ] && set -- "$1" --model_name "$OTHER" "$@" || set -- "$1" "$@"\n'
                          'program=$1; shift 1; [ "$1" = --model_name ] && { shift; other=$1; shift; shift; '
                          'for a; do shift; [ "$a" = "$MODEL" ] && a=$other; set -- "$@" "$a"; done; } || shift\nexec "$program" "$@"\n')
        script.chmod(0o755)
        command = self.command(out, *flags, ranks=2)
        command.insert(3, str(script))
        return command


class StartUp(OtherModelOnRank1):
    def refused(self, code, *words, flags=(), out="refused", **options):
        start = time.monotonic()
        done = self.run_once(out, *flags, ranks=3, code=code, **options)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stderr.count("kvcompare: error:"), 1, done.stderr)
        self.assertLess(time.monotonic() - start, 60)
        self.assertFalse((self.out(out) / "COMPLETE").exists())

    def test_what_the_coordinator_finds_wrong_ends_all_ranks_with_one_message_and_its_code(self):
        self.refused(5, "cannot be opened", data=self.folder / "nowhere.jsonl")
        self.refused(2, "model_name", model=self.folder / "nowhere")
        (self.folder / "file").write_text("")
        self.refused(4, "file/below", out="file/below")

    def test_an_error_of_the_command_line_is_told_once(self):
        self.refused(2, "chunk_size", flags=["--chunk_size", "none"], out="command_line")

    def test_what_a_worker_finds_wrong_ends_all_ranks_too(self):
        model = self.folder / "nan"
        shutil.copytree(self.model, model)
        weights = bytearray((model / "model.safetensors").read_bytes())
        weights[-4:] = b"\xff\xff\xff\xff"
        (model / "model.safetensors").write_bytes(weights)
        self.refused(5, "model.safetensors", flags=["--dedicated_coordinator"], model=model)

    def test_what_other_libraries_throw_is_told_too_and_ends_all_ranks(self):
        for point, flags in (("after_lock:1", []), ("before_dispatch:1", []), ("after_sync_before_ack:2", ["--engine", "stepwise"])):
            self.refused(1, "kvcompare: error: fault point " + point.split(":")[0], out=point, flags=flags,
                         program="kvcompare_with_faults", environment={"KVCOMPARE_FAULT": point + ":fail_unit"})

    def test_a_rank_that_reads_another_model_is_refused(self):
        other = self.folder / "other"
        shutil.copytree(self.model, other)
        weights = bytearray((other / "model.safetensors").read_bytes())
        weights[-4:] = b"\x00\x00\x80\x3e"
        (other / "model.safetensors").write_bytes(weights)
        done = subprocess.run(self.command_with_other_model("different"), capture_output=True, text=True, timeout=120,
                              env=self.environment(OTHER=str(other), MODEL=str(self.model)))
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("has read another model", done.stderr)

    def test_srun_without_pmix_is_told_what_to_do(self):
        done = self.run_once("srun", code=2, environment={"SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "4"})
        self.assertIn("srun --mpi=pmix", done.stderr)


class Stops(OtherModelOnRank1):
    n_samples = 24

    def test_sigusr1_to_mpirun_loses_nothing_and_computes_nothing_twice(self):
        self.run_once("undisturbed", "--engine", "stepwise", ranks=2)
        log = self.out("computed")
        process = self.start("stopped", "--engine", "stepwise", "--resume", "--computed_log", log, ranks=3)
        self.wait_for_units("stopped", 20, process)
        process.send_signal(signal.SIGUSR1)
        rest = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 75, rest)
        self.run_once("stopped", "--engine", "stepwise", "--resume", "--computed_log", log, ranks=2)
        self.assert_same_results("stopped", "undisturbed")
        self.assertEqual(Histories(self.out("stopped"), log).verdict(),
                         {"units": self.n_samples * N_METHODS, "lost": 0, "recomputed": 0, "differing": 0})

    def test_does_not_wait_for_a_rank_that_is_still_loading(self):
        other = self.folder / "large"
        write_endless_model(other, self.model / "config.json")
        process = subprocess.Popen(self.command_with_other_model("loading"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True, env=self.environment(OTHER=str(other), MODEL=str(self.model)))
        self.wait_for_units("loading", 3, process)  # header, session, numerics: rank 0's own worker is ready
        process.send_signal(signal.SIGUSR1)
        begun = time.monotonic()
        rest = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 75, rest)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertIn("run again with --resume", rest)

    def test_sigint_to_mpirun_leaves_the_words_and_a_run_that_goes_on(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            out = f"interrupted{number}"
            process = self.start(out, "--engine", "stepwise", ranks=2)
            self.wait_for_units(out, 20, process)
            process.send_signal(number)
            rest = process.stderr.read()
            self.assertEqual(process.wait(timeout=60), 1, rest)  # mpirun's own code, whatever the ranks return
            self.assertIn("interrupted: no new unit is begun; what is done is safe; run again with --resume", rest)
            self.run_once(out, "--engine", "stepwise", "--resume", ranks=2)

    def freeze(self, pids, seconds):
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)  # there is no event to wait for: nothing happens
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    def test_a_job_that_was_frozen_longer_than_the_timeout_goes_on_when_it_is_thawed(self):
        self.run_once("calm", "--engine", "stepwise")
        process = self.start("frozen", "--engine", "stepwise", "--rank_timeout", "5", ranks=3)
        self.wait_for_units("frozen", 20, process)
        self.freeze(descendants(process.pid), 9)
        rest = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 0, rest)
        self.assertRegex(rest, r"rank 0 has stood still for (8|9|1\d) s: it was stopped")
        self.assert_same_results("frozen", "calm")

    def test_a_coordinator_that_was_frozen_alone_ends_the_run_which_says_why(self):
        process = self.start("alone", "--engine", "stepwise", "--rank_timeout", "2", ranks=2)
        self.wait_for_units("alone", 20, process)
        coordinator = min(descendants(process.pid))
        os.kill(coordinator, signal.SIGSTOP)
        self.addCleanup(lambda: os.kill(coordinator, signal.SIGKILL) if coordinator in descendants(process.pid) else None)
        rest = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 75, rest)
        self.assertIn("rank 0 has not been heard of for 2 s: it hangs, was stopped, or its host or network is down", rest)

    def test_a_rank_that_hangs_is_lost_after_the_timeout_and_the_run_can_go_on(self):
        process = self.start("hangs", "--engine", "stepwise", "--rank_timeout", "3", ranks=3)
        self.wait_for_units("hangs", 20, process)
        ranks = descendants(process.pid)
        worker = max(ranks)
        os.kill(worker, signal.SIGSTOP)
        rest = process.stderr.read()
        code = process.wait(timeout=60)
        os.kill(worker, signal.SIGKILL) if worker in descendants(process.pid) else None
        self.assertEqual(code, 75, rest)
        self.assertIn("has not been heard of for 3 s", rest)
        self.assertTrue(wait_until_gone(ranks))
        self.run_once("hangs", "--engine", "stepwise", "--resume", ranks=2)


def write_smallest_model(folder):
    """A Llama of one layer with one head of four channels: what a long sample can be read with in a test."""
    folder.mkdir()
    d, inner, vocab = 4, 4, 64
    shapes = {"model.embed_tokens.weight": [vocab, d], "lm_head.weight": [vocab, d], "model.norm.weight": [d],
              **{f"model.layers.0.{name}.weight": shape for name, shape in {
                  "input_layernorm": [d], "post_attention_layernorm": [d], "self_attn.q_proj": [d, d],
                  "self_attn.k_proj": [d, d], "self_attn.v_proj": [d, d], "self_attn.o_proj": [d, d],
                  "mlp.gate_proj": [inner, d], "mlp.up_proj": [inner, d], "mlp.down_proj": [d, inner]}.items()}}
    header, body, choose = {}, b"", random.Random(1)
    for name, shape in shapes.items():
        values = [choose.gauss(0, 0.5) for _ in range(math.prod(shape))]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + 4 * len(values)]}
        body += struct.pack(f"<{len(values)}f", *values)
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)
    (folder / "config.json").write_text(json.dumps(
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": vocab, "hidden_size": d,
         "intermediate_size": inner, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": d,
         "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 300000, "hidden_act": "silu",
         "tie_word_embeddings": False, "torch_dtype": "float32"}))


class Large(RunsTest):
    def test_a_long_sample(self):
        n_tokens = tries(60_000, 200_000)
        write_smallest_model(self.folder / "smallest")
        data = self.folder / "long.jsonl"
        rows = [[1 + i * i % 61 for i in range(n)] for n in (n_tokens, 40, 30)]
        data.write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in rows))
        self.run_once("long", "--max_length", "300000", "--sliding_window_size", "64", "--threshold", "1e9", "--policy",
                      "threshold", "--save_token_nll", ranks=2, data=data, methods="random", timeout=800,
                      model=self.folder / "smallest")
        for result in json.loads((self.out("long") / "detailed_results.json").read_text())["results"]:
            self.assertEqual(result["per_sample"][0]["tokens"], n_tokens - 1)

    def test_many_samples(self):
        n_pairs = tries(10_000, 50_000)
        data = self.folder / "many.jsonl"
        data.write_text('{"input_ids": [1, 2]}\n{"input_ids": [3, 4, 5]}\n' * n_pairs)
        self.run_once("many", "--log_level", "warning", ranks=2, data=data, methods="random", timeout=800)
        results = json.loads((self.out("many") / "detailed_results.json").read_text())["results"]
        self.assertEqual([r["total_tokens"] for r in results], [3 * n_pairs] * 2)


if __name__ == "__main__":
    main(sys.argv)
