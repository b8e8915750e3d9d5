#!/usr/bin/env python3
"""The batch scripts of launch/slurm on a real Slurm of two emulated nodes: slurm_test.py BUILD_FOLDER [unittest options]"""
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import N_METHODS, Histories, RunsTest, acknowledged_units, main

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parents[1] / "launch" / "slurm"
FINAL_STATES = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY")
NEEDED = ("sbatch", "slurmctld", "slurmd", "munged", "mpirun")


class SlurmTest(RunsTest):
    n_samples = 24

    @classmethod
    def setUpClass(cls):
        missing = [program for program in NEEDED if not shutil.which(program)]
        if missing:
            raise unittest.SkipTest(f"no {', '.join(missing)} here; tests/install_packages.sh installs Slurm")
        super().setUpClass()
        cls.cluster = cls.folder / "cluster"
        up = subprocess.run([HERE / "cluster.sh", "up", cls.cluster, "2", "4"], capture_output=True, text=True, timeout=90)
        cls.addClassCleanup(subprocess.run, [HERE / "cluster.sh", "down", cls.cluster], timeout=60)
        if up.returncode:
            raise AssertionError("the cluster did not come up: " + up.stderr)
        cls.run_undisturbed()

    @classmethod
    def run_undisturbed(cls):
        cls().run_once("undisturbed", "--engine", "stepwise", ranks=2, timeout=300)

    def runTest(self):
        pass

    def slurm(self, *command, check=True):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, cwd=self.folder,
                              env=self.environment(SLURM_CONF=str(self.cluster / "slurm.conf")))
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def submit(self, out, *flags, nodes=1, launcher="srun", options=(), script=None, **environment):
        """Returns the number of the job. One task a CPU, without GPUs; the limit is Slurm's shortest."""
        script = SCRIPTS / (script or ("one_node.sbatch" if nodes == 1 else "several_nodes.sbatch"))
        arguments = self.command(out, "--engine", "stepwise", "--computed_log", self.out(out + ".computed"), *flags)[1:]
        more = {"KVCOMPARE": str(self.build / "kvcompare"), "KVCOMPARE_LAUNCHER": launcher, **environment}
        if nodes > 1:
            more["OMPI_MCA_btl"] = "self,tcp"  # emulated nodes have one shared memory and no network of their own
        done = subprocess.run(
            ["sbatch", "--parsable", "--gpus-per-node=0", "--ntasks-per-node=2", "--output", str(self.out(out + ".log")),
             *options, str(script), "--", *arguments],
            capture_output=True, text=True, timeout=60, cwd=self.folder,
            env=self.environment(SLURM_CONF=str(self.cluster / "slurm.conf"), **more))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def state(self, job):
        shown = self.slurm("scontrol", "show", "job", "-o", job).stdout
        return dict(word.split("=", 1) for word in shown.split() if "=" in word)

    def log(self, out):
        file = self.out(out + ".log")
        return file.read_text() if file.exists() else ""

    def wait_for(self, job, out, condition, seconds=100):
        deadline = time.monotonic() + seconds
        while not condition(state := self.state(job)):
            if time.monotonic() > deadline or state["JobState"] in FINAL_STATES:
                self.fail(f"job {job}: {state}\n{self.log(out)}")
            # A requeued job has to wait two minutes. The test waits some seconds: at once the nodes would still refuse
            # it. When the last node is through with it Slurm sets the two minutes again.
            if state["JobState"] == "PENDING" and state["Reason"] == "BeginTime" and state["StartTime"] != "Unknown":
                start = time.mktime(time.strptime(state["StartTime"], "%Y-%m-%dT%H:%M:%S"))
                if start > time.time() + 10:
                    self.slurm("scontrol", "update", f"JobId={job}", "StartTime=now+4", check=False)
            time.sleep(0.2)
        return state

    def wait_for_lines(self, job, out, n, folder=None):
        journal = (folder or self.out(out)) / "journal.jsonl"
        self.wait_for(job, out, lambda _: journal.exists() and journal.read_bytes().count(b'"unit":') >= n)

    def assert_nothing_was_recomputed(self, out):
        self.assertEqual(Histories(self.out(out), self.out(out + ".computed")).verdict(),
                         {"units": self.n_samples * N_METHODS, "lost": 0, "recomputed": 0, "differing": 0})

    def stopped_and_requeued(self, out, **options):
        """As at the time limit: Slurm sends SIGUSR1 to the batch script, which passes it on."""
        job = self.submit(out, **options)
        self.wait_for_lines(job, out, 20)
        self.slurm("scancel", "--batch", "--signal=USR1", job)
        # While it is requeued it may look failed for some seconds.
        state = self.wait_for(job, out, lambda s: s["JobState"] == "COMPLETED", seconds=300)
        self.assertGreater(int(state["Restarts"]), 0)
        self.assertIn("kvcompare ended with exit code 75", self.log(out))
        self.assert_same_results(out, "undisturbed")
        self.assert_nothing_was_recomputed(out)


