#!/usr/bin/env python3
"""The rows of the fault table of docs/reliability.md that no other test holds: fault_table_test.py BUILD_FOLDER

Others: tests/program/resume_test.py (stops, drift, damaged journals, bad lines, failing units),
tests/program/program_test.py (values that are not finite), tests/mpi/mpi_test.py
(ranks), tests/unit/worker (damaged safetensors), tests/slurm.
"""
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import ALL, N_METHODS, Histories, RunsTest, acknowledged_units, descendants, main, wait_until_gone

SUPERVISE = Path(__file__).resolve().parents[2] / "launch" / "kvcompare-supervise"


class Kills(RunsTest):
    n_samples = 24

    def killed(self, out, choose):
        log = self.out(out + ".computed")
        process = self.start(out, "--engine", "stepwise", "--resume", "--computed_log", log, ranks=3)
        self.wait_for_units(out, 20, process)
        ranks = descendants(process.pid)
        os.kill(choose(process.pid, sorted(ranks)), 9)
        begun = time.monotonic()
        process.stderr.read()
        code = process.wait(timeout=60)
        self.assertTrue(wait_until_gone(ranks, 3), "processes are left")
        seconds = time.monotonic() - begun
        histories = Histories(self.out(out), log)
        histories.look()
        self.run_once(out, "--engine", "stepwise", "--resume", "--computed_log", log, ranks=2)
        self.assert_same_results(out, "undisturbed")
        verdict = histories.verdict()
        self.assertEqual((verdict["lost"], verdict["differing"]), (0, 0))
        self.assertLessEqual(verdict["recomputed"], 3)
        return code, seconds

    def test_of_worker_coordinator_and_mpirun(self):
        self.run_once("undisturbed", "--engine", "stepwise")
        code, _ = self.killed("worker", lambda mpirun, ranks: ranks[-1])
        self.assertEqual(code, 137)
        code, _ = self.killed("coordinator", lambda mpirun, ranks: ranks[0])
        self.assertEqual(code, 137)
        code, _ = self.killed("mpirun", lambda mpirun, ranks: mpirun)
        self.assertEqual(code, -9)


class LostGpu(RunsTest):
    """What is thrown when a GPU fails, thrown on the CPU."""

    n_samples = 12

    def lost(self, out, ranks):
        log, faults = self.out(out + ".computed"), self.out(out + ".faults")
        flags = ("--engine", "stepwise", "--resume", "--computed_log", log)
        environment = {"KVCOMPARE_FAULT": "in_unit:9:device_lost", "KVCOMPARE_FAULT_LOG": str(faults)}
        done = self.run_once(out, *flags, ranks=ranks, code=75, program="kvcompare_with_faults", environment=environment)
        self.assertIn("cpu has failed: CUDA error: uncorrectable ECC error encountered; run again with --resume", done.stderr)
        self.assertRegex(done.stderr, rf"error: (rank [12] on {os.uname().nodename}: )?cpu has failed")
        self.assertEqual([r for r in self.journal(out) if r.get("ok") is False], [])
        self.assertFalse((self.out(out) / "COMPLETE").exists())
        histories = Histories(self.out(out), log)
        histories.look()
        self.assertGreater(len(histories.acknowledged), 5)
        self.run_once(out, *flags, ranks=max(ranks - 1, 0))  # without it
        self.assert_same_results(out, "undisturbed")
        verdict = histories.verdict()
        self.assertEqual((verdict["lost"], verdict["differing"]), (0, 0))
        self.assertLessEqual(verdict["recomputed"], max(ranks, 1))

    def test_ends_the_run_blames_no_unit_and_the_run_goes_on_without_it(self):
        self.run_once("undisturbed", "--engine", "stepwise")
        self.lost("alone", ranks=0)
        self.lost("ranks", ranks=3)

    def test_is_no_end_under_a_supervisor(self):
        self.run_once("calm", "--engine", "stepwise")
        environment = {"KVCOMPARE_FAULT": "in_unit:9:device_lost", "KVCOMPARE_FAULT_LOG": str(self.out("faults"))}
        command = self.command("supervised", "--engine", "stepwise", "--resume", ranks=2, program="kvcompare_with_faults")
        done = subprocess.run([SUPERVISE, "--backoff", "0", "--", *command], capture_output=True, text=True, timeout=120,
                              env=self.environment(**environment))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("exit code 75: starting again", done.stderr)
        self.assert_same_results("supervised", "calm")


