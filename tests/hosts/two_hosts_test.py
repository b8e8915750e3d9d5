#!/usr/bin/env python3
"""A run over two hosts, the wire between them or one of which fails: two_hosts_test.py BUILD_FOLDER CLASS [unittest options]"""
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from kvcompare_runs import RunsTest, main, wait_until_gone
from two_hosts import HOSTS, TwoHosts

SILENCE = 5  # seconds; --rank_timeout
LOST = f"rank 1 has not been heard of for {SILENCE} s: it hangs, was stopped, or its host or network is down"
SUPERVISE = Path(__file__).resolve().parents[2] / "launch" / "kvcompare-supervise"
SUPERVISOR = (SUPERVISE, "--backoff", "0", "--end_grace", "3", "--")
PATIENCE = 300  # seconds; of a busy machine


class Hosts(RunsTest):
    n_samples = 60
    flags = ("--engine", "stepwise", "--chunk_size", "3", "--resume")
    methods = "random,knorm,streaming_llm"

    def make_hosts(self, **wire):
        self.hosts = TwoHosts.make(self.folder, **wire)
        self.addCleanup(self.hosts.close)
        if not self.out("undisturbed").exists():
            self.run_once("undisturbed", *self.flags, methods=self.methods, timeout=PATIENCE)

    def start_over_both(self, out, *flags, supervisor=()):
        command, environment = self.hosts.mpirun(self.command(out, *self.flags, *flags, methods=self.methods), supervisor)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                env=self.environment(**environment))

    def end_of(self, process):
        told = process.communicate(timeout=PATIENCE)[1]
        return process.returncode, told

    def assert_goes_on(self, host, out):
        command = self.hosts.on(host, *self.command(out, *self.flags, methods=self.methods))
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=self.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_same_results(out, "undisturbed")

    def assert_the_bytes_of_one_process(self, out):
        code, told = self.end_of(self.start_over_both(out))
        self.assertEqual(code, 0, told)
        self.assert_same_results(out, "undisturbed")
        self.assertEqual({record["host"] for record in self.journal(out) if record.get("ok")}, set(HOSTS))
        self.assertGreater(self.hosts.n_bytes_on_the_wire(), 10_000)

    def test_that_are_well_give_the_bytes_of_one_process(self):
        self.make_hosts()
        self.assert_the_bytes_of_one_process("well")

    def test_whose_wire_delays_and_loses_packets_give_the_bytes_of_one_process(self):
        self.make_hosts(delay_ms=50, loss=0.05)
        self.assert_the_bytes_of_one_process("bad_wire")
        n_passed, n_lost = self.hosts.end_bad_wire()
        print(f"{n_passed} packets passed on, {n_lost} lost", file=sys.stderr)
        self.assertGreater(n_lost, 0)

    def test_whose_wire_is_cut_end_with_75_and_the_run_goes_on_elsewhere(self):
        self.make_hosts()
        process = self.start_over_both("cut", "--rank_timeout", SILENCE)
        self.wait_for_units("cut", 20, process)
        there = self.hosts.processes("hostb")
        self.hosts.cut_the_wire()
        code, told = self.end_of(process)
        self.assertEqual(code, 75, told)
        self.assertIn(LOST, told)
        self.assertTrue(wait_until_gone(there, PATIENCE))
        self.assert_goes_on("hostb", "cut")

    def test_one_of_which_freezes_end_their_ranks_and_the_supervisor_goes_on_without_their_mpirun(self):
        self.make_hosts()
        process = self.start_over_both("frozen", "--rank_timeout", SILENCE, supervisor=SUPERVISOR)
        self.wait_for_units("frozen", 20, process)
        frozen = self.hosts.processes("hostb")
        self.hosts.signal(frozen, signal.SIGSTOP)
        code, told = self.end_of(process)  # what is started there later is not frozen
        self.assertEqual(code, 0, told)
        self.assertIn(LOST, told)
        self.assertIn("killing mpirun", told)
        self.assertEqual(told.count("starting again"), 1, told)
        self.assert_same_results("frozen", "undisturbed")
        self.hosts.signal(frozen, signal.SIGCONT)
        self.assertTrue(wait_until_gone(frozen, PATIENCE))
        self.assert_same_results("frozen", "undisturbed")


if __name__ == "__main__":
    main(sys.argv)
