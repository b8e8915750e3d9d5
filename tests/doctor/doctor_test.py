#!/usr/bin/env python3
"""kvcompare doctor against what other programs say of the same machine: doctor_test.py BUILD_FOLDER [unittest options]"""
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, main


class Doctor(RunsTest):
    def doctor(self, *flags, ranks=0, code=0, before=(), **environment):
        mpirun = ["mpirun", "-n", str(ranks)] if ranks else []
        done = subprocess.run([*before, *mpirun, self.build / "kvcompare", "doctor", *map(str, flags)], capture_output=True, text=True,
                              timeout=60, env=self.environment(**environment))
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return {line[7:23].strip(): line for line in done.stdout.splitlines() if line[:7].strip() in ("ok", "absent", "BAD")}

    def printed(self, *command):
        return subprocess.run(command, capture_output=True, text=True).stdout

    def test_says_what_others_say(self):
        found = self.doctor("--output_dir", self.out("new"))
        self.assertFalse(self.out("new").exists())
        self.assertIn("Open MPI v" + self.printed("mpirun", "--version").split("\n")[0].split()[-1], found["MPI"])
        self.assertIn(self.printed("pkg-config", "--modversion", "hdf5-serial").strip(), found["HDF5"])
        self.assertIn(f"{len(os.sched_getaffinity(0))} cores", found["processor"])
        self.assertIn("locks, syncs a record in", found["output folder"])
        self.assertNotIn("BAD", "".join(found.values()))

    def test_a_folder_that_cannot_be_written_is_bad(self):
        (self.folder / "file").write_text("")
        found = self.doctor("--output_dir", self.folder / "file" / "below", code=2)
        self.assertTrue(found["output folder"].startswith("BAD"))

    def test_says_whether_there_is_cuda_and_a_driver(self):
        found = self.doctor("--output_dir", self.out("new"))
        has_driver = "libcuda.so.1" in self.printed("/sbin/ldconfig", "-p")
        self.assertTrue(found["CUDA driver"].startswith("ok" if has_driver else "absent"), found["CUDA driver"])
        built = "libcudart" in self.printed("readelf", "-d", self.build / "kvcompare")
        self.assertTrue(found["CUDA"].startswith("ok" if built else "absent"), found["CUDA"])
        self.assertTrue(built or "built without it" in found["CUDA"])

    def test_a_device_that_is_not_there_is_bad(self):
        self.assertTrue(self.doctor("--device", "cuda:99", "--output_dir", self.out("x"), code=2)["devices"].startswith("BAD"))

    def test_no_mpirun_is_no_fault(self):
        found = self.doctor("--output_dir", self.out("x"), PATH="/nowhere")
        self.assertIn("no mpirun on PATH", found["MPI"])

    def test_ranks_make_one_table(self):
        found = self.doctor("--output_dir", self.out("x"), ranks=2)
        self.assertEqual(len([line for line in found if not line.startswith("GPU ")]), 19)
        self.assertIn("its share as one of 2 on its host", found["defaults"])

    def test_tells_affinity_and_limits(self):
        core = max(os.sched_getaffinity(0))
        found = self.doctor("--output_dir", self.out("x"), before=["taskset", "-c", str(core), "sh", "-c", "ulimit -n 100; exec \"$@\"", "sh"],
                            OMP_NUM_THREADS="")
        self.assertIn(f"affinity: 1 core ({core})", found["CPU limits"])
        self.assertIn("--threads 1: affinity;", found["defaults"])
        self.assertIn("open files (-n) 100,", found["ulimit"])
        nodes = [name for name in os.listdir("/sys/devices/system/node") if name.startswith("node")] if Path("/sys/devices/system/node").is_dir() else []
        if nodes:
            self.assertRegex(found["NUMA nodes"], rf"{len(nodes)} nodes?: 0: cores ")
        total = int(re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())[1]) * 1024
        self.assertIn(f"{total / 1e9:.1f} GB, ", found["memory"])

    def test_tells_the_memory_that_a_control_group_leaves(self):
        group = Path("/sys/fs/cgroup/memory") / f"kvcompare_test_{os.getpid()}"
        try:
            group.mkdir()
            (group / "memory.limit_in_bytes").write_text(str(2_000_000_000))  # version 1
        except OSError as error:
            self.skipTest(f"no cgroup of version 1 can be made here: {error}")
        self.addCleanup(group.rmdir)
        found = self.doctor("--output_dir", self.out("x"), before=["sh", "-c", f"echo $$ >{group}/cgroup.procs; exec \"$@\"", "sh"])
        self.assertIn(f"cgroup memory.limit_in_bytes: 2.0 GB, ", found["memory"])
        self.assertIn(f"in {group}", found["memory"])
        self.assertRegex(found["defaults"], r"[12]\.\d GB can be used: cgroup memory\.limit_in_bytes")


if __name__ == "__main__":
    main(sys.argv)
