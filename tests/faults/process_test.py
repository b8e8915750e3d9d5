#!/usr/bin/env python3
"""What a process may be started with, and what may happen to it before its first unit: process_test.py BUILD_FOLDER CLASS"""
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, descendants, main, write_endless_model

NOBODY = 65534
PIDS = Path("/sys/fs/cgroup/pids")


class Descriptors(RunsTest):
    """Daemons start programs with closed standard descriptors."""

    def test_what_is_printed_lands_in_no_file_whichever_of_them_are_closed(self):
        self.run_once("open")
        for closed in itertools.chain.from_iterable(itertools.combinations((0, 1, 2), n) for n in range(4)):
            out = "closed" + "".join(map(str, closed))
            with self.subTest(closed=closed):
                def close_them():
                    for descriptor in closed:
                        os.close(descriptor)

                done = subprocess.run(self.command(out), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True, timeout=120, env=self.environment(), preexec_fn=close_them)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual("Method" in done.stdout, 1 not in closed)
                self.assertEqual("samples" in done.stderr, 2 not in closed)
                self.assert_same_results(out, "open")
                lines = (self.out(out) / "journal.jsonl").read_bytes().splitlines()
                self.assertEqual(len(self.journal(out)), len(lines))  # each is a record with its checksum
                self.assertRegex((self.out(out) / "LOCK").read_text(), r"\Ahost \S+, process \d+, started \d+ .*\n\Z")
                self.run_finalize(out)

    def run_finalize(self, out):
        done = subprocess.run([self.build / "kvcompare", "finalize", self.out(out)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)


class Surroundings(RunsTest):
    def test_a_limit_of_file_sizes_is_an_error_of_output(self):
        for limit in (3_000, 20_000):  # the journal's; that of the results
            def set_limit():
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

            done = subprocess.run(self.command(f"limit{limit}"), capture_output=True, text=True, timeout=120,
                                  env=self.environment(), preexec_fn=set_limit)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("File too large", done.stderr)

    def test_a_working_directory_that_has_been_deleted(self):
        gone = self.folder / "gone"
        gone.mkdir()
        done = subprocess.run(["sh", "-c", 'rmdir "$0" && exec "$@"', gone, *self.command("nowhere")], capture_output=True,
                              text=True, timeout=60, cwd=gone, env=self.environment())
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr, "kvcompare: error: the working directory has been deleted; start kvcompare in one that exists\n")

    def test_a_configuration_file_without_end(self):
        done = subprocess.run([self.build / "kvcompare", "--config", "/dev/zero"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("'/dev/zero' holds more than 16 MiB", done.stderr)

    def threads(self, preexec_fn=None, **environment):
        """What doctor says of the default of --threads."""
        done = subprocess.run([self.build / "kvcompare", "doctor", "--output_dir", self.out("x")], capture_output=True,
                              text=True, timeout=60, env=self.environment(**environment), preexec_fn=preexec_fn)
        return re.search(r"--threads (.*?);", done.stdout)[1]

    def test_omp_num_threads_is_what_threads_default_to(self):
        self.assertEqual(self.threads(OMP_NUM_THREADS="7,2"), "7: OMP_NUM_THREADS")
        self.assertNotIn("OMP", self.threads(OMP_NUM_THREADS="0"))
        for ranks in (0, 2):
            command = self.command(f"omp{ranks}", ranks=ranks)
            del command[command.index("--threads"):]
            subprocess.run(command, check=True, capture_output=True, timeout=120, env=self.environment(OMP_NUM_THREADS="3"))
            run = json.loads((self.out(f"omp{ranks}") / "run.json").read_text())
            self.assertEqual(run["sessions"][0]["threads"], 3)

    def test_a_quota_of_a_control_group_is_what_threads_default_to(self):
        cores = len(os.sched_getaffinity(0))
        group = Path("/sys/fs/cgroup/cpu") / f"kvcompare_test_{os.getpid()}"
        try:
            group.mkdir()
            (group / "cpu.cfs_quota_us").write_text("50000")  # half a core; version 1
        except OSError as error:
            self.skipTest(f"no cgroup of version 1 can be made here: {error}")
        self.addCleanup(group.rmdir)
        inside = self.threads(lambda: (group / "cgroup.procs").write_text(str(os.getpid())), OMP_NUM_THREADS="")
        self.assertEqual(inside, "1: cgroup cpu.cfs_quota_us" if cores > 1 else "1: affinity")


class FewThreads(RunsTest):
    def assert_told(self, done, *words):
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"kvcompare: error: this run needs \d+ threads beside the main one, and the system gives \d+ ")
        for word in words:
            self.assertIn(word, done.stderr)

    def start_as(self, out, limits, threads="1"):
        command = self.command(out)
        command[command.index("--threads") + 1] = threads
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=self.environment(), preexec_fn=limits)

    def test_of_a_user_end_the_start(self):
        if os.getuid() != 0:
            self.skipTest("becoming a user who has no other processes needs root")
        self.folder.chmod(0o755)
        (self.folder / "nobodys").mkdir()
        (self.folder / "nobodys").chmod(0o777)
        for limit in (1, 3):
            def become_nobody():
                resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
                os.setgroups([])
                os.setuid(NOBODY)

            if limit == 1 and subprocess.run([self.build / "kvcompare", "--version"], preexec_fn=become_nobody,
                                             capture_output=True).returncode != 0:
                self.skipTest("the program cannot be read by another user here")
            self.assert_told(self.start_as(f"nobodys/{limit}", become_nobody), f"RLIMIT_NPROC (ulimit -u) {limit}")

    def test_of_a_control_group_end_the_start(self):
        group = PIDS / f"kvcompare_test_{os.getpid()}"
        try:
            group.mkdir()
        except OSError as error:
            self.skipTest(f"no cgroup for processes can be made here: {error}")
        self.addCleanup(group.rmdir)
        for limit in (1, 2, 4):
            (group / "pids.max").write_text(str(limit))
            self.assert_told(self.start_as(f"group{limit}", lambda: (group / "cgroup.procs").write_text(str(os.getpid()))),
                             f"pids.max {limit} with {limit} in use in {group}")
        (group / "pids.max").write_text("12")
        done = self.start_as("enough", lambda: (group / "cgroup.procs").write_text(str(os.getpid())))
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.start_as("many", lambda: (group / "cgroup.procs").write_text(str(os.getpid())), threads="64")
        self.assert_told(done, "pids.max 12", "fewer with --threads")


