#!/usr/bin/env python3
"""What a power cut may leave of a run, tried state by state:

    tests/faults/power_cut.py BUILD_FOLDER [--states N] [--seed S]

A run is recorded (recorder.c): every file that it makes, writes, cuts, syncs, renames and removes, in order. A power cut
after any of these operations leaves what was synced before. Of what was not synced a file system may keep any part:
- bytes written to a file: none, all, all but the last write, half of the last write, or all but the first, whose place is zeros;
- entries of folders (a file or folder made, renamed, removed): none, all, all but any one, or any one alone.
Each state that these choices give is made once, and the run is resumed from it with --resume. It has to end with the same bytes,
and must not evaluate a unit again whose line in the journal was on the disk. If the journal has a hole, kvcompare may refuse it
(exit code 5); then --salvage has to do the same.
--states: so many of the states, drawn at random; default: all of them.
"""
import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import FINAL_FILES, RunsTest, acknowledged_units, journal_records

RUN = "run"  # the folder of the recorded run, and its name in the log
DATA_CHOICES = ("none", "all", "without_last", "half_of_last", "hole")


def operations(log):
    for line in log.read_text().splitlines():
        kind, *rest = line.split(" ")
        yield kind, rest


def parent(path):
    return path.rsplit("/", 1)[0] if "/" in path else "."


class Disk:
    """What the operations so far have done, and which of it is synced."""

    def __init__(self):
        self.names = {}  # path -> inode, as the running program sees it
        self.data = {}  # inode -> operations on its bytes
        self.n_synced = Counter()  # inode -> how many of them are synced
        self.entries = []  # operations on folders that are not synced: (folders, apply)
        self.synced_names = {}

    def do(self, kind, rest):
        path = rest[0]
        if kind in "CM":
            inode = len(self.data)
            self.data[inode] = []
            self.entry((parent(path),), ("link", path, inode))
        elif kind == "W":
            self.data[self.names[path]].append(("write", int(rest[1]), bytes.fromhex(rest[2])))
        elif kind == "T":
            self.data[self.names[path]].append(("cut", int(rest[1])))
        elif kind == "U":
            self.entry((parent(path),), ("unlink", path))
        elif kind == "R":
            self.entry((parent(path), parent(rest[1])), ("rename", path, rest[1]))
        elif kind == "S":
            inode = self.names.get(path)
            if inode is not None:
                self.n_synced[inode] = len(self.data[inode])
            self.sync_folder(path)

    def entry(self, folders, change):
        self.entries.append((folders, change))
        apply(self.names, change)

    def sync_folder(self, path):
        left = []
        for folders, change in self.entries:
            if path in folders:
                apply(self.synced_names, change)
            else:
                left.append((folders, change))
        self.entries = left

    def states(self):
        """Every state that a power cut may leave now: {path: bytes}."""
        changes = [change for _, change in self.entries]
        kept = [[], changes]
        for i in range(len(changes)):
            kept += [changes[:i] + changes[i + 1:], [changes[i]]]
        for choice in DATA_CHOICES:
            for some in kept:
                names = dict(self.synced_names)
                for change in some:
                    apply(names, change)
                if RUN not in names:
                    names = {}
                yield {path: contents(self.data[inode], self.n_synced[inode], choice)
                       for path, inode in names.items() if path != RUN}

    def acknowledged_bytes(self):
        """The journal as it is on the disk for sure."""
        inode = self.names.get(RUN + "/journal.jsonl")
        return b"" if inode is None else contents(self.data[inode], self.n_synced[inode], "none")


def apply(names, change):
    kind, path, *more = change
    if kind == "link":
        names[path] = more[0]
    elif kind == "unlink":
        names.pop(path, None)
    elif path in names:  # a rename whose source is lost changes nothing
        names[more[0]] = names.pop(path)


