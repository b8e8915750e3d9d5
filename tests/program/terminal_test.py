#!/usr/bin/env python3
"""What a person at a terminal sees: terminal_test.py BUILD_FOLDER [unittest options]"""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import unittest
from pathlib import Path

BUILD = Path(sys.argv[1]).resolve()
KVCOMPARE = BUILD / "kvcompare"
HIDDEN_BY_60_COLUMNS = "Avg NLL"


class TerminalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.model = cls.folder / "model"
        subprocess.run([BUILD / "write_tiny_model", "llama", cls.model], check=True, stdout=subprocess.DEVNULL)

    def command(self, *flags):
        out = tempfile.mkdtemp(dir=self.folder)
        return [KVCOMPARE, "--model_name", self.model, "--data_path", self.model / "data.jsonl", "--methods",
                "random,expected_attention", "--output_dir", out, *flags]

    def piped(self, *flags, **environment):
        done = subprocess.run(self.command(*flags), capture_output=True, text=True, timeout=120,
                              env={**os.environ, **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def lines_on_terminal(self, columns, *flags, **environment):
        """Stdout and stderr of a run on a terminal with so many columns, as lines."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        cleared = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        process = subprocess.Popen(self.command(*flags), stdin=theirs, stdout=theirs, stderr=theirs,
                                   env={**cleared, **environment})
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # how a terminal ends on Linux
            pass
        os.close(ours)
        self.assertEqual(process.wait(timeout=120), 0, text)
        return re.sub(r"\x1b\[[0-9;]*m", "", text.decode()).replace("\r\n", "\n").split("\n")


class Width(TerminalTest):
    def assert_fits(self, lines, columns):
        """Every line but those of the log, which begin with the time; each state of the bar by itself."""
        bars = [state for line in lines for state in line.split("\r") if "units" in state and not state.startswith("[1")]
        table = [line for line in lines if "\r" not in line and not re.match(r"\[\d\d:", line)]
        self.assertTrue(any(state.strip() for state in bars), lines)
        for text in bars:
            self.assertLess(len(text), columns, text)
        for text in table:
            self.assertLessEqual(len(text), columns, text)
        return "\n".join(table)

    def test_bar_and_table_fit_sixty_columns(self):
        table = self.assert_fits(self.lines_on_terminal(60), 60)
        self.assertIn("Perplexity", table)
        self.assertNotIn(HIDDEN_BY_60_COLUMNS + "  ", table)
        self.assertRegex(table, r"Not shown, because the terminal is narrow: Avg NLL")

    def test_columns_of_the_environment_win(self):
        self.assert_fits(self.lines_on_terminal(200, COLUMNS="60"), 60)
        self.assertNotIn("Not shown", "\n".join(self.lines_on_terminal(60, COLUMNS="200")))

    def test_a_wide_terminal_and_a_pipe_get_the_whole_table(self):
        wide = "\n".join(self.lines_on_terminal(300))
        piped = self.piped(COLUMNS="60").stdout
        for table in (wide, piped):
            self.assertIn(HIDDEN_BY_60_COLUMNS, table)
            self.assertNotIn("Not shown", table)
        self.assertIn(piped, wide)


class Loudness(TerminalTest):
    def test_quiet_leaves_the_table_alone(self):
        done = self.piped("--quiet")
        self.assertEqual(done.stderr, "")
        self.assertIn("Perplexity", done.stdout)

    def test_quiet_still_warns(self):
        done = self.piped("--quiet", "--threshold", "-3")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("--threshold has no effect", done.stderr)

    def test_no_progress_leaves_the_log(self):
        loud, calm = self.piped().stderr, self.piped("--no_progress").stderr
        self.assertRegex(loud, r"(?m)^\d+/\d+ units")
        self.assertNotRegex(calm, r"(?m)^\d+/\d+ units")
        self.assertIn("samples", calm)
        self.assertNotIn("\r", "\n".join(self.lines_on_terminal(80, "--no_progress")))


class Moves(TerminalTest):
    """Progress inside of units: one sample, so long that the first unit is not done when progress is told first."""
    LONGEST = 1 << 17

    def command(self, *flags):
        data = self.folder / f"{self.n_tokens}.jsonl"
        data.write_text(json.dumps({"input_ids": [i % 50 + 1 for i in range(self.n_tokens)]}))
        return [KVCOMPARE, "--model_name", self.model, "--data_path", data, "--methods", "streaming_llm", "--engine", "stepwise",
                "--max_length", str(self.n_tokens), "--output_dir", tempfile.mkdtemp(dir=self.folder), *flags]

    def before_the_first_unit(self, states_of):
        """The percentages that are shown at 0 units, of the shortest sample of which one is more than 0."""
        self.n_tokens = 512
        while self.n_tokens <= self.LONGEST:
            states = "\n".join(states_of())
            percentages = [int(p) for p in re.findall(r"(?<!\d)0/2 units, (\d+) %", states)]
            self.assertEqual(percentages, sorted(percentages))
            if percentages and percentages[-1] > 0:
                return percentages
            self.n_tokens *= 2
        self.fail(f"{self.LONGEST} tokens were evaluated without progress before the first unit was done")

    def test_a_log_shows_work_before_the_first_unit_is_done(self):
        self.before_the_first_unit(lambda: self.piped().stderr.splitlines())

    def test_a_bar_moves_before_the_first_unit_is_done(self):
        percentages = self.before_the_first_unit(
            lambda: [state for line in self.lines_on_terminal(80) for state in line.split("\r")])
        self.assertEqual(percentages[0], 0)


class ClosedPipes(TerminalTest):
    def with_closed_stdout(self, command):
        ours, theirs = os.pipe()
        os.close(ours)
        done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=120)
        os.close(theirs)
        return done

    def test_a_text_that_nobody_reads_to_its_end_is_no_error(self):
        for arguments in (["--help"], ["models"], ["presses"], ["--version"], ["help", "methods"]):
            done = self.with_closed_stdout([KVCOMPARE, *arguments])
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)

    def test_a_table_that_nobody_reads_is_no_error(self):
        command = self.command("--quiet")
        done = self.with_closed_stdout(command)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue((Path(command[command.index("--output_dir") + 1]) / "COMPLETE").exists())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
