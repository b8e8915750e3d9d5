#!/usr/bin/env python3
"""The demo shows what it is there for: demo_test.py BUILD_FOLDER [unittest options]

Measured on documents that the model and the scorer have not seen.
"""
import json
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "demo"), str(ROOT / "tests/support")]
import measure
import needle
from reports import BASELINE, answers_of
from thorough import tries

measure.DENSITIES = tries((0.25,), measure.DENSITIES)
measure.METHODS = tries("kvzap,random,expected_attention", measure.METHODS)
measure.THRESHOLDS = tries((-8, -5, -2), measure.THRESHOLDS)
BUILD = Path(sys.argv[1]).resolve()
KVCOMPARE = BUILD / "kvcompare"
LINES = {name: [json.loads(line) for line in (ROOT / "demo" / name).read_text(encoding="utf-8").splitlines()]
         for name in ("documents.jsonl", "answers.jsonl")}


def tokenized(folder, data):
    out = folder / "tokens.jsonl"
    subprocess.run([KVCOMPARE, "tokenize", "--tokenizer", ROOT / "demo/model", "--input", data, "--output", out], check=True)
    return [json.loads(line) for line in out.read_text().splitlines()]


class InScratch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)


class Demo(InScratch):
    def test_documents_are_plain_texts_and_the_same_with_their_answers(self):
        self.assertEqual(len(LINES["documents.jsonl"]), 40)
        for plain, with_answers in zip(LINES["documents.jsonl"], LINES["answers.jsonl"], strict=True):
            self.assertEqual(plain, {"text": with_answers["text"]})
            self.assertEqual(list(with_answers), ["text", "scored"])

    def test_every_answer_was_told_before(self):
        """Read without the generator: of a statement, what stands before its value occurs earlier with the same value, and, of numbers,
        not with another one later."""
        for line in LINES["answers.jsonl"]:
            text = line["text"]
            for begin, end in line["scored"]:
                sentence = text.rfind(".", 0, begin) + 1
                stem = re.search(r"(Box \d+|[A-Z][a-z]+)( (now )?holds| lives in| is the| feeds the| likes| wears| plays the| lost the)? ?$",
                                 text[sentence:begin])
                if " list of " in text[sentence:begin]:
                    head = text[text.rfind("list of ", 0, begin):end]
                    self.assertIn(head, text[:sentence])
                elif stem[1].startswith("Box"):
                    told = re.findall(rf"{stem[1]} (?:now )?holds (\d+) coins", text[:sentence])
                    self.assertEqual(told[-1], text[begin:end], text[sentence:end])
                else:
                    self.assertIn(stem[0] + text[begin:end], text[:sentence])

    def test_an_answer_is_a_token(self):
        lines = tokenized(self.folder, ROOT / "demo/answers.jsonl")
        lengths = [len(line["input_ids"]) for line in lines]
        self.assertGreater(max(lengths), 3000)
        self.assertLess(max(lengths), 4100)
        for line, tokens in zip(LINES["answers.jsonl"], lines, strict=True):
            self.assertEqual(len(tokens["scored"]), len(line["scored"]))
            self.assertTrue(all(end - begin == 1 for begin, end in tokens["scored"]))
        self.assertGreater(sum(len(line["scored"]) for line in lines), 1000)

    def test_answers_depend_on_memory_and_kvzap_and_expected_attention_keep_it(self):
        reports = measure.at_equal_density(KVCOMPARE, self.folder / "ratio")
        for density in measure.DENSITIES:
            for method in reports.methods():
                self.assertAlmostEqual(float(reports.instance(method, 1 - density)["kept_fraction"]), density, delta=0.002, msg=method)
            for method in ("KVzap", "ExpectedAttention"):
                gain, (low, _) = measure.better_than_random(reports, method, density)
                self.assertGreater(low, 0, f"{method} at {density}: {gain}")
                self.assertGreater(float(reports.instance(method, 1 - density)["answers"]),
                                   float(reports.instance("Random", 1 - density)["answers"]))
        baseline = reports.instance(BASELINE)
        self.assertEqual(answers_of(baseline)[1], sum(len(line["scored"]) for line in LINES["answers.jsonl"]))
        self.assertGreater(float(measure.window(KVCOMPARE, self.folder / "window")["avg_nll"]) - float(baseline["avg_nll"]), 2)

    def test_a_higher_threshold_keeps_less_and_costs_more(self):
        rows = measure.sweep(KVCOMPARE, self.folder / "sweep", measure.DOCUMENTS)
        self.assertEqual([float(row["threshold"]) for row in rows], list(measure.THRESHOLDS))
        kept, nll = [float(row["kept_fraction"]) for row in rows], [float(row["avg_nll"]) for row in rows]
        self.assertEqual(kept, sorted(kept, reverse=True))
        self.assertEqual(nll, sorted(nll))
        self.assertGreater(kept[0] - kept[-1], 0.5)

    def test_the_corpus_is_made_again_as_it_is(self):
        for name in LINES:
            made = self.folder / name
            command = re.search(rf"corpus (--output WORK/{name} .*)", (ROOT / "demo/make.log").read_text())[1].split()
            flags = [str(made) if word == f"WORK/{name}" else word for word in command]
            subprocess.run([BUILD / "kvcompare_demo", "corpus", *flags], check=True)
            self.assertEqual(made.read_bytes(), (ROOT / "demo" / name).read_bytes(), name)


