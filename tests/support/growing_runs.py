"""Runs that grow: the instances and samples of one run, asked for a part at a time, disturbed or not."""
import os
import signal
import time

from kvcompare_runs import Histories, RunsTest, descendants, wait_until_gone

INSTANCES = ("random:compression_ratio=0.25", "random", "random:seed=7", "streaming_llm:compression_ratio=0.75:n_sink=2",
             "streaming_llm", "kvzap:sliding_window_size=4:threshold=-7.5", "kvzap:sliding_window_size=4:threshold=-6.5",
             "expected_attention:n_future_positions=8:use_vnorm=false", "knorm", "random:policy=threshold:threshold=0.4")


def random_growth(choose, n_samples):
    """[(instances, samples)]: each has all that the one before has, in an order of its own; the last is the whole run."""
    steps, asked, n = [], set(), 0
    for _ in range(choose.randint(1, 4)):
        asked |= set(choose.sample(INSTANCES, choose.randint(1, 4)))
        n = choose.randint(max(n, 1), n_samples)
        steps.append((choose.sample(sorted(asked), len(asked)), n))
    return [*steps, (INSTANCES, n_samples)]


def instances_first(n_samples):
    return [(INSTANCES[:n], 3) for n in (1, 4, len(INSTANCES))] + [(INSTANCES, n_samples)]


def samples_first(n_samples):
    return [(INSTANCES[:2], n) for n in (1, 5, n_samples)] + [(INSTANCES, n_samples)]


class GrowingTest(RunsTest):
    engine = "stepwise"  # slow enough to be disturbed

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().run_once("whole", *cls.flags(cls.n_samples), methods=",".join(INSTANCES))

    def runTest(self):  # so that setUpClass can run the program
        pass

    @classmethod
    def flags(cls, n_samples):
        # The whole run names its samples, too: what is asked for is in the results.
        return ("--engine", cls.engine, "--max_samples", n_samples)

    def grow(self, out, steps, choose=None, ranks=(0,), disturbances=(None,)):
        """Takes every step to its end, and looks after each; a disturbance is tried once a step."""
        histories = Histories(self.out(out), self.out(out + ".computed"))
        for instances, n in steps:
            number = choose.choice(disturbances) if choose else None
            n_ranks = choose.choice(ranks) if choose else ranks[0]
            flags = ("--resume", "--computed_log", histories.computed_log, *self.flags(n))
            if number is not None:
                self.disturb(out, number, choose, n_ranks, flags, instances)
                histories.look()
            self.run_once(out, *flags, methods=",".join(instances), ranks=n_ranks)
            histories.look()
        return histories

    def disturb(self, out, number, choose, ranks, flags, instances):
        process = self.start(out, *flags, methods=",".join(instances), ranks=ranks)
        file = self.out(out) / "journal.jsonl"
        n_lines = (file.read_bytes().count(b"\n") if file.exists() else 0) + choose.randint(0, 60)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if file.exists() and file.read_bytes().count(b"\n") >= n_lines:
                break
            time.sleep(0.002)
        victims = [process.pid, *descendants(process.pid)]
        if number == signal.SIGKILL:
            for pid in choose.sample(victims, choose.randint(1, len(victims))):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
        elif process.poll() is None:
            process.send_signal(number)
        with process.stderr:
            rest = process.stderr.read()
        code = process.wait(timeout=60)
        self.assertTrue(wait_until_gone(victims), rest)
        if number != signal.SIGKILL:
            self.assertIn(code, (0, 75), rest)

    def assert_grown(self, out, histories):
        self.assert_same_results(out, "whole")
        n_units = self.n_samples * (1 + len(INSTANCES))
        verdict = histories.verdict()
        self.assertEqual((verdict["units"], verdict["lost"], verdict["differing"]), (n_units, 0, 0))
        self.assertEqual(histories.computed_again, set())
        return verdict
