#!/usr/bin/env python3
"""Thresholds that are found for a density: target_density_test.py BUILD_FOLDER [unittest options]"""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, main

DEMO = Path(__file__).resolve().parents[2] / "demo"
TARGETS = (0.75, 0.5)
N_SAMPLES = 12


class TargetTest(RunsTest):
    n_samples = N_SAMPLES
    methods = "kvzap,random:policy=threshold,knorm:policy=threshold"
    flags = ("--sliding_window_size", "2", "--target_density", ",".join(map(str, TARGETS)))

    def runTest(self):  # so that setUpClass can run the program
        pass

    def results(self, out):
        return json.loads((self.out(out) / "comparison_summary.json").read_text())["results"]

    def searches(self, out):
        return {(r["method"], r["threshold_search"]["target_density"]): r["threshold_search"] for r in self.results(out)}

    def refused(self, *flags, code=2, **options):
        error = self.run_once("refused", *flags, code=code, **options).stderr
        self.assertFalse((self.out("refused") / "journal.jsonl").exists())
        return error


class Found(TargetTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().run_once("found", *cls.flags, methods=cls.methods)

    def test_every_instance_reads_what_was_asked_for(self):
        results = self.results("found")
        self.assertEqual(len(results), 6)
        for result in results:
            search = result["threshold_search"]
            self.assertEqual(search["threshold"], result["parameters"]["threshold"])
            self.assertNotIn("target_density", result["parameters"])
            self.assertEqual(search["samples"], N_SAMPLES)
            # All samples were searched, so what the search counted is what the run counts.
            self.assertEqual(search["density"], result["attended_density"])
            self.assertAlmostEqual(search["density"], search["target_density"], delta=0.01, msg=result)

    def test_run_json_and_the_journal_say_how_it_was_found(self):
        expected = self.searches("found")
        methods = json.loads((self.out("found") / "run.json").read_text())["methods"]
        self.assertNotIn("threshold_search", methods[0])
        self.assertEqual([m["threshold_search"] for m in methods[1:]], list(expected.values()))
        header = self.journal("found")[0]
        self.assertEqual(len(header["found_thresholds"]), 6)
        for found in header["found_thresholds"]:
            self.assertEqual(float(found["instance"].split(":threshold=")[1].split(":")[0]), found["threshold"])

    def test_any_number_of_ranks_and_threads_and_a_given_threshold_give_the_same(self):
        for ranks in (1, 3):
            self.run_once(f"ranks{ranks}", *self.flags, methods=self.methods, ranks=ranks)
            self.assert_same_results(f"ranks{ranks}", "found")
        command = self.command("threads", *self.flags, methods=self.methods)
        command[command.index("--threads") + 1] = "3"
        subprocess.run(command, check=True, capture_output=True, timeout=120, env=self.environment())
        self.assert_same_results("threads", "found")
        given = ",".join(found["instance"].split(":kvzap_model_type")[0] for found in self.journal("found")[0]["found_thresholds"])
        self.run_once("given", methods=given)
        strip = lambda results: [{k: v for k, v in r.items() if k != "threshold_search"} for r in results]
        self.assertEqual(strip(self.results("given")), strip(self.results("found")))

    def test_the_stepwise_engine_finds_nearly_the_same(self):
        self.run_once("stepwise", *self.flags, "--engine", "stepwise", methods=self.methods)
        for result in self.results("stepwise"):
            search = result["threshold_search"]
            self.assertEqual(search["density"], result["attended_density"])
            self.assertAlmostEqual(search["density"], search["target_density"], delta=0.01)

    def test_other_chunks_and_protocols_reach_the_density_too(self):
        for out, flags in (("chunks", ("--chunk_size", "4")),
                           ("generate", ("--protocol", "generate", "--context_length", "4")),
                           ("prefill", ("--protocol", "prefill", "--context_length", "6"))):
            self.run_once(out, "--sliding_window_size", "0", "--target_density", "0.9", *flags, methods=self.methods)
            for result in self.results(out):
                self.assertEqual(result["threshold_search"]["density"], result["attended_density"])
                self.assertAlmostEqual(result["attended_density"], 0.9, delta=0.02, msg=(out, result))


class Resumed(TargetTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().run_once("whole", *cls.flags, methods=cls.methods)

    def test_a_run_that_was_killed_takes_its_thresholds_from_the_journal(self):
        for ranks in (0, 3):
            out = f"killed{ranks}"
            process = self.start(out, *self.flags, methods=self.methods, ranks=ranks)
            self.wait_for_units(out, 12, process)
            process.kill()
            process.wait()
            process.stderr.close()
            done = self.run_once(out, *self.flags, "--resume", methods=self.methods, ranks=ranks)
            self.assertNotIn("looking for", done.stderr)
            self.assert_same_results(out, "whole")

    def test_a_run_grows_by_a_density_and_searches_for_no_other(self):
        less = ("--sliding_window_size", "2", "--target_density", "0.75")
        self.run_once("grown", *less, methods=self.methods)
        more = self.run_once("grown", *self.flags, "--resume", methods=self.methods).stderr
        self.assertIn("looking for 3 thresholds", more)
        self.assert_same_results("grown", "whole")
        again = self.run_once("grown", *self.flags, "--resume", methods=self.methods).stderr
        self.assertNotIn("looking for", again)
        self.assert_same_results("grown", "whole")

    def test_a_run_grows_by_samples_with_the_thresholds_it_has(self):
        flags = (*self.flags, "--max_samples")
        self.run_once("samples", *flags, "6", methods=self.methods)
        begun = self.searches("samples")
        self.run_once("samples", *flags, N_SAMPLES, "--resume", methods=self.methods)
        self.assertEqual(self.searches("samples"), begun)


class Refuses(TargetTest):
    def test_a_density_below_what_the_window_reads(self):
        error = self.refused("--sliding_window_size", "6", "--target_density", "0.01", methods="kvzap")
        self.assertIn("0.01 cannot be reached by KVzap: whatever the threshold, queries read at least 0.", error)
        self.assertIn("give a density from 0.", error)
        error = self.refused("--sliding_window_size", "9999", "--target_density", "0.5", methods="kvzap")
        self.assertIn("give a smaller window", error)

    def test_methods_without_threshold_or_fixed_scores(self):
        self.assertIn("no method of this run has one", self.refused("--target_density", "0.5", methods="random,knorm"))
        self.assertIn("change from event to event", self.refused("--target_density", "0.9", "--policy", "threshold",
                                                                 methods="expected_attention"))
        self.assertIn("leave one of them out", self.refused("--target_density", "0.5", "--threshold", "-3", methods="kvzap"))

    def test_a_coordinator_that_evaluates_nothing(self):
        error = self.refused(*self.flags, "--dedicated_coordinator", methods="kvzap", ranks=3)
        self.assertIn("--dedicated_coordinator", error)


class Demo(TargetTest):
    """The demo's model: what KVzap reads of documents of which a part was searched."""

    def test_the_density_of_the_run_is_near_the_one_asked_for(self):
        out = self.out("demo")
        subprocess.run([self.build / "kvcompare", "--model_name", DEMO / "model", "--data_path", DEMO / "documents.jsonl",
                        "--kvzap_scorer_model", DEMO / "scorer", "--methods", "kvzap", "--target_density", "0.25,0.5,0.75",
                        "--max_samples", "16", "--no_divergence", "--output_dir", out],
                       check=True, capture_output=True, timeout=600)
        results = self.results("demo")
        self.assertEqual(len(results), 3)
        for result in results:
            search = result["threshold_search"]
            self.assertLess(search["samples"], 16)
            # In layer 0 equal tokens have equal scores: near 0.25 the density steps by a hundredth.
            self.assertAlmostEqual(search["density"], search["target_density"], delta=0.005)
            self.assertAlmostEqual(result["attended_density"], search["target_density"], delta=0.02)
            self.assertLess(len(str(search["threshold"])), 8)


if __name__ == "__main__":
    main(sys.argv)
