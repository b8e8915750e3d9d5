#!/usr/bin/env python3
"""Every fault point, at its first, second, ... passage until a run passes untouched: fault_points_test.py BUILD_FOLDER [unittest options]

A kill happens at every passage. So do, in a run from the start, a full disk and a clean stop; an exception and a broken disk take the same
ways as a full one, and happen at the first passage of each point. When a run grows, a full disk and a stop happen at the last passage.
The gate takes the first, second, fourth, ... passage, and of a full disk and a stop the first.

The program is started again as a supervisor would, without limit to what it has to survive, and ends with the
results of an undisturbed run; nothing that was acknowledged is lost.
"""
import re
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import Histories, RunsTest, main
from thorough import tries

POINTS = re.findall(r'"(\w+)"', (Path(__file__).resolve().parents[2] / "common/files/fault_point.h").read_text()
                    .split("kFaultPoints[]")[1].split("}")[0])
# Exit code of the run in which the fault happens.
CODES = {"kill9": {-signal.SIGKILL}, "throw": {1}, "enospc": {4}, "eio": {4}, "stop": {75, 0}}


def killed_passages(happens):
    """Those that there are, of every one or of the first, second, fourth, ..."""
    passages, n = [], 1
    while happens(n):
        passages.append(n)
        n += tries(n, 1)
    return passages


class EveryPoint(RunsTest):
    n_samples = 1
    methods = "random,streaming_llm"

    def test_and_every_action_leaves_a_run_that_goes_on_to_the_same_results(self):
        self.assertEqual(len(POINTS), 12)
        self.run_once("undisturbed", methods=self.methods)
        n_faults = 0
        for point in POINTS:
            passages = killed_passages(lambda n: self.happens(point, n, "kill9"))
            self.assertTrue(passages, f"{point} is never passed")
            others = [(n, action) for action in ("enospc", "stop") for n in tries(passages[:1], passages)] + [(1, "throw"), (1, "eio")]
            n_faults += len(passages) + sum(self.happens(point, n, action) for n, action in others)
        print(f"{n_faults} faults at {len(POINTS)} points", file=sys.stderr)
        self.assertGreater(n_faults, 5 * len(POINTS))

    def happens(self, point, n, action):
        """Whether a run has an n-th passage of the point. Then that run is disturbed, and the next one goes on."""
        out = f"{point}-{n}-{action}"
        log, faults = self.out(out + ".computed"), self.out(out + ".faults")
        environment = {"KVCOMPARE_FAULT": f"{point}:{n}:{action}", "KVCOMPARE_FAULT_LOG": str(faults)}
        histories = Histories(self.out(out), log)
        done = self.run_once(out, "--resume", "--computed_log", log, "--log_level", "error", code=None, methods=self.methods,
                             program="kvcompare_with_faults", environment=environment)
        if not faults.exists():
            self.assertEqual(done.returncode, 0, f"{out}: {done.stderr}")
            return False
        self.assertIn(done.returncode, CODES[action], f"{out}: {done.stderr}")
        if action in ("enospc", "eio", "throw"):
            self.assertIn("fault point " + point, done.stderr)
        histories.look()
        self.run_once(out, "--resume", "--computed_log", log, program="kvcompare_with_faults", methods=self.methods, environment=environment)
        self.assert_same_results(out, "undisturbed")
        verdict = histories.verdict()
        self.assertEqual((verdict["units"], verdict["lost"], verdict["differing"]), (3, 0, 0), out)
        self.assertLessEqual(verdict["recomputed"], 3, out)
        return True


class EveryPointOfGrowth(RunsTest):
    """A complete run of a sample and an instance is asked for a second one of each, and disturbed."""

    n_samples = 2
    small, large = "random", "random,streaming_llm"

    def test_and_every_action_leaves_a_run_that_grows_to_the_same_results(self):
        self.run_once("small", "--max_samples", 1, methods=self.small)
        self.run_once("undisturbed", methods=self.large)
        n_faults = 0
        for point in POINTS:
            passages = killed_passages(lambda n: self.happens(point, n, "kill9"))
            n_faults += len(passages) + sum(self.happens(point, n, action) for n in passages[-1:] for action in ("enospc", "stop"))
        print(f"{n_faults} faults at {len(POINTS)} points", file=sys.stderr)
        self.assertGreater(n_faults, tries(2, 3) * len(POINTS))

    def happens(self, point, n, action):
        out = f"{point}-{n}-{action}"
        self.copy("small", out)
        log, faults = self.out(out + ".computed"), self.out(out + ".faults")
        environment = {"KVCOMPARE_FAULT": f"{point}:{n}:{action}", "KVCOMPARE_FAULT_LOG": str(faults)}
        histories = Histories(self.out(out), log)
        histories.look()
        self.assertEqual(len(histories.acknowledged), 2)
        done = self.run_once(out, "--resume", "--computed_log", log, "--log_level", "error", code=None, methods=self.large,
                             program="kvcompare_with_faults", environment=environment)
        histories.look()
        if not faults.exists():
            self.assertEqual(done.returncode, 0, f"{out}: {done.stderr}")
            return False
        self.assertIn(done.returncode, CODES[action], f"{out}: {done.stderr}")
        has_grown = any("grown" in record for record in self.journal(out))
        if (self.out(out) / "COMPLETE").exists():  # then it is one or the other
            self.assert_same_results(out, "undisturbed" if has_grown else "small")
        self.run_once(out, "--resume", "--computed_log", log, program="kvcompare_with_faults", methods=self.large, environment=environment)
        histories.look()
        self.assert_same_results(out, "undisturbed")
        verdict = histories.verdict()
        self.assertEqual((verdict["units"], verdict["lost"], verdict["differing"]), (4, 0, 0), out)
        self.assertEqual(histories.computed_again, set(), out)
        return True


if __name__ == "__main__":
    main(sys.argv)
