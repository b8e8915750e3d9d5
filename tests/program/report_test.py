#!/usr/bin/env python3
"""kvcompare report: what people look at, made once more: report_test.py BUILD_FOLDER [unittest options]"""
import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest, main

DEMO = Path(__file__).resolve().parents[2] / "demo"
FOR_PEOPLE = ("report.html", "summary.md", "results.csv", "samples.csv", "table.tex")
HOSTILE = "</script><img src=x onerror=steal_all_of_it()>"


def data_of(page):
    """The JSON that the page is made from."""
    text = page.read_text()
    return json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', text, re.S).group(1))


class ReportTest(RunsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sweep = ("--compression_ratio", "0.25,0.5")
        cls().run_once("first", *sweep, methods="random,streaming_llm")
        cls().run_once("second", *sweep, "--max_length", "9", methods="random")
        texts = [json.loads(line)["text"] for line in (DEMO / "documents.jsonl").read_text().splitlines()[:9]]
        texts[3] = HOSTILE + texts[3]
        cls.texts = cls.folder / "texts.jsonl"
        cls.texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts) + '{"input_ids": [1, 2, 3, 4]}\n')
        cls.first_words = [text[:20] for text in texts]

    def runTest(self):
        pass

    def report(self, *arguments, code=0):
        done = subprocess.run([self.build / "kvcompare", "report", *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, cwd=self.folder, env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def bytes_of(self, folder):
        return {f.name: f.read_bytes() for f in folder.iterdir() if f.name != "LOCK"}


class Report(ReportTest):
    def test_of_a_run_makes_the_same_files_and_table_again(self):
        before = self.bytes_of(self.out("first"))
        for name in FOR_PEOPLE:
            (self.out("first") / name).unlink()
        done = self.report(self.out("first"))
        self.assertEqual(self.bytes_of(self.out("first")), before)
        self.assertIn("StreamingLLM", done.stdout)
        self.assertIn(f"to look at: {self.out('first')}/report.html", done.stderr)

    def test_into_another_folder_leaves_the_run_as_it_is(self):
        before = self.bytes_of(self.out("first"))
        self.report(self.out("first"), "--output", self.out("elsewhere"), "--at_density", "0.7,0.6")
        self.assertEqual(self.bytes_of(self.out("first")), before)
        self.assertEqual(set(self.bytes_of(self.out("elsewhere"))), set(FOR_PEOPLE))
        densities = {row["density"] for row in data_of(self.out("elsewhere") / "report.html")["runs"][0]["equal_density"]}
        self.assertEqual(densities, {0.7, 0.6})
        refused = self.report(self.out("first"), "--at_density", "0.7", code=2)
        self.assertIn("give --output FOLDER too", refused.stderr)

    def test_of_several_runs_is_one_page_that_says_what_cannot_be_compared(self):
        self.report("first", "second")
        page = data_of(self.folder / "comparison_report" / "report.html")
        self.assertEqual([run["name"] for run in page["runs"]], ["first", "second"])
        self.assertIn("max_length", json.dumps(page["incomparable"]))
        for run in page["runs"]:
            results = json.loads((self.out(run["name"]) / "detailed_results.json").read_text())["results"]
            self.assertEqual([one["perplexity"] for one in run["instances"]], [one["perplexity"] for one in results])

    def test_refuses_what_is_no_complete_run(self):
        self.assertIn("given twice", self.report("first", "first/", code=2).stderr)
        self.assertIn("holds no journal.jsonl", self.report(self.folder, code=2).stderr)
        self.assertIn("give the folder of a run first", self.report(code=2).stderr)
        self.copy("first", "cut")
        lines = (self.out("cut") / "journal.jsonl").read_bytes().splitlines(keepends=True)
        (self.out("cut") / "journal.jsonl").write_bytes(b"".join(lines[:20]))
        self.assertRegex(self.report("cut", code=2).stderr, r"not complete: \d+ of 60 units are done; kvcompare --resume")

    def test_refuses_a_journal_of_an_older_version_saying_what_to_do(self):
        self.copy("first", "old")
        journal = self.out("old") / "journal.jsonl"
        text = b'{"line":1,"format":"kvcompare journal","version":2}'
        journal.write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
        for command in (("report", "old"), ("finalize", "old"), ("verify", "old")):
            done = subprocess.run([self.build / "kvcompare", *command], capture_output=True, text=True, cwd=self.folder)
            self.assertEqual(done.returncode, 5, done.stderr)
        done = self.report("old", code=5)
        for words in ("is of version 2 of the journal, expected version 3 or 4", "finish the run with the kvcompare that began it",
                      "finalize and report do not read it either"):
            self.assertIn(words, done.stderr)

    def test_shows_how_texts_begin_where_it_is_asked_to(self):
        run = dict(model=DEMO / "model", scorer=DEMO / "scorer", data=self.texts, methods="random")
        self.run_once("told", "--max_length", "16", "--report_text", **run)
        self.run_once("silent", "--max_length", "16", **run)
        page = self.out("told") / "report.html"
        (told,) = data_of(page)["runs"]
        shown = json.dumps(told["samples"], ensure_ascii=False)
        for words in self.first_words:
            self.assertIn(json.dumps(words, ensure_ascii=False)[1:-1], shown)
        outside = re.sub(r'<script[^>]*application/json.*?</script>', "", page.read_text(), flags=re.S)
        self.assertFalse("steal_all_of_it" in outside)
        self.assertFalse("steal_all_of_it" in (self.out("silent") / "report.html").read_text())
        self.report("silent", "--report_text")
        self.assertEqual(data_of(self.out("silent") / "report.html")["runs"][0]["samples"], told["samples"])
        self.texts.rename(self.folder / "gone.jsonl")
        self.addCleanup((self.folder / "gone.jsonl").rename, self.texts)
        done = self.report("silent", "--report_text")
        self.assertIn("the page shows no texts", done.stderr)
        self.assertFalse("steal_all_of_it" in (self.out("silent") / "report.html").read_text())


if __name__ == "__main__":
    main(sys.argv)
