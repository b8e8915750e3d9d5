#!/usr/bin/env python3
"""The commands of README.md, run as they are written: readme_test.py BUILD_FOLDER [unittest options]

Nothing is put into the commands: HOME holds the folders that they name, with the demo's model and scorer in them, and
the folder where they run holds texts.jsonl and build/release. A line may be given more flags, so that it ends soon.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv[1]).resolve()
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)

# Of train_kvzap: a network that is fitted in seconds, to texts shorter than the ones it asks for by itself.
SMALL_TRAINING = " --min_tokens 100 --max_tokens 400 --kvzap_model_type linear --ridge 1"
N_TEXTS, CHARACTERS = 12, 1500


def commands(block):
    """The lines of a block, those that go on joined, without comments."""
    lines = [re.sub(r"(^|\s+)#.*", "", line) for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.strip()]


class Readme(unittest.TestCase):
    def test_every_program_that_a_command_names_is_there_and_can_be_started(self):
        named = {word for block in BLOCKS for line in commands(block) for word in line.split()[:1]
                 if "/" in word and "=" not in word}
        self.assertLessEqual({"launch/quickstart.sh", "tests/run.sh", "tests/faults/campaign.py"}, named)
        for program in named:
            self.assertTrue(os.access(ROOT / program, os.X_OK), program)

    def test_the_commands_for_a_model_and_data_of_ones_own_work_from_top_to_bottom(self):
        (block,) = [block for block in BLOCKS if "alias kvcompare" in block]
        lines = commands(block)
        self.assertGreaterEqual(len(lines), 11)
        with tempfile.TemporaryDirectory() as folder:
            self.furnish(Path(folder))
            for i, line in enumerate(lines):
                with self.subTest(line=line):
                    more = SMALL_TRAINING if " train_kvzap " in line else ""
                    # An alias counts from the line after its own.
                    script = f"shopt -s expand_aliases\n{lines[0]}\n" + ("" if i == 0 else line + more + "\n")
                    done = subprocess.run(["bash", "-c", script], cwd=folder, env=self.environment(folder),
                                          capture_output=True, text=True, timeout=300)
                    self.assertEqual(done.returncode, 0, done.stderr)
            asked = {path for line in lines for path in re.findall(r"--output_dir (\S+)", line)}
            asked |= {path + "_rerun" for line in lines for path in re.findall(r" rerun (\S+)", line)}
            complete = {f"results/{path.parent.name}" for path in Path(folder).glob("results/*/COMPLETE")}
            self.assertEqual(complete, asked)
            pages = {f"results/{path.parent.name}" for path in Path(folder).glob("results/*/report.html")}
            reported = {path for line in lines for path in re.findall(r" report .*--output (\S+)", line)}
            self.assertEqual(pages, asked | reported)
            self.assertTrue(reported)
            self.grew(Path(folder), lines)
            self.assertEqual(len((Path(folder) / "ids.jsonl").read_text().splitlines()), N_TEXTS)

    def grew(self, folder, lines):
        """The run that README grows holds what its last command asks for, and evaluated none of it twice."""
        (line,) = [line for line in lines if "--resume" in line and "mpirun" not in line]
        (output,) = re.findall(r"--output_dir (\S+)", line)
        n_ratios = len(re.search(r"--compression_ratio (\S+)", line)[1].split(","))
        n_methods = len(re.search(r"--methods (\S+)", line)[1].split(","))
        results = json.loads((folder / output / "comparison_summary.json").read_text())["results"]
        self.assertEqual(len(results), n_ratios * n_methods)
        sessions = json.loads((folder / output / "run.json").read_text())["sessions"]
        self.assertEqual(len(sessions), 2)
        self.assertEqual(sum(session["evaluated_units"] for session in sessions), N_TEXTS * (len(results) + 1))

    def environment(self, folder):
        cleared = {name: value for name, value in os.environ.items()
                   if not name.startswith(("HF_", "HUGGINGFACE_", "XDG_", "SLURM_"))}
        return {**cleared, "HOME": folder, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                "OMPI_MCA_rmaps_base_oversubscribe": "1"}

    def furnish(self, folder):
        (folder / "build").mkdir()
        (folder / "build/release").symlink_to(BUILD)
        (folder / "models").mkdir()
        for model in ("Llama-3.2-1B", "Qwen3-8B"):
            (folder / "models" / model).symlink_to(ROOT / "demo/model")
        cache = folder / ".cache/huggingface/hub/models--nvidia--KVzap-mlp-Qwen3-8B"
        (cache / "refs").mkdir(parents=True)
        (cache / "snapshots").mkdir()
        (cache / "refs/main").write_text("0123abcd")
        (cache / "snapshots/0123abcd").symlink_to(ROOT / "demo/scorer")
        texts = [json.loads(line)["text"] for line in (ROOT / "demo/documents.jsonl").read_text().splitlines()]
        (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text[:CHARACTERS]}) + "\n"
                                                    for text in texts[:N_TEXTS]))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
