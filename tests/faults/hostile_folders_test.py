#!/usr/bin/env python3
"""Folders and surroundings that somebody has spoilt, or that are short of something: hostile_folders_test.py BUILD_FOLDER CLASS"""
import json
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, main
from thorough import tries

NOBODY = 65534


def put_fifo(path):
    os.mkfifo(path)


def put_folder(path):
    path.mkdir()


def put_device(path):
    path.symlink_to("/dev/zero")


IRREGULAR = {"a pipe (FIFO)": put_fifo, "a folder": put_folder, "a device": put_device}


def little_memory():
    """So that a file without end ends the program, and not the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


class HostileTest(RunsTest):
    n_samples = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().run_once("done", methods="random")

    def runTest(self):
        pass

    def start_with(self, out, *flags, preexec_fn=None, **options):
        return subprocess.run(self.command(out, *flags, methods="random", **options), capture_output=True, text=True, timeout=120,
                              env=self.environment(), preexec_fn=preexec_fn)

    def assert_refused(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stderr.count("kvcompare: error:"), 1, done.stderr)


class Output(HostileTest):
    def test_a_lock_that_is_a_link_is_not_followed_and_nothing_else_is_taken_for_a_lock(self):
        precious = self.folder / "precious"
        precious.write_text("of somebody else")
        kinds = {**IRREGULAR, "a symbolic link": lambda path: path.symlink_to(precious)}
        kinds["a device"] = lambda path: os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5))  # /dev/zero, without a link
        for number, (kind, put) in enumerate(kinds.items()):
            out = f"lock{number}"
            self.out(out).mkdir()
            try:
                put(self.out(out) / "LOCK")
            except PermissionError:
                continue  # making a device needs root
            done = self.start_with(out)
            self.assert_refused(done, 4, f"{out}/LOCK: is {kind}, but kvcompare writes a file of its own there", "--output_dir")
        self.assertEqual(precious.read_text(), "of somebody else")

    def test_a_journal_that_is_no_file_is_refused_at_once(self):
        for number, (kind, put) in enumerate(IRREGULAR.items()):
            out = f"journal{number}"
            self.copy("done", out)
            (self.out(out) / "journal.jsonl").unlink()
            put(self.out(out) / "journal.jsonl")
            self.assert_refused(self.start_with(out, "--resume", preexec_fn=little_memory), 5, f"journal.jsonl: is {kind}, not a file")
            done = subprocess.run([self.build / "kvcompare", "finalize", self.out(out)], capture_output=True, text=True, timeout=60,
                                  preexec_fn=little_memory)
            self.assert_refused(done, 5, f"journal.jsonl: is {kind}, not a file")
            if kind != "a folder":
                self.assertEqual(self.start_with(out, "--overwrite").returncode, 0)
                self.assert_same_results(out, "done")

    def test_links_to_folders_and_files_are_followed(self):
        (self.folder / "elsewhere").mkdir()
        self.out("link").symlink_to("elsewhere")
        self.assertEqual(self.start_with("link").returncode, 0)
        self.assert_same_results("elsewhere", "done")
        journal = self.out("link") / "journal.jsonl"
        journal.rename(self.folder / "journal_elsewhere")
        journal.symlink_to(self.folder / "journal_elsewhere")
        self.assertEqual(self.start_with("link", "--resume").returncode, 0)
        self.assertTrue(journal.is_symlink())
        self.assert_same_results("link", "done")
        self.out("dangling").symlink_to("nowhere")
        self.assert_refused(self.start_with("dangling"), 4, "dangling: cannot be made a folder")

    def test_of_another_user_is_refused_and_stays_as_it_was(self):
        def become_nobody():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        if os.getuid() != 0 or subprocess.run([self.build / "kvcompare", "--version"], preexec_fn=become_nobody,
                                              capture_output=True).returncode != 0:
            self.skipTest("the program cannot be started as another user here")
        self.folder.chmod(0o755)
        self.copy("done", "of_root")
        self.copy("done", "open_to_all")
        self.out("open_to_all").chmod(0o777)  # but its files are not
        for out in ("of_root", "open_to_all"):
            before = {file.name: file.read_bytes() for file in self.out(out).iterdir()}
            self.assert_refused(self.start_with(out, "--resume", preexec_fn=become_nobody), 4, f"{out}/LOCK: cannot be written: Permission denied")
            self.assertEqual({file.name: file.read_bytes() for file in self.out(out).iterdir()}, before)

    def test_without_room_for_the_lock(self):
        small = self.folder / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], capture_output=True).returncode:
            self.skipTest("a small file system cannot be mounted here; it needs root")
        self.addCleanup(lambda: subprocess.run(["umount", small], check=True))
        (small / "run").mkdir()
        (small / "filler").write_bytes(b"x" * (os.statvfs(small).f_bavail * os.statvfs(small).f_frsize))
        self.assert_refused(self.start_with("small/run"), 4, "run/LOCK: cannot be written: No space left on device")

    def test_in_which_twenty_begin_at_once_has_one_run(self):
        processes = [self.start("twenty", methods="random") for _ in range(20)]
        told = [process.communicate(timeout=300)[1] for process in processes]
        codes = Counter(process.returncode for process in processes)
        # One that comes when the run is complete finds its results instead of its lock.
        self.assertEqual(codes[0], 1, told)
        self.assertEqual(codes[0] + codes[3] + codes[2], 20, told)
        self.assert_same_results("twenty", "done")


class Model(HostileTest):
    def copy_of_model(self, name):
        folder = self.folder / name
        shutil.copytree(self.model, folder)
        return folder

    def test_links_are_followed(self):
        folder = self.folder / "model_of_links"
        folder.mkdir()
        for file in self.model.iterdir():
            (folder / file.name).symlink_to(file)
        (self.folder / "link_to_model").symlink_to(folder)
        self.assertEqual(self.start_with("linked", model=self.folder / "link_to_model").returncode, 0)
        self.assertEqual(json.loads((self.out("linked") / "detailed_results.json").read_text())["results"],
                         json.loads((self.out("done") / "detailed_results.json").read_text())["results"])

    def test_what_is_no_file_is_refused_at_once(self):
        texts = self.folder / "texts.jsonl"
        texts.write_text('{"text": "a few words"}\n')
        for name, data in (("config.json", None), ("model.safetensors", None), ("tokenizer.json", texts)):
            for number, (kind, put) in enumerate(IRREGULAR.items()):
                model = self.copy_of_model(f"{name}{number}")
                (model / name).unlink(missing_ok=True)
                put(model / name)
                done = self.start_with(f"out_{name}{number}", model=model, data=data, preexec_fn=little_memory)
                self.assert_refused(done, 5, f"{model / name}: is {kind}, not a file")

    def test_a_shard_is_a_file_of_its_folder(self):
        (self.folder / "outside.safetensors").write_bytes((self.model / "model.safetensors").read_bytes())
        model = self.copy_of_model("sharded")
        (model / "model.safetensors").unlink()
        for shard in ("../outside.safetensors", str(self.folder / "outside.safetensors"), "below/x.safetensors", "..", ""):
            (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"lm_head.weight": shard}}))
            self.assert_refused(self.start_with("shards", model=model), 5, "model.safetensors.index.json: weight_map.lm_head.weight: is in",
                                f"'{shard}'", "expected the name of a .safetensors file in the same folder")
        os.mkfifo(model / "pipe.safetensors")
        (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"lm_head.weight": "pipe.safetensors"}}))
        self.assert_refused(self.start_with("shards", model=model), 5, "pipe.safetensors: is a pipe (FIFO), not a file")


class Limits(HostileTest):
    def test_of_open_files_are_an_error_that_names_the_file_and_loses_nothing(self):
        self.run_once("all")
        n_refused = 0
        for limit in tries((7, 12), range(4, 30)):
            out = f"files{limit}"
            done = subprocess.run(self.command(out), capture_output=True, text=True, timeout=120, env=self.environment(),
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
            if done.returncode not in (0, 127):  # 127: the system cannot load the program
                n_refused += 1
                self.assertIn(done.returncode, (1, 4, 5), done.stderr)
                self.assertRegex(done.stderr, r"kvcompare: error: .*Too many open files")
            self.run_once(out, "--resume")
            self.assert_same_results(out, "all")
        self.assertGreater(n_refused, 0)

    def test_a_standard_error_that_is_full_loses_nothing_but_its_words(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run(self.command("full", methods="random"), stdout=subprocess.PIPE, stderr=full, text=True, timeout=120,
                                  env=self.environment())
        self.assertEqual(done.returncode, 0)
        self.assertIn("Method", done.stdout)
        self.assert_same_results("full", "done")


class Clock(HostileTest):
    """Somebody sets the clock, again and again (jumping_clock.c)."""

    def test_that_jumps_by_years_changes_no_result(self):
        for ranks in (0, 2):
            out = f"jumps{ranks}"
            # LD_PRELOAD reaches the program alone, through env: mpirun may do with the time of day what it likes.
            command = self.command(out, methods="random", ranks=ranks)
            at = command.index(str(self.build / "kvcompare"))
            command[at:at] = ["env", f"LD_PRELOAD={self.build / 'libjumping_clock.so'}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=self.environment())
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("cannot be preloaded", done.stderr)
            self.assert_same_results(out, "done")
        sessions = json.loads((self.out("jumps0") / "run.json").read_text())["sessions"]
        undisturbed = json.loads((self.out("done") / "run.json").read_text())["sessions"]
        self.assertNotEqual(sessions[0]["started"][:7], undisturbed[0]["started"][:7])  # the clock did jump


if __name__ == "__main__":
    main(sys.argv)
