#!/usr/bin/env python3
"""kvcompare --version against what other programs say of the same build: version_test.py BUILD_FOLDER [unittest options]"""
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, main

ROOT = Path(__file__).resolve().parents[2]
CXX = r"CMAKE_CXX_COMPILER:\w+=(.*)"


def printed(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


class Version(RunsTest):
    def version(self, *flags):
        done = subprocess.run([self.build / "kvcompare", "--version", *flags], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_says_what_others_say(self):
        told = json.loads(self.version("--json"))
        header = (ROOT / "common/version.h").read_text()
        self.assertIn(f'kVersion = "{told["version"]}"', header)
        self.assertIn(f'kNumbersRevision = {told["numbers_revision"]};', header)
        compiler = re.search(CXX, (self.build / "CMakeCache.txt").read_text())[1]
        if "g++" in Path(compiler).name:
            self.assertEqual(told["compiler"], "GNU " + printed(compiler, "-dumpfullversion"))
        self.assertIn("Open MPI v" + printed("mpirun", "--version").split("\n")[0].split()[-1], told["mpi"])
        self.assertEqual(told["hdf5"], printed("pkg-config", "--modversion", "hdf5-serial"))
        self.assertEqual(bool(told["arrow"]), "libparquet" in printed("readelf", "-d", self.build / "kvcompare"))
        self.assertRegex(told["libtorch"], r"\A\d+\.\d+\.\d+")
        self.assertEqual(bool(told["cuda"]), "libcudart" in printed("readelf", "-d", self.build / "kvcompare"))

    def test_has_the_same_for_people(self):
        told, text = json.loads(self.version("--json")), self.version()
        self.assertEqual(text.split("\n")[0], "kvcompare " + told["version"])
        for name in ("compiler", "libtorch", "instruction_set", "cpu_capability", "mpi", "hdf5"):
            self.assertIn(told[name], text)
        self.assertIn(f"revision {told['numbers_revision']};", text)
        self.assertIn(told["commit"] or "not known: it was built outside of a git repository", text)
        self.assertIn(told["cuda"] or "built without it", text)
        self.assertRegex(text, r"Parquet +" + (f"by Apache Arrow {told['arrow']}" if told["arrow"] else "built without it"))

    def commit(self):
        commit = json.loads(self.version("--json"))["commit"]
        if commit is None:
            self.skipTest("the program was built outside of a git repository")
        return commit

    def test_names_a_commit_that_there_is(self):
        if not (ROOT / ".git").exists() or not shutil.which("git"):
            self.assertIsNone(json.loads(self.version("--json"))["commit"])
            self.skipTest("the sources are no git repository, and the program says so")
        commit = self.commit().removesuffix("+changes")
        self.assertEqual(printed("git", "-C", str(ROOT), "cat-file", "-t", commit), "commit")

    def test_results_carry_the_commit(self):
        commit = self.commit()
        self.run_once("out")
        run = json.loads((self.out("out") / "run.json").read_text())
        self.assertEqual([session["versions"]["commit"] for session in run["sessions"]], [commit])
        self.assertEqual([record["session"]["commit"] for record in self.journal("out") if "session" in record], [commit])
        self.assertIn(commit, (self.out("out") / "report.html").read_text())


if __name__ == "__main__":
    main(sys.argv)
