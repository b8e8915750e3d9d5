#!/usr/bin/env python3
"""What `cmake --install` puts into a folder, used as a user does: install_test.py BUILD_FOLDER CMAKE [unittest options]"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = Path(sys.argv[1]).resolve()
CMAKE = sys.argv[2]
SUBCOMMANDS = ("compare", "completion", "doctor", "dump", "finalize", "help", "inspect", "manual", "merge", "models", "presses", "report", "rerun",
               "tokenize", "train_kvzap", "verify")


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.prefix = cls.folder / "prefix"
        done = subprocess.run([CMAKE, "--install", BUILD, "--prefix", cls.prefix], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr)
        cls.share = cls.prefix / "share"

    def runTest(self):
        pass

    def run_bare(self, *command, code=0, **environment):
        """With a PATH and nothing else of this environment: no LD_LIBRARY_PATH leads to libtorch."""
        path = f"{self.prefix}/bin:/usr/bin:/bin"
        sanitizers = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, cwd=self.folder,
                              env={"PATH": path, "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **sanitizers, **environment})
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done.stdout

    def needs(self, program):
        if not shutil.which(program):
            self.skipTest(f"no {program} here")


class Installed(InstallTest):
    def test_the_program_finds_libtorch_by_itself_and_compares_on_the_demo(self):
        self.assertTrue(self.run_bare("kvcompare", "--version").startswith("kvcompare "))
        demo = self.share / "kvcompare" / "demo"
        table = self.run_bare("kvcompare", "--model_name", demo / "model", "--kvzap_scorer_model", demo / "scorer", "--data_path",
                              demo / "answers.jsonl", "--methods", "kvzap,knorm", "--max_samples", "2", "--output_dir", "out", "--no_progress")
        self.assertIn("Knorm", table)
        self.assertTrue((self.folder / "out" / "COMPLETE").exists())

    def test_the_supervisor_finds_what_it_needs(self):
        self.assertIn("kvcompare-supervise [--max_restarts N]", self.run_bare("kvcompare-supervise", "--help"))

    def test_batch_scripts_start_the_installed_program(self):
        script = self.share / "kvcompare" / "launch" / "slurm" / "batch.sh"
        fake = self.folder / "srun"
        fake.write_text('#!/bin/sh\necho "$@"\n')
        fake.chmod(0o755)
        done = subprocess.run(["bash", script, "--output_dir", self.folder / "out2"], capture_output=True, text=True, cwd=self.folder, timeout=60,
                              env={"PATH": f"{self.folder}:/usr/bin:/bin", "KVCOMPARE_ROOT": str(self.share / "kvcompare"), "SLURM_JOB_ID": "1",
                                   "KVCOMPARE_MAX_RESTARTS": "0"})
        self.assertIn(f"{self.prefix.resolve()}/bin/kvcompare --output_dir", done.stdout, done.stderr)

    def test_licences_name_what_is_part_of_the_program(self):
        texts = self.share / "doc" / "kvcompare"
        self.assertIn("Apache License", (texts / "LICENSE").read_text())
        text = (texts / "copyright").read_text()
        for part in ("plotly.js", "nlohmann_json", "spdlog", "fmt", "CLI11", "Highway", "Unicode Character Database"):
            self.assertIn(part, text)
        for licence in re.findall(r"^License: (\S+)$", text, re.MULTILINE):
            self.assertIn(f"License: {licence}\n ", text, "has no text")

    def test_nothing_of_the_package_is_installed_without_being_asked_for(self):
        self.assertFalse((self.prefix / "lib").exists())


class Manual(InstallTest):
    def setUp(self):
        self.file = self.share / "man" / "man1" / "kvcompare.1"

    def test_is_made_without_a_warning_of_roff(self):
        self.needs("groff")
        done = subprocess.run(["groff", "-man", "-Kutf8", "-Tutf8", "-ww", self.file], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_shows_every_flag_of_every_subcommand(self):
        self.needs("groff")
        shown = subprocess.run(["groff", "-man", "-Kutf8", "-Tascii", "-P-cbou", "-rLL=200n", self.file], capture_output=True,
                               text=True, env={**os.environ, "LC_ALL": "C"}).stdout
        for subcommand in SUBCOMMANDS:
            if subcommand not in ("help", "compare"):
                self.assertIn(f"kvcompare {subcommand}", shown)
            for flag in re.findall(r"^  (--\w+) ", self.run_bare("kvcompare", subcommand, "--help"), re.MULTILINE):
                self.assertIn(flag + " ", shown, subcommand)
        self.assertIn("75  interrupted; run again with --resume to continue", shown)


class Bash(InstallTest):
    def completed(self, *words):
        """What completion offers for the last word."""
        script = (f'source "{self.share}/bash-completion/completions/kvcompare"; compopt() {{ :; }}; COMP_WORDS=("$@"); '
                  'COMP_CWORD=$(($# - 1)); _kvcompare; printf "%s\\n" "${COMPREPLY[@]}"')
        return self.run_bare("bash", "-euc", script, "bash", "kvcompare", *words).split()

    def test_completes_subcommands(self):
        self.assertEqual(tuple(self.completed("")), SUBCOMMANDS)
        self.assertEqual(self.completed("do"), ["doctor"])

    def test_completes_flags_of_the_subcommand(self):
        self.assertEqual(self.completed("--max_l"), ["--max_length"])
        self.assertEqual(self.completed("compare", "--max_l"), ["--max_length"])
        self.assertEqual(self.completed("doctor", "--d"), ["--device"])
        self.assertEqual(self.completed("doctor", "--max_l"), [])
        self.assertEqual(self.completed("train-kvzap", "--rid"), ["--ridge"])
        self.assertIn("--resume", self.completed("rerun", "run", "--"))

    def test_knows_the_flags_of_the_help_and_no_others(self):
        for subcommand in SUBCOMMANDS:
            if subcommand in ("help", "rerun"):
                continue
            told = set(re.findall(r"^  (--\w+) ", self.run_bare("kvcompare", subcommand, "--help"), re.MULTILINE))
            more = {"--help", "--version"} if subcommand == "compare" else {"--help"}
            self.assertEqual(set(self.completed(subcommand, "--")) - told, more, subcommand)
            self.assertLessEqual(told, set(self.completed(subcommand, "--")) | more, subcommand)

    def test_completes_values(self):
        self.assertEqual(self.completed("--dtype", "b"), ["bfloat16"])
        self.assertEqual(self.completed("--device", ""), ["auto", "cpu"])
        self.assertEqual(self.completed("--methods", "kn"), ["knorm"])
        self.assertEqual(self.completed("--methods", "random,kn"), ["random,knorm"])
        self.assertEqual(self.completed("--head-budgets", "uniform,a"), ["uniform,adaptive"])
        self.assertEqual(self.completed("--chunk_size", ""), [])
        self.assertEqual(self.completed("completion", "f"), ["fish"])
        self.assertEqual(self.completed("help", "ver"), ["verify"])

    def test_completes_files_and_folders(self):
        (self.folder / "texts.jsonl").write_text("")
        (self.folder / "texts_folder").mkdir(exist_ok=True)
        self.assertEqual(sorted(self.completed("--data_path", "tex")), ["texts.jsonl", "texts_folder"])
        self.assertEqual(self.completed("--output_dir", "tex"), ["texts_folder"])
        self.assertEqual(self.completed("verify", "tex"), ["texts_folder"])


class OtherShells(InstallTest):
    def test_zsh_takes_every_specification(self):
        self.needs("zsh")
        file = self.share / "zsh" / "site-functions" / "_kvcompare"
        script = f"""fpath=({file.parent} $fpath); autoload -Uz compinit; compinit -D -u; autoload +X _kvcompare
          _arguments() {{ print -rl -- "$@" }}; _describe() {{ print -rl -- "${{(@P)2}}" }}
          words=(kvcompare "$@"); CURRENT=${{#words}}; _kvcompare"""
        shown = self.run_bare("zsh", "-fc", script, "zsh", "--d")
        self.assertRegex(shown, r"(?m)^--dtype\[.*\]:auto\|float64\|float32\|bfloat16\|float16:\(auto float64 float32 bfloat16 float16\)$")
        self.assertRegex(shown, r"(?m)^--methods\[.*:_sequence compadd - all every baseline ")
        self.assertRegex(shown, r"(?m)^--output_dir\[.*:_files -/$")
        self.assertIn("--ridge[", self.run_bare("zsh", "-fc", script, "zsh", "train_kvzap", "--r"))
        self.assertIn("doctor:what this machine has, and what is missing\n", self.run_bare("zsh", "-fc", script, "zsh", "do"))

    def test_fish_completes_subcommands_flags_and_values(self):
        self.needs("fish")
        file = self.share / "fish" / "vendor_completions.d" / "kvcompare.fish"

        def completed(line):
            shown = self.run_bare("fish", "--no-config", "-c", f"source {file}; complete -C '{line}'")
            return [one.split("\t")[0] for one in shown.splitlines()]

        self.assertEqual(completed("kvcompare doct"), ["doctor"])
        self.assertEqual(completed("kvcompare --max_l"), ["--max_length"])
        self.assertEqual(completed("kvcompare doctor --max_l"), [])
        self.assertEqual(completed("kvcompare --dtype b"), ["bfloat16"])
        self.assertEqual(completed("kvcompare --methods random,kn"), ["random,knorm"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
