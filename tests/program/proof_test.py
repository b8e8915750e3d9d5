#!/usr/bin/env python3
"""Whether results can be trusted and had again: proof_test.py BUILD_FOLDER [unittest options]"""
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, main
from packed_numbers import unpacked

RESULTS = ("comparison_summary.json", "detailed_results.json", "results.h5", "results.csv", "samples.csv", "summary.md", "table.tex")
OTHER_ARITHMETIC = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
DIFFERENCE = "MKL_ENABLE_INSTRUCTIONS=AVX2"


class Hardware(RunsTest):
    """Another instruction set in libtorch stands for another machine."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in OTHER_ARITHMETIC:
            os.environ.pop(name, None)

    def two_ranks(self, out, *flags, code):
        one = self.command(out, *flags)
        variables = [word for name, value in OTHER_ARITHMETIC.items() for word in ("-x", f"{name}={value}")]
        done = subprocess.run(["mpirun", "-n", "1", *one, ":", "-n", "1", *variables, *one], capture_output=True,
                              text=True, timeout=120, env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def half_a_run(self, out):
        """As if it had been killed; its last lines are lost."""
        self.run_once(out)
        journal = self.out(out) / "journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        for name in (*RESULTS, "run.json", "COMPLETE"):
            (self.out(out) / name).unlink()
        journal.write_bytes(b"".join(lines[: len(lines) // 2]))

    def test_ranks_that_compute_differently_are_refused_before_the_first_unit(self):
        done = self.two_ranks("refused", code=2)
        self.assertIn("computes with other arithmetic than worker", done.stderr)
        self.assertIn(DIFFERENCE, done.stderr)
        self.assertIn("--allow_mixed_hardware", done.stderr)
        self.assertFalse(any("unit" in record for record in self.journal("refused")))

    def test_ranks_that_are_admitted_are_recorded(self):
        done = self.two_ranks("admitted", "--allow_mixed_hardware", code=0)
        results = json.loads((self.out("admitted") / "detailed_results.json").read_text())
        used = {record["numerics"] for record in self.journal("admitted") if record.get("ok")}
        self.assertEqual(len(results["numerics"]), len(used))
        if len(used) == 2:  # the second rank was given a unit
            self.assertIn("mixed_hardware", [warning["code"] for warning in results["warnings"]])
            self.assertIn("kinds of arithmetic", done.stdout)

    def test_a_resume_with_other_arithmetic_says_what_differs(self):
        self.half_a_run("resumed")
        before = (self.out("resumed") / "journal.jsonl").read_bytes()
        done = self.run_once("resumed", "--resume", code=2, environment=OTHER_ARITHMETIC)
        self.assertIn("than the machine that the run was begun on", done.stderr)
        self.assertIn(DIFFERENCE, done.stderr)
        n_units = sum(b'"unit"' in line for line in before.splitlines())
        self.assertEqual(sum("unit" in record for record in self.journal("resumed")), n_units)
        self.run_once("resumed", "--resume", "--allow_mixed_hardware", environment=OTHER_ARITHMETIC)
        results = json.loads((self.out("resumed") / "detailed_results.json").read_text())
        self.assertEqual(len(results["numerics"]), 2)
        self.assertIn("mixed_hardware", [warning["code"] for warning in results["warnings"]])

    def test_a_parameter_that_no_method_reads_is_no_drift(self):
        self.run_once("random", methods="random")
        self.run_once("random", "--resume", "--threshold", "-6", "--n_future_positions", "100", methods="random")
        done = self.run_once("random", "--resume", "--seed", "43", methods="random", code=2)
        self.assertIn("Missing:\n  random:policy=ratio:compression_ratio=0.5:seed=42\n", done.stderr)


class Again(RunsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().run_once("first", "--save_token_nll", "--compression_ratio", "0.75", "--seed", "7")

    def runTest(self):  # so that setUpClass can run the program
        pass

    def program(self, *arguments, code=0, cwd=None):
        done = subprocess.run([self.build / "kvcompare", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env=self.environment(), cwd=cwd)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def copied(self, name):
        self.copy("first", name)
        return self.out(name)

    def bytes_of(self, out):
        return {name: (self.out(out) / name).read_bytes() for name in RESULTS}

    def test_rerun_gives_the_same_bytes_beside_the_first_run(self):
        self.program("rerun", self.out("first"), "--threads", "1", cwd="/")
        self.assertEqual(self.bytes_of("first_rerun"), self.bytes_of("first"))

    def test_verify_with_other_arithmetic_says_so_and_accepts_the_last_bits(self):
        done = subprocess.run([self.build / "kvcompare", "verify", self.out("first"), "--recompute", "2", "--threads", "1"],
                              capture_output=True, text=True, timeout=120, env=self.environment(**OTHER_ARITHMETIC))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("computes with other arithmetic than the run's:", done.stdout)
        self.assertIn(DIFFERENCE, done.stdout)

    def test_what_is_typed_wins_over_the_run_that_is_done_again(self):
        self.program("rerun", self.out("first"), "--seed", "8", "--output_dir", self.out("other_seed"))
        config = json.loads((self.out("other_seed") / "detailed_results.json").read_text())["config"]
        self.assertEqual((config["seed"], config["compression_ratio"]), (8, 0.75))

    def test_a_run_that_is_not_complete_cannot_be_done_again(self):
        self.assertIn("holds no detailed_results.json", self.program("rerun", self.folder, code=2).stderr)

    def test_config_takes_the_results_and_what_they_hold_as_config(self):
        results = self.out("first") / "detailed_results.json"
        alone = self.folder / "config.json"
        alone.write_text(json.dumps(json.loads(results.read_text())["config"]))
        for name, file in (("by_results", results), ("by_config", alone)):
            self.program("--config", file, "--model_name", self.model, "--data_path", self.data, "--kvzap_scorer_model",
                         self.model / "scorer", "--output_dir", self.out(name))
            self.assertEqual(self.bytes_of(name), self.bytes_of("first"))

    def test_the_same_inputs_elsewhere_give_the_same_bytes(self):
        elsewhere = self.folder / "elsewhere"
        shutil.copytree(self.model, elsewhere)
        shutil.copy(self.data, self.folder / "same.jsonl")
        self.run_once("moved", "--save_token_nll", "--compression_ratio", "0.75", "--seed", "7", model=elsewhere,
                      data=self.folder / "same.jsonl", scorer=elsewhere / "scorer")
        self.assertEqual(self.bytes_of("moved"), self.bytes_of("first"))
        run = json.loads((self.out("moved") / "run.json").read_text())
        self.assertEqual(run["paths"], {"model_name": str(elsewhere), "data_path": str(self.folder / "same.jsonl")})
        self.assertEqual([scorer["path"] for scorer in run["kvzap_scorers"]], [str(elsewhere / "scorer")])

    def test_results_hold_hashes_sizes_and_the_arithmetic(self):
        results = json.loads((self.out("first") / "detailed_results.json").read_text())
        self.assertEqual(set(results["inputs"]), {"model_sha256", "data_sha256", "kvzap_scorer_sha256"})
        config = json.loads((self.model / "config.json").read_text())
        self.assertEqual((results["model"]["n_layers"], results["model"]["n_heads"]),
                         (config["num_hidden_layers"], config["num_attention_heads"]))
        (numerics,) = results["numerics"]
        self.assertTrue(numerics["processor"] and numerics["libtorch"] and numerics["instruction_set"])
        self.assertEqual(results["results"][2]["parameters"], {"policy": "ratio", "compression_ratio": 0.75, "seed": 7})

    def test_verify_finds_nothing_in_results_that_are_whole(self):
        done = self.program("verify", self.out("first"), "--recompute", "3", "--threads", "1")
        self.assertIn("7 files have the hashes", done.stdout)
        self.assertIn("21 units recomputed: 21 the same to the last bit", done.stdout)

    def test_verify_names_a_file_that_has_changed(self):
        out = self.copied("touched")
        file = out / "comparison_summary.json"
        file.write_text(file.read_text().replace("1", "2", 1))
        self.assertIn("comparison_summary.json: has changed since the run wrote it", self.program("verify", out, code=5).stderr)

    def test_verify_finds_a_journal_whose_numbers_are_others(self):
        """The files agree with the journal; only the computation knows better."""
        out = self.copied("forged")
        journal = out / "journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if b'"unit":[0,"random:' in line)
        record = json.loads(lines[at][9:])
        record["values"] = unpacked(record["values"])
        record["values"]["total_nll"] -= 1
        record["values"]["token_nll"][0] -= 1
        record["values"]["nll_by_position"]["total_nll"][0] -= 1
        text = json.dumps(record, separators=(",", ":")).encode()
        lines[at] = b"%08x %s\n" % (zlib.crc32(text), text)
        journal.write_bytes(b"".join(lines))
        self.assertIn("gives other bytes", self.program("verify", out, code=5).stderr)
        self.program("finalize", out)
        self.program("verify", out)
        self.assertIn("1 of 84 units give other values", self.program("verify", out, "--recompute", "12", code=5).stderr)

    def test_verify_needs_a_run_that_is_complete_and_its_inputs(self):
        self.assertIn("holds no COMPLETE", self.program("verify", self.folder, code=2).stderr)
        other = self.folder / "other.jsonl"
        self.write_data(other, 3)
        done = self.program("verify", self.out("first"), "--recompute", "1", "--data_path", other, code=2)
        self.assertIn("data: was", done.stderr)


if __name__ == "__main__":
    main(sys.argv)
