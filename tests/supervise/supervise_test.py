#!/usr/bin/env python3
"""launch/kvcompare-supervise with a command that ends as it is told: supervise_test.py [unittest options]"""
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SUPERVISE = Path(__file__).resolve().parents[2] / "launch" / "kvcompare-supervise"
# Ends with the next of its codes, and adds lines to the journal before. Code "wait": until SIGUSR1, then 75.
COMMAND = """#!/bin/bash
state=$1; shift
echo start >> $state/starts
n=$(wc -l < $state/starts)
line=$(sed -n "${n}p" $state/plan)
set -- $line
for i in $(seq ${2:-0}); do echo '{"unit":[0,"a"]}' >> $state/out/journal.jsonl; done
if [ "$1" = wait ]; then trap 'kill $s; exit 75' USR1; touch $state/ready; sleep 60 >/dev/null 2>&1 & s=$!; wait $s; exit 99; fi
if [ "$1" = deaf ]; then trap '' USR1; touch $state/ready; sleep 60 >/dev/null 2>&1 & wait $!; wait $!; exit 99; fi
exit $1
"""


class Supervise(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        (self.folder / "out").mkdir()
        self.command = self.folder / "command"
        self.command.write_text(COMMAND)
        self.command.chmod(0o755)

    def start(self, plan, *options):
        """plan: for each start an exit code and the lines by which the journal grows."""
        (self.folder / "plan").write_text("".join(f"{code} {lines}\n" for code, lines in plan))
        return subprocess.Popen([SUPERVISE, "--backoff", "0", *options, "--", self.command, self.folder, "--resume",
                                 "--output_dir", self.folder / "out"], stderr=subprocess.PIPE, text=True)

    def run_plan(self, plan, *options):
        process = self.start(plan, *options)
        _, self.said = process.communicate(timeout=60)
        return process.returncode

    def n_starts(self):
        return (self.folder / "starts").read_text().count("\n")

    def test_starts_again_after_every_code_that_says_so(self):
        for code in (1, 75, 110, 134, 137, 139, 143):
            (self.folder / "starts").write_text("")
            self.assertEqual(self.run_plan([(code, 0), (code, 0), (0, 0)]), 0)
            self.assertEqual(self.n_starts(), 3)

    def test_does_not_after_any_other(self):
        for code in (0, 2, 3, 4, 5, 6, 64):
            (self.folder / "starts").write_text("")
            self.assertEqual(self.run_plan([(code, 0), (0, 0)]), code)
            self.assertEqual(self.n_starts(), 1)

    def test_gives_up_after_restarts_without_progress(self):
        self.assertEqual(self.run_plan([(137, 0)] * 9, "--max_restarts", "3"), 137)
        self.assertEqual(self.n_starts(), 4)
        self.assertIn("no progress after 3 restarts", self.said)

    def test_goes_on_as_long_as_there_is_progress(self):
        self.assertEqual(self.run_plan([(137, 1)] * 9 + [(0, 0)], "--max_restarts", "1"), 0)
        self.assertEqual(self.n_starts(), 10)

    def test_doubles_the_pause_up_to_its_limit(self):
        self.run_plan([(1, 0)] * 4, "--max_restarts", "3", "--backoff", "0", "--max_backoff", "0")
        self.assertEqual(self.said.count("in 0 s"), 3)
        (self.folder / "starts").unlink()
        self.run_plan([(1, 0)] * 4, "--max_restarts", "3", "--backoff", "1", "--max_backoff", "2")
        pauses = [line.split(" in ")[1].split()[0] for line in self.said.splitlines() if " in " in line]
        self.assertEqual(pauses, ["1", "2", "2"])

    def test_passes_a_stop_on_and_does_not_start_again(self):
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
            (self.folder / "starts").write_text("")
            process = self.start([("wait", 0), (0, 0)])
            while not (self.folder / "ready").exists():
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            process.send_signal(number)
            _, said = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 75, said)
            self.assertEqual(self.n_starts(), 1)
            (self.folder / "ready").unlink()

    def test_a_second_stop_kills_what_does_not_listen(self):
        process = self.start([("deaf", 0), (0, 0)])
        while not (self.folder / "ready").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        self.assertIn("asking the command to stop", process.stderr.readline())
        # Again and again, as a user would: a signal in the moment before bash begins to wait is only heeded with the next.
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        self.assertEqual(process.poll(), 137, process.stderr.read())

    def outlived(self, launcher, seconds, *options):
        """Runs with a launcher that at its first start ends so long after its kvcompare, with 3; at its second at once, with 0."""
        # The supervisor looks once a second.
        for name, lines in (("kvcompare", "sleep 4; exit 75"), (launcher, f"""cd {self.folder}
echo start >> starts
[ "$(wc -l < starts)" = 1 ] || exit 0
./kvcompare
sleep {seconds} >/dev/null 2>&1
exit 3""")):
            (self.folder / name).write_text(f"#!/bin/bash\n{lines}\n")
            (self.folder / name).chmod(0o755)
        done = subprocess.run([SUPERVISE, "--backoff", "0", *options, "--", self.folder / launcher, "--resume"],
                              stderr=subprocess.PIPE, text=True, timeout=60)
        self.said = done.stderr
        return done.returncode

    def test_an_mpirun_that_outlives_its_ranks_is_killed_and_started_again(self):
        self.assertEqual(self.outlived("mpirun", 60, "--end_grace", "1"), 0, self.said)
        self.assertEqual(self.n_starts(), 2)
        self.assertIn("killing mpirun", self.said)
        self.assertIn("exit code 137: starting again", self.said)

    def test_what_outlives_its_kvcompare_less_long_or_is_no_mpirun_is_left_alone(self):
        for launcher, grace in (("mpirun", "100"), ("my_script", "1")):
            (self.folder / "starts").write_text("")
            self.assertEqual(self.outlived(launcher, 4, "--end_grace", grace), 3, self.said)
            self.assertEqual(self.n_starts(), 1)

    def supervised_gpus(self, tables, visible=None):
        """Runs with a kvcompare whose doctor says the next of the tables at each start, and which is lost (75) at every
        start but the last. Returns what each start was given: the word behind -n, and CUDA_VISIBLE_DEVICES."""
        for n, table in enumerate(tables):
            (self.folder / f"doctor{n}").write_text(table)
        program = self.folder / "kvcompare"
        program.write_text(f"""#!/bin/bash
cd {self.folder}
n=$(cat starts 2>/dev/null | wc -l)
if [ "$1" = doctor ]; then echo "$*" >> asked; cat doctor$n; exit 2; fi
echo "$1 ${{CUDA_VISIBLE_DEVICES-unset}}" >> starts
[ $((n + 1)) = {len(tables)} ] || exit 75
""")
        launcher = self.folder / "mpirun"  # kvcompare's argument is the number of ranks
        launcher.write_text('#!/bin/bash\nexec "$3" "$2" "${@:4}"\n')
        for file in (program, launcher):
            file.chmod(0o755)
        environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        done = subprocess.run([SUPERVISE, "--backoff", "0", "--max_restarts", "3", "--usable_gpus", "--", launcher, "-n", "RANKS",
                               program, "--resume", "--output_dir", self.folder / "out"],
                              stderr=subprocess.PIPE, text=True, env=environment, timeout=60)
        self.code, self.said = done.returncode, done.stderr
        starts = self.folder / "starts"
        return starts.read_text().splitlines() if starts.exists() else []

    @staticmethod
    def table(*health):
        return ("ok     CUDA driver      CUDA up to 13.0\n"
                + "".join(f"{h:<7}{'GPU ' + str(n):<17}NVIDIA H100 80GB HBM3, 85.0 GB\n" for n, h in enumerate(health))
                + "ok     devices          cuda:0, cuda:1\n")

    def test_a_lost_gpu_is_done_without(self):
        starts = self.supervised_gpus([self.table("ok", "ok", "ok", "ok"), self.table("ok", "BAD", "ok", "ok"),
                                       self.table("ok", "ok")])
        self.assertEqual(starts, ["4 0,1,2,3", "3 0,2,3", "2 0,1"])
        self.assertEqual(self.code, 0)
        self.assertIn("GPUs that answer: 0,2,3", self.said)
        self.assertIn(f"--output_dir {self.folder}/out", (self.folder / "asked").read_text())

    def test_gpus_keep_the_names_that_the_environment_gives_them(self):
        starts = self.supervised_gpus([self.table("ok", "BAD", "ok")], visible="GPU-aa,GPU-bb,GPU-cc")
        self.assertEqual(starts, ["2 GPU-aa,GPU-cc"])

    def test_without_any_gpu_nothing_is_started(self):
        self.assertEqual(self.supervised_gpus([self.table("BAD")] * 2), [])
        self.assertEqual(self.code, 1)
        self.assertIn("no GPU answers", self.said)
        self.assertIn("no progress after 3 restarts", self.said)

    def test_refuses_a_command_that_would_not_go_on(self):
        done = subprocess.run([SUPERVISE, "--", "kvcompare", "--data_path", "x"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no --resume", done.stderr)
        for arguments in (["--max_restarts", "few", "--", "x", "--resume"], ["--usable_gpus", "--", "x", "--resume"], ["--unknown", "--", "x"], [], ["--"]):
            done = subprocess.run([SUPERVISE, *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("--help", done.stderr)

    def test_tells_how_it_is_used(self):
        done = subprocess.run([SUPERVISE, "--help"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)
        self.assertIn("--max_restarts N", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