def contents(data, n_synced, choice):
    synced, pending = list(data[:n_synced]), list(data[n_synced:])
    if choice == "none":
        pending = []
    elif choice == "without_last":
        pending = pending[:-1]
    elif choice == "half_of_last" and pending and pending[-1][0] == "write":
        _, offset, written = pending[-1]
        pending = pending[:-1] + [("write", offset, written[: len(written) // 2])]
    elif choice == "hole" and pending and pending[0][0] == "write":
        _, offset, written = pending[0]
        pending = [("write", offset, bytes(len(written)))] + pending[1:] if len(pending) > 1 else []
    result = bytearray()
    for kind, place, *written in synced + pending:
        if kind == "cut":
            result = result[:place].ljust(place, b"\0")
        else:
            result = result.ljust(place, b"\0")
            result[place:place + len(written[0])] = written[0]
    return bytes(result)


def key(state):
    digest = hashlib.sha256()
    for path in sorted(state):
        digest.update(path.encode() + b"\0" + hashlib.sha256(state[path]).digest())
    return digest.hexdigest()


class PowerCuts(RunsTest):
    """Not collected by itself: power_cut_test.py and main() run it."""

    n_samples = 3
    methods = "random,knorm"
    recorder = None  # the shared library

    def record(self, out, log, *flags, before=None):
        if before:
            shutil.copytree(self.out(before), self.out(out))
        self.run_once(out, *flags, "--engine", "stepwise", methods=self.methods, timeout=300, environment={
            "LD_PRELOAD": str(self.recorder), "RECORDER_ROOT": str(self.out(out)), "RECORDER_LOG": str(log)})

    def states(self, log):
        """Different states, each with the journal that is on the disk for sure when it arises."""
        disk, seen = Disk(), {}
        for kind, rest in operations(log):
            disk.do(kind, rest)
            for state in disk.states():
                safe = disk.acknowledged_bytes()
                known = seen.get(key(state))
                if known is None or len(known[1]) < len(safe):
                    seen[key(state)] = (state, safe)
        return list(seen.values())

    def units_in(self, journal, name):
        file = self.folder / name
        file.write_bytes(journal)
        return acknowledged_units(file)

    def resume(self, number, state, safe):
        """Returns how the run went on, and checks that it may."""
        out = f"cut{number}"
        for path, written in state.items():
            target = self.out(out) / path.split("/", 1)[1]
            target.parent.mkdir(exist_ok=True, parents=True)
            target.write_bytes(written)
        log = self.folder / f"{out}.computed"
        flags = ["--resume", "--engine", "stepwise", "--computed_log", log]
        done = self.run_once(out, *flags, code=None, methods=self.methods, timeout=300)
        how = "resumed"
        if done.returncode == 5 and "--salvage" in done.stderr:
            done = self.run_once(out, *flags, "--salvage", code=None, methods=self.methods, timeout=300)
            how = "salvaged"
        self.assertEqual(done.returncode, 0, f"{sorted(state)}: {done.stderr}")
        acknowledged = self.units_in(safe, f"{out}.safe")
        computed = {(int(sample), name) for sample, name, _ in (line.split(" ") for line in log.read_text().splitlines())} if log.exists() else set()
        self.assertFalse(computed & set(acknowledged), f"acknowledged, and evaluated again: {sorted(state)}")
        for name in FINAL_FILES:
            self.assertEqual((self.out(out) / name).read_bytes(), (self.out(RUN) / name).read_bytes(), name)
        left = [name for name in os.listdir(self.out(out)) if ".tmp." in name and self.out(out).joinpath(name).stat().st_size > 1 << 30]
        self.assertFalse(left)
        shutil.rmtree(self.out(out))
        return how

    def try_states(self, n=None, seed=1):
        log = self.folder / "operations"
        self.record(RUN, log)
        states = self.states(log)
        chosen = states if n is None else random.Random(seed).sample(states, min(n, len(states)))
        how = Counter(self.resume(number, *state) for number, state in enumerate(chosen))
        print(f"power cuts: {sum(1 for _ in operations(log))} operations recorded, {len(states)} different states, {len(chosen)} tried "
              f"(seed {seed}): {how['resumed']} resumed, {how['salvaged']} with --salvage; nothing acknowledged was lost, same bytes")
        return how


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--states", type=int, default=None)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    PowerCuts.build = given.build.resolve()
    PowerCuts.recorder = PowerCuts.build / "librecorder.so"
    PowerCuts.setUpClass()
    try:
        PowerCuts().try_states(given.states, given.seed)
    finally:
        PowerCuts.doClassCleanups()


if __name__ == "__main__":
    main()
