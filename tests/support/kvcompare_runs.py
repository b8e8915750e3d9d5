"""Runs of the real program on a small model, alone or under mpirun, and what they leave behind."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import zlib
from collections import Counter
from pathlib import Path

from packed_numbers import unpacked

ALL = "kvzap,random,streaming_llm,expected_attention,observed_attention,knorm"
FINAL_FILES = ("comparison_summary.json", "detailed_results.json", "results.h5", "results.csv", "samples.csv", "summary.md",
               "table.tex", "COMPLETE")
N_METHODS = 7

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup programs would inherit that it is ignored


class RunsTest(unittest.TestCase):
    """A scratch folder with a model, its scorer, and a data set of n_samples."""

    build: Path  # folder of the programs; set by main()
    n_samples = 12

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = Path(cls.scratch.name)
        cls.model = cls.folder / "model"
        subprocess.run([cls.build / "write_tiny_model", "llama", cls.model], check=True, stdout=subprocess.DEVNULL)
        cls.lines = [line for line in (cls.model / "data.jsonl").read_text().splitlines() if line.count(",") > 3]
        cls.data = cls.folder / "data.jsonl"
        cls.write_data(cls.data, cls.n_samples)

    @classmethod
    def write_data(cls, file, n):
        """n samples, no two alike."""
        ids = [json.loads(line)["input_ids"] for line in cls.lines]
        rows = [ids[i % len(ids)][: len(ids[i % len(ids)]) - i % 3] + [1 + i % 50] for i in range(n)]
        file.write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in rows))

    def environment(self, **more):
        tmp = self.folder / "tmp"  # what killed processes of Open MPI leave goes away with the folder
        tmp.mkdir(exist_ok=True)
        return {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_orte_tmpdir_base": str(tmp),
                "OMPI_MCA_btl_vader_backing_directory": str(tmp), **more}

    def command(self, out, *flags, ranks=0, program="kvcompare", methods=ALL, data=None, model=None,
                scorer=None):
        """ranks: 0 for one process without mpirun."""
        mpirun = ["mpirun", "-n", str(ranks)] if ranks else []
        model = model or self.model
        return [*mpirun, str(self.build / program), "--model_name", str(model), "--data_path", str(data or self.data),
                "--kvzap_scorer_model", str(scorer or self.model / "scorer"), "--methods", methods, "--output_dir",
                str(self.out(out)), "--threads", "1", *map(str, flags)]

    def out(self, name):
        return self.folder / name

    def run_once(self, out, *flags, code=0, environment=None, timeout=120, **options):
        done = subprocess.run(self.command(out, *flags, **options), capture_output=True, text=True, timeout=timeout,
                              env=self.environment(**(environment or {})))
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr)
        return done

    def start(self, out, *flags, environment=None, **options):
        return subprocess.Popen(self.command(out, *flags, **options), stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, env=self.environment(**(environment or {})))

    def final_bytes(self, out):
        named = json.loads((self.out(out) / "COMPLETE").read_text())["sha256"]
        return {name: (self.out(out) / name).read_bytes() for name in {**dict.fromkeys(FINAL_FILES), **named}}

    def assert_same_results(self, out, expected):
        for name, contents in self.final_bytes(expected).items():
            self.assertEqual((self.out(out) / name).read_bytes(), contents, name)
        self.assertEqual(*(acknowledged_units(self.out(one) / "journal.jsonl") for one in (out, expected)))

    def journal(self, out):
        return journal_records(self.out(out) / "journal.jsonl")

    def wait_for_units(self, out, n, process):
        """Until the journal holds n lines, assignments apart; then the run is under way."""
        deadline = time.monotonic() + 60
        file = self.out(out) / "journal.jsonl"
        while not file.exists() or n_lines_but_assignments(file) < n:
            if process.poll() is not None or time.monotonic() > deadline:
                self.fail("the run did not come so far: " + process.stderr.read())
            time.sleep(0.005)

    def copy(self, source, target):
        shutil.copytree(self.out(source), self.out(target))


def n_lines_but_assignments(file):
    lines = file.read_bytes().split(b"\n")[:-1]
    return sum(b'"assigned":' not in line for line in lines)


def journal_records(file):
    """Its intact lines, read as the format is described: CRC-32 of the text, the text. Lists are unpacked."""
    records = []
    for line in file.read_bytes().split(b"\n")[:-1]:
        crc, text = line[:8], line[9:]
        if int(crc, 16) == zlib.crc32(text):
            records.append(json.loads(text))
            if "values" in records[-1]:
                records[-1]["values"] = unpacked(records[-1]["values"])
    return records


def acknowledged_units(file):
    """Units that the journal holds a result of, with their values."""
    units = {}
    for record in journal_records(file):
        if record.get("ok"):
            units.setdefault(tuple(record["unit"]), record["values"])
    return units


def write_endless_model(folder, config):
    """Weights that take minutes to read, and no room on the disk."""
    folder.mkdir()
    (folder / "config.json").write_bytes(config.read_bytes())
    n_bytes = 200 << 30
    header = json.dumps({"x": {"dtype": "F32", "shape": [n_bytes // 4], "data_offsets": [0, n_bytes]}}).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + n_bytes)


class Histories:
    """What is known of the attempts at a run: the journal, and the log of what was computed."""

    def __init__(self, out, computed_log):
        self.out, self.computed_log = Path(out), Path(computed_log)
        self.acknowledged = {}  # as seen after every attempt
        self.lost = set()
        self.computed_again = set()  # though the journal held it before the attempt
        self.n_log_lines = 0

    def look(self):
        """After an attempt: what was acknowledged must still be there, be the same, and not have been computed again."""
        lines = self.computed_log.read_text().splitlines() if self.computed_log.exists() else []
        computed = [line.split()[:2] for line in lines[self.n_log_lines:]]
        self.computed_again |= {(int(sample), instance) for sample, instance in computed} & self.acknowledged.keys()
        self.n_log_lines = len(lines)
        journal = self.out / "journal.jsonl"
        now = acknowledged_units(journal) if journal.exists() else {}
        self.lost |= {unit for unit, values in self.acknowledged.items() if now.get(unit) != values}
        self.acknowledged.update(now)

    def verdict(self):
        lines = self.computed_log.read_text().splitlines() if self.computed_log.exists() else []
        computed = Counter(tuple(line.split()[:2]) for line in lines)
        hashes = {}
        for line in lines:
            sample, method, digest = line.split()
            hashes.setdefault((sample, method), set()).add(digest)
        final = acknowledged_units(self.out / "journal.jsonl")
        self.lost |= {unit for unit, values in self.acknowledged.items() if final.get(unit) != values}
        return {"units": len(computed), "lost": len(self.lost), "recomputed": sum(computed.values()) - len(computed),
                "differing": sum(len(digests) > 1 for digests in hashes.values())}


def descendants(pid):
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path("/proc", entry, "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def wait_until_gone(pids, seconds=20):
    deadline = time.monotonic() + seconds
    def is_there(pid):
        try:
            return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False
    while any(map(is_there, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def main(argv):
    RunsTest.build = Path(argv[1]).resolve()
    unittest.main(argv=[argv[0], *argv[2:]], verbosity=2)