class FullDisk(RunsTest):
    """On a real file system of 16 megabytes: report.html has five, and is there twice while it is replaced."""

    n_samples = 40

    def setUp(self):
        self.small = self.folder / "small"
        self.small.mkdir(exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", self.small], capture_output=True).returncode:
            self.skipTest("a small file system cannot be mounted here; it needs root")
        self.addCleanup(lambda: subprocess.run(["umount", self.small], check=True))

    def fill(self, leave):
        """So that only `leave` bytes are free."""
        free = os.statvfs(self.small)
        (self.small / "filler").write_bytes(b"x" * (free.f_bavail * free.f_frsize - leave))

    def test_in_the_journal_acknowledges_nothing_more_and_goes_on_when_there_is_room(self):
        self.run_once("undisturbed")
        for ranks in (0, 2):
            out = f"small/run{ranks}"
            log = self.out(f"computed{ranks}")
            self.fill(leave=60_000)
            done = self.run_once(out, "--resume", "--computed_log", log, ranks=ranks, code=4)
            self.assertRegex(done.stderr, r"journal\.jsonl: wrote \d+ of \d+ bytes of a record: No space left on device")
            self.assertNotIn("COMPLETE", os.listdir(self.out(out)))
            histories = Histories(self.out(out), log)
            histories.look()
            self.assertGreater(len(histories.acknowledged), 5)
            self.assertLess(len(histories.acknowledged), self.n_samples * N_METHODS)
            (self.small / "filler").unlink()
            self.run_once(out, "--resume", "--computed_log", log, ranks=ranks)
            self.assert_same_results(out, "undisturbed")
            self.assertEqual(histories.verdict()["lost"], 0)
            shutil.rmtree(self.out(out))

    def test_in_the_results_leaves_the_old_ones_as_they_were(self):
        self.run_once("small/full", methods="random")
        before = {f.name: f.read_bytes() for f in self.out("small/full").iterdir()}
        for leave in (0, 20_000, 40_000, 1_000_000):
            self.fill(leave)
            done = subprocess.run([self.build / "kvcompare", "finalize", self.out("small/full")], capture_output=True, text=True)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("small/full", done.stderr)
            self.assertIn("Random", done.stdout)
            self.assertEqual({f.name: f.read_bytes() for f in self.out("small/full").iterdir() if f.name != "LOCK"},
                             {name: contents for name, contents in before.items() if name != "LOCK"})
            (self.small / "filler").unlink()
        done = subprocess.run([self.build / "kvcompare", "finalize", self.out("small/full")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)


class DeadlyUnit(RunsTest):
    """A unit that crashes the process every time, whatever process it is given to."""

    def supervised(self, out, code, *flags, ranks=0):
        done = subprocess.run(
            [SUPERVISE, "--backoff", "0", "--", *self.command(out, "--resume", "--engine", "stepwise", *flags, ranks=ranks, methods=ALL,
                                                              program="kvcompare_with_faults")],
            capture_output=True, text=True, timeout=300, env=self.environment(KVCOMPARE_DEADLY_UNIT="3:2"))
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def assert_only_one_failed(self, out):
        records = self.journal(out)
        failed = [record for record in records if record.get("ok") is False]
        self.assertEqual(len(failed), 1)
        self.assertEqual(failed[0]["unit"][0], 3)
        self.assertTrue(failed[0]["gives_up"])
        self.assertRegex(failed[0]["reason"], r"the process died \d+ times while it evaluated this unit, 2 of them with nothing else in hand")
        self.assertEqual(len(acknowledged_units(self.out(out) / "journal.jsonl")), self.n_samples * N_METHODS - 1)

    def test_is_run_alone_and_then_given_up_and_all_others_are_evaluated(self):
        # With a coordinator that computes nothing no process but the worker's dies, and mpirun stops the coordinator as a user would.
        for ranks, flags in ((0, []), (3, ["--dedicated_coordinator"])):
            with self.subTest(ranks=ranks):
                out = f"deadly{ranks}"
                done = self.supervised(out, 6, *flags, ranks=ranks)
                self.assertIn("it is evaluated alone, behind the others", done.stderr)
                self.assertIn("--retry_failed", done.stderr)
                self.assert_only_one_failed(out)
        self.run_once("healthy", "--engine", "stepwise")
        self.run_once("deadly0", "--resume", "--retry_failed", "--engine", "stepwise")
        self.assert_same_results("deadly0", "healthy")

    def test_a_stop_that_is_asked_for_is_no_death(self):
        for _ in range(5):
            process = self.start("stopped", "--resume", "--engine", "stepwise")
            self.wait_for_units("stopped", 4, process)
            process.send_signal(signal.SIGUSR1)
            process.communicate(timeout=60)
            if process.returncode == 0:
                break
        done = self.run_once("stopped", "--resume", "--engine", "stepwise")
        self.assertNotIn("died", done.stderr)


class SecondRun(RunsTest):
    n_samples = 40

    def test_on_the_same_folder_is_refused_naming_host_and_process(self):
        process = self.start("shared", "--engine", "stepwise")
        self.wait_for_units("shared", 5, process)
        os.kill(process.pid, signal.SIGSTOP)
        done = self.run_once("shared", "--engine", "stepwise", "--resume", code=3)
        self.assertIn(f"in use by host {os.uname().nodename}, process {process.pid}, started ", done.stderr)
        done = subprocess.run([self.build / "kvcompare", "finalize", self.out("shared")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 3, done.stderr)
        os.kill(process.pid, signal.SIGCONT)
        process.stderr.read()
        self.assertEqual(process.wait(timeout=120), 0)

    def test_that_comes_while_a_killed_one_is_still_ending_waits_for_it(self):
        process = self.start("ending", "--engine", "stepwise", ranks=2)
        self.wait_for_units("ending", 5, process)
        os.kill(process.pid, 9)  # the ranks live on for a second
        self.run_once("ending", "--engine", "stepwise", "--resume", ranks=2)
        process.communicate()


if __name__ == "__main__":
    main(sys.argv)