class StartUp(RunsTest):
    """A stop ends a start-up at once, whatever it is waiting for."""

    def stopped(self, process, words, number=signal.SIGTERM, most_seconds=2, code=75):
        begun = time.monotonic()
        process.send_signal(number)
        try:
            _, told = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            for pid in [process.pid, *descendants(process.pid)]:
                os.kill(pid, signal.SIGKILL)
            _, told = process.communicate()
            self.fail("it goes on after 20 s: " + told)
        self.assertEqual(process.returncode, code, told)
        self.assertLess(time.monotonic() - begun, most_seconds, told)
        self.assertIn(words, told)
        self.assertEqual(told.count("interrupted"), 1, told)

    def fifo(self, name):
        os.mkfifo(self.folder / name)
        return self.folder / name

    def wait_until_it_reads(self, process, fifo):
        """Opening the other end waits for a reader. Returns it, or nothing is read."""
        writer = os.open(fifo, os.O_WRONLY)
        self.addCleanup(os.close, writer)
        self.assertIsNone(process.poll())
        return writer

    def test_that_reads_data_from_a_slow_pipe(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            fifo = self.fifo(f"data{number}")
            process = self.start(f"slow{number}", data=fifo)
            os.write(self.wait_until_it_reads(process, fifo), b'{"input_ids": [1, 2, 3]}\n')
            self.stopped(process, "run again with --resume", number)
            self.assertEqual(sorted(os.listdir(self.out(f"slow{number}"))), ["LOCK"])
        self.run_once(f"slow{signal.SIGINT}", "--resume")

    def test_that_reads_a_configuration_from_a_slow_pipe(self):
        fifo = self.fifo("config")
        process = self.start("config_out", "--config", fifo)
        self.wait_until_it_reads(process, fifo)
        self.stopped(process, "interrupted; run again")

    def test_that_hashes_a_large_model(self):
        model = self.folder / "large"
        write_endless_model(model, self.model / "config.json")
        process = self.start("hashes", model=model, methods="random")
        while "large" not in "".join(os.readlink(f) for f in open_files(process.pid)):
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        time.sleep(1)  # it goes on
        self.assertIsNone(process.poll())
        self.stopped(process, "run again with --resume")

    def test_of_ranks_that_read_data_from_a_slow_pipe(self):
        for number, code in ((signal.SIGUSR1, 75), (signal.SIGINT, 1)):  # mpirun's own code after SIGINT
            fifo = self.fifo(f"ranks{number}")
            process = self.start(f"ranks_out{number}", data=fifo, ranks=2)
            self.wait_until_it_reads(process, fifo)
            ranks = descendants(process.pid)
            self.stopped(process, "run again with --resume", number, most_seconds=6, code=code)
            self.assertGreaterEqual(len(ranks), 2)

    def test_of_a_training(self):
        fifo = self.fifo("prompts")
        process = subprocess.Popen([self.build / "kvcompare", "train_kvzap", "--model_name", self.model, "--data_path", fifo,
                                    "--output", self.folder / "trained"], stderr=subprocess.PIPE, text=True)
        self.wait_until_it_reads(process, fifo)
        self.stopped(process, "run again with --resume")


class LostModel(RunsTest):
    """Files of the model that somebody cuts while they are mapped."""

    def test_is_named_and_what_is_done_is_safe(self):
        model = self.folder / "cut"
        shutil.copytree(self.model, model)
        self.run_once("expected", "--engine", "stepwise", model=model)
        whole = (model / "model.safetensors").read_bytes()
        process = self.start("cut_out", "--engine", "stepwise", model=model)
        self.wait_for_units("cut_out", 5, process)
        os.truncate(model / "model.safetensors", 4096)
        _, told = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 5, told)
        self.assertRegex(told, r"kvcompare: error: \S+/cut/model\.safetensors: (\S+: )?(cannot be read any more|was changed)")
        (model / "model.safetensors").write_bytes(whole)
        self.run_once("cut_out", "--engine", "stepwise", "--resume", model=model)
        self.assert_same_results("cut_out", "expected")


def open_files(pid):
    try:
        return [f for f in Path("/proc", str(pid), "fd").iterdir() if f.is_symlink()]
    except OSError:
        return []


if __name__ == "__main__":
    main(sys.argv)
