#!/usr/bin/env python3
"""The container files of Docker and Apptainer have the same steps: containers_test.py [unittest options]"""
import json
import os
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "launch" / "containers"


def lines_of(file):
    return [line.strip() for line in (FOLDER / file).read_text().splitlines() if line.strip() and not line.startswith("#")]


def stage(name, image):
    return {"stage": name, "image": image, "files": [], "steps": [], "environment": [], "starts": []}


def stages_of_dockerfile(lines):
    stages = []
    for line in lines:
        word, rest = line.split(None, 1)
        if word == "FROM":
            image, _, name = rest.split()
            stages.append(stage(name, image))
        elif word == "COPY":
            words = rest.split()
            origin = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
            stages[-1]["files"].append((origin, *words))
        else:
            {"RUN": stages[-1]["steps"], "ENV": stages[-1]["environment"]}.get(word, stages[-1]["starts"]).append(
                " ".join(json.loads(rest)) if word == "ENTRYPOINT" else rest)
    return stages


def stages_of_definition(lines):
    stages, section, header = [], "", {}
    for line in lines:
        if match := re.fullmatch(r"(Bootstrap|From|Stage): (\S+)", line):
            header[match[1]] = match[2]
            if match[1] == "Stage":
                stages.append(stage(header["Stage"], header["From"]))
        elif line.startswith("%"):
            section = line
        elif section.startswith("%files"):
            stages[-1]["files"].append((section.removeprefix("%files").removeprefix(" from "), *line.split()))
        elif section == "%post":
            stages[-1]["steps"] += [] if line == "set -e" else [line]
        elif section == "%environment":
            stages[-1]["environment"].append(line.removeprefix("export "))
        elif section == "%runscript":
            stages[-1]["starts"].append(line.removeprefix("exec ").removesuffix(' "$@"'))
        else:
            raise AssertionError(f"a line of no section: {line}")
    return stages


class Containers(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.docker = stages_of_dockerfile(lines_of("Dockerfile"))
        self.apptainer = stages_of_definition(lines_of("kvcompare.def"))

    def test_have_the_same_steps(self):
        self.assertEqual([one["stage"] for one in self.docker], ["build", "final"])
        self.assertEqual(self.docker, self.apptainer)

    def test_stop_at_a_step_that_fails(self):
        self.assertEqual(lines_of("kvcompare.def").count("%post"), lines_of("kvcompare.def").count("set -e"))

    def test_take_every_folder_that_the_build_reads(self):
        copied = {source for _, source, _ in self.docker[0]["files"]}
        named = set(re.findall(r"add_subdirectory\((\w+)\)", (ROOT / "CMakeLists.txt").read_text()))
        self.assertLessEqual(named | {"cmake", "CMakeLists.txt", "CMakePresets.json"}, copied)
        for source in copied - {".git"}:
            self.assertTrue((ROOT / source).exists(), source)
        for _, source, target in self.docker[0]["files"]:
            self.assertEqual(target, "/kvcompare/" + source)

    def test_start_programs_that_are_there(self):
        (script,) = re.findall(r"/kvcompare/(launch/\S+\.sh)", " ".join(self.docker[0]["steps"]))
        self.assertTrue(os.access(ROOT / script, os.X_OK))
        self.assertEqual(self.docker[1]["starts"], ["kvcompare"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
