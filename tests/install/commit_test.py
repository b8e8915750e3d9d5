#!/usr/bin/env python3
"""What cmake/write_commit.cmake says of a folder of sources: commit_test.py CMAKE [unittest options]"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "cmake" / "write_commit.cmake"
GIT = shutil.which("git")


@unittest.skipUnless(GIT, "no git here")
class Commit(unittest.TestCase):
    cmake = "cmake"

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name) / "sources"
        self.root.mkdir()
        for folder in ("common", "docs"):
            (self.root / folder).mkdir()
            (self.root / folder / "file").write_text("one")
        self.template = Path(scratch.name) / "template"
        self.template.write_text("[@commit@]")
        self.output = Path(scratch.name) / "output"

    def git(self, *words, root=None):
        alone = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        alone |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CEILING_DIRECTORIES": str(self.root.parents[1])}
        return subprocess.run([GIT, "-c", "user.name=a", "-c", "user.email=a@b", "-C", root or self.root, *words], check=True,
                              capture_output=True, text=True, env=alone).stdout.strip()

    def committed(self):
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "one")
        return self.git("rev-parse", "HEAD")

    def told(self, root=None, git=GIT, **environment):
        subprocess.run([self.cmake, f"-DROOT={root or self.root}", f"-DTEMPLATE={self.template}", f"-DOUTPUT={self.output}", f"-DGIT={git}",
                        "-P", SCRIPT], check=True, env={**os.environ, **environment})
        return self.output.read_text().strip()

    def test_is_that_of_the_repository(self):
        commit = self.committed()
        self.assertRegex(commit, r"\A[0-9a-f]{40}\Z")
        self.assertEqual(self.told(), f"[{commit}]")

    def test_is_that_of_the_repository_within_a_hook_of_another(self):
        self.assertEqual(self.told(), "[]")
        commit = self.committed()
        self.assertEqual(self.told(GIT_DIR="/nowhere/.git", GIT_WORK_TREE="/nowhere", GIT_INDEX_FILE="/nowhere/index"), f"[{commit}]")

    def test_says_whether_sources_were_changed_since(self):
        commit = self.committed()
        (self.root / "common" / "not_of_git").write_text("")
        (self.root / "docs" / "file").write_text("two")
        self.assertEqual(self.told(), f"[{commit}]")
        (self.root / "common" / "file").write_text("two")
        self.assertEqual(self.told(), f"[{commit}+changes]")
        self.git("commit", "--quiet", "-a", "-m", "two")
        self.assertEqual(self.told(), f"[{self.git('rev-parse', 'HEAD')}]")

    def test_is_empty_outside_of_git_and_without_it(self):
        self.assertEqual(self.told(), "[]")
        self.committed()
        self.assertEqual(self.told(git=""), "[]")
        self.assertEqual(self.told(git="/nowhere/git"), "[]")

    def test_of_a_repository_without_commits_is_empty(self):
        self.git("init", "--quiet")
        self.assertEqual(self.told(), "[]")

    def test_of_a_repository_around_the_sources_is_not_theirs(self):
        self.committed()
        (self.root / "below").mkdir()
        self.assertEqual(self.told(root=self.root / "below"), "[]")

    def test_that_stays_leaves_the_file_as_it_is(self):
        self.committed()
        self.told()
        os.utime(self.output, ns=(1, 1))
        self.told()
        self.assertEqual(self.output.stat().st_mtime_ns, 1)


if __name__ == "__main__":
    Commit.cmake = sys.argv[1]
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