class OneNode(SlurmTest):
    def test_a_job_stopped_and_requeued_completes_by_srun(self):
        self.stopped_and_requeued("srun")

    def test_a_job_stopped_and_requeued_completes_by_mpirun(self):
        self.stopped_and_requeued("mpirun", launcher="mpirun")

    def test_a_cancelled_job_submitted_again_completes(self):
        job = self.submit("cancelled")
        self.wait_for_lines(job, "cancelled", 20)
        self.slurm("scancel", job)
        self.wait_for(job, "cancelled", lambda s: s["JobState"] == "CANCELLED")
        histories = Histories(self.out("cancelled"), self.out("cancelled.computed"))
        histories.look()
        self.assertLess(len(histories.acknowledged), self.n_samples * N_METHODS)
        again = self.submit("cancelled")
        state = self.wait_for(again, "cancelled", lambda s: s["JobState"] in ("COMPLETED", "FAILED"))
        self.assertEqual((state["JobState"], state["ExitCode"]), ("COMPLETED", "0:0"), self.log("cancelled"))
        self.assert_same_results("cancelled", "undisturbed")
        self.assertEqual(histories.verdict()["lost"], 0)

    def test_an_array_one_task_of_which_is_killed_merges_into_the_bytes_of_one_run(self):
        job = self.submit("array", script="array.sbatch", options=["--array=1-3", "--ntasks-per-node=1"])
        shards = [self.out("array") / f"shard_{number}" for number in (1, 2, 3)]
        self.wait_for_lines(f"{job}_2", "array", 10, shards[1])
        before = acknowledged_units(shards[1] / "journal.jsonl")
        os.kill(int(re.search(r"process (\d+)", (shards[1] / "LOCK").read_text())[1]), signal.SIGKILL)
        for task in (1, 2, 3):
            state = self.wait_for(f"{job}_{task}", "array", lambda s: s["JobState"] == "COMPLETED", seconds=300)
            self.assertEqual(int(state["Restarts"]), int(task == 2), self.log("array"))
        self.assertIn("kvcompare ended with exit code 137", self.log("array"))
        after = acknowledged_units(shards[1] / "journal.jsonl")
        self.assertEqual({unit: after[unit] for unit in before}, before)
        merged = subprocess.run([self.build / "kvcompare", "merge", "--output_dir", self.out("merged"), *shards],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(merged.returncode, 0, merged.stderr)
        self.assert_same_results("merged", "undisturbed")

    def test_a_job_is_requeued_no_more_often_than_allowed(self):
        job = self.submit("capped", KVCOMPARE_MAX_RESTARTS="0")
        self.wait_for_lines(job, "capped", 20)
        self.slurm("scancel", "--batch", "--signal=USR1", job)
        state = self.wait_for(job, "capped", lambda s: s["JobState"] in ("COMPLETED", "FAILED"))
        self.assertEqual((state["JobState"], state["ExitCode"], state["Restarts"]), ("FAILED", "75:0", "0"))
        self.assertIn("giving up", self.log("capped"))

    def test_a_gpu_that_does_not_answer_is_done_without(self):
        program = self.folder / "kvcompare_of_a_broken_host"
        program.write_text(f"""#!/bin/bash
if [ "$1" = doctor ]; then
  echo "BAD    GPU 0            NVIDIA H100: CUDA error: unknown error"; echo "ok     GPU 1            NVIDIA H100"; exit 2
fi
echo "$CUDA_VISIBLE_DEVICES" >> {self.folder}/seen
exec {self.build}/kvcompare "$@"
""")
        program.chmod(0o755)
        for launcher in ("srun", "mpirun"):
            out = "broken_" + launcher
            # The nodes have no GPUs: the environment says so in Slurm's place.
            job = self.submit(out, launcher=launcher, KVCOMPARE=str(program), SLURM_GPUS_ON_NODE="2")
            state = self.wait_for(job, out, lambda s: s["JobState"] in ("COMPLETED", "FAILED"))
            self.assertEqual((state["JobState"], state["ExitCode"]), ("COMPLETED", "0:0"), self.log(out))
            self.assertIn("only 1 of 2 GPUs answer (1)", self.log(out))
            self.assertEqual((self.folder / "seen").read_text().split(), ["1"])  # one task
            (self.folder / "seen").unlink()
            self.assert_same_results(out, "undisturbed")

    def test_wrong_input_is_not_tried_again(self):
        job = self.submit("wrong", "--max_samples", "0")
        state = self.wait_for(job, "wrong", lambda s: s["JobState"] in ("COMPLETED", "FAILED"))
        self.assertEqual((state["JobState"], state["ExitCode"], state["Restarts"]), ("FAILED", "2:0", "0"), self.log("wrong"))

    def test_the_task_that_refuses_its_input_is_believed_not_those_that_end_with_it(self):
        """srun ends them, and returns the highest of all codes: theirs."""
        program = self.folder / "kvcompare_of_a_slow_second_task"
        program.write_text("""#!/bin/bash
if [ "$SLURM_PROCID" = 0 ]; then exit 2; fi
trap 'exit 75' TERM
sleep 60 & wait
""")
        program.chmod(0o755)
        job = self.submit("refused", KVCOMPARE=str(program))
        state = self.wait_for(job, "refused", lambda s: s["JobState"] in ("COMPLETED", "FAILED"))
        self.assertEqual((state["JobState"], state["ExitCode"], state["Restarts"]), ("FAILED", "2:0", "0"), self.log("refused"))


class TwoNodes(SlurmTest):
    def test_a_job_stopped_and_requeued_completes_by_srun(self):
        self.stopped_and_requeued("srun2", nodes=2)

    def test_a_job_stopped_and_requeued_completes_by_mpirun(self):
        self.stopped_and_requeued("mpirun2", nodes=2, launcher="mpirun")


class TimeLimit(SlurmTest):
    """Slurm's own signal before a real limit of one minute, its shortest."""

    n_samples = 100

    @classmethod
    def run_undisturbed(cls):
        """With as many samples as keep four ranks busy on these cores beyond the signal, which comes after ten seconds."""
        n_cores = min(4, len(os.sched_getaffinity(0)))
        start = time.monotonic()
        cls().run_once("trial", "--engine", "stepwise")
        cls.n_samples = math.ceil(cls.n_samples * n_cores * 14 / (time.monotonic() - start))
        cls.write_data(cls.data, cls.n_samples)
        super().run_undisturbed()

    def test_is_heeded_and_the_job_requeued_until_it_completes(self):
        job = self.submit("limit", options=["--time=1", "--signal=B:USR1@50"], nodes=2)
        state = self.wait_for(job, "limit", lambda s: s["JobState"] == "COMPLETED", seconds=800)
        self.assertGreater(int(state["Restarts"]), 0)
        self.assert_same_results("limit", "undisturbed")
        self.assert_nothing_was_recomputed("limit")


class WithoutSlurm(unittest.TestCase):
    def test_a_batch_script_says_what_it_is(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLURM")}
        done = subprocess.run([SCRIPTS / "one_node.sbatch"], capture_output=True, text=True,
                              env={**environment, "KVCOMPARE_ROOT": str(HERE.parents[1])})
        self.assertEqual(done.returncode, 2)
        self.assertIn("sbatch", done.stderr)


if __name__ == "__main__":
    main(sys.argv)