class Needle(InScratch):
    def write(self, name, *flags):
        data = self.folder / name
        subprocess.run([BUILD / "kvcompare_demo", "needle", "--output", data, "--tokenizer", ROOT / "demo/model", *flags], check=True)
        return data

    def test_lines_say_where_the_fact_and_the_answer_are(self):
        data = self.write("lines.jsonl", "--documents", "20", "--words", "200", "--others", "2")
        tokens = tokenized(self.folder, data)
        for i, (line, of_line) in enumerate(zip(needle.lines_of(data), tokens, strict=True)):
            (begin, end), = line["evidence"]
            stem = line["prompt"][line["prompt"].rindex("? ") + 2:]
            self.assertEqual(line["prompt"][begin:end], stem + line["completion"] + ".")
            self.assertEqual(line["depth"], (10, 30, 50, 70, 90)[i % 5])
            self.assertLess(abs(begin / len(line["prompt"]) - line["depth"] / 100), 0.2)
            (answer, n_tokens), = of_line["scored"]
            self.assertEqual((n_tokens, answer), (len(of_line["input_ids"]), n_tokens - 1))
            (first, last), = of_line["evidence"]
            self.assertEqual(of_line["input_ids"][last - 2], of_line["input_ids"][answer])
            # The context ends before the question, which repeats the sentence of the fact up to the answer.
            n_question = n_tokens - 1 - of_line["context_length"]
            self.assertGreater(n_question, last - first - 2)
            self.assertLess(of_line["context_length"], answer)

    def test_tables_count_what_the_reports_hold(self):
        data = self.write("small.jsonl", "--documents", "10", "--words", "150", "--depths", "10,90")
        command = [sys.executable, ROOT / "demo/needle.py", "--kvcompare", KVCOMPARE, "--data", data, "--methods", "streaming_llm",
                   "--density", "0.25", "--by_depth", "0.25", "--output_dir", self.folder / "runs"]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(subprocess.run(command, capture_output=True, text=True).stdout, done.stdout)  # continued
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in done.stdout.splitlines() if row.startswith("|")]
        header, _, baseline, streaming = rows[:4]
        self.assertEqual(header, ["method", "kept", *needle.PROTOCOLS])
        # StreamingLLM keeps the latest quarter: what was told at 90 % and nothing of 10 %, wherever it evicts.
        by_depth = {(row[0], row[1]): [int(cell.split("/")[0]) for cell in row[2:]] for row in rows[6:]}
        for column, protocol in enumerate(header[2:], 2):
            early, late = by_depth[protocol, "StreamingLLM"]
            self.assertEqual(streaming[column], f"{early + late}/10")
            self.assertEqual(baseline[column], f"{sum(by_depth[protocol, 'Baseline'])}/10")
            self.assertEqual(late, by_depth[protocol, "Baseline"][1])
            self.assertLess(early, 3)


    def test_lines_without_a_context_are_refused(self):
        data = self.folder / "without.jsonl"
        subprocess.run([BUILD / "kvcompare_demo", "needle", "--output", data, "--documents", "2", "--words", "50"], check=True)
        done = subprocess.run([sys.executable, ROOT / "demo/needle.py", "--kvcompare", KVCOMPARE, "--data", data], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("without.jsonl:1 has no 'context_length'; expected what `kvcompare_demo needle --tokenizer FOLDER` writes", done.stderr)


class Quickstart(InScratch):
    def test_its_table_has_answers(self):
        script = (ROOT / "launch/quickstart.sh").read_text()
        command = shlex.split(re.search(r"^build/release/kvcompare (.*?--overwrite)$", script, re.M | re.S)[1].replace("\\\n", " "))
        command = [self.folder / "out" if word == "build/demo_results" else word for word in command]
        done = subprocess.run([KVCOMPARE, *command, "--max_samples", "8", "--max_length", "700"],
                              cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        header = next(line for line in done.stdout.splitlines() if line.startswith("Method"))
        column = re.split(r"\s{2,}", header).index("Answers")
        rows = [re.split(r"\s{2,}", line) for line in done.stdout.splitlines() if "Baseline" in line]
        scored = [line["scored"] for line in tokenized(self.folder, ROOT / "demo/answers.jsonl")[:8]]
        n_answers = sum(end <= 700 for ranges in scored for _, end in ranges)
        self.assertRegex(rows[0][column], rf"^\d+/{n_answers}$")


class Programs(unittest.TestCase):
    def test_ask_for_what_they_need_before_they_compute(self):
        for script in ("measure.py", "needle.py"):
            done = subprocess.run([sys.executable, "-S", ROOT / "demo" / script, "--kvcompare", "/no/kvcompare"],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, r"there is no program /no/kvcompare; build it with launch/build.sh")
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
