#!/usr/bin/env python3
"""Data that names which tokens are scored, through the whole program: scored_test.py BUILD_FOLDER [unittest options]"""
import csv
import json
import math
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from other_python import go_on_where

MISSING = go_on_where(("h5py",))
from kvcompare_runs import RunsTest, main

ENGINES = ("layerwise", "stepwise")


class ScoredTest(RunsTest):
    def compare(self, out, rows, *flags, methods="random,streaming_llm", model=None, scorer=None, code=0):
        """Runs on the rows, and returns detailed_results.json."""
        data = self.folder / f"{out}.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        done = subprocess.run(self.command(out, *flags, methods=methods, data=data, model=model, scorer=scorer), capture_output=True, text=True,
                              env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        self.done = done
        return json.loads((self.out(out) / "detailed_results.json").read_text()) if code == 0 else None


class Numbers(ScoredTest):
    def test_are_those_of_the_oracle(self):
        golden = json.loads((ROOT / "tests" / "golden" / "scored.json").read_text())
        flags = [f"--{name}={value}" for name, value in golden["flags"].items()]
        models, n_compared = {}, 0
        for row in golden["rows"]:
            if row["model"] not in models:
                models[row["model"]] = self.folder / ("golden_" + row["model"])
                subprocess.run([self.build / "write_tiny_model", row["model"], models[row["model"]]], check=True,
                               stdout=subprocess.DEVNULL)
        for model, folder in models.items():
            for chunk_size in sorted({row["chunk_size"] for row in golden["rows"]}):
                rows = [row for row in golden["rows"] if (row["model"], row["chunk_size"]) == (model, chunk_size)]
                for engine in ENGINES:
                    report = self.compare(f"golden_{model}_{chunk_size}_{engine}", golden["data"], *flags, "--dtype=float64",
                                          f"--chunk_size={chunk_size}", f"--engine={engine}", model=folder,
                                          scorer=folder / "scorer", methods=",".join(row["method"] for row in rows))
                    ours = {method_of(result): result["per_sample"] for result in report["results"]}
                    for row in rows:
                        for (n_scored, total_nll), sample in zip(row["samples"], ours[row["method"]], strict=True):
                            where = (model, chunk_size, engine, row["method"], sample["sample"])
                            self.assertEqual((sample["n_scored"], sample["tokens"]), (n_scored, n_scored), where)
                            self.assertLessEqual(abs(sample["total_nll"] - total_nll), 1e-9 * abs(total_nll), where)
                            n_compared += 1
        self.assertGreater(n_compared, 500)

    def test_are_the_same_bytes_where_every_token_is_named(self):
        ids = [json.loads(line)["input_ids"] for line in self.data.read_text().splitlines()]
        for engine in ENGINES:
            unnamed = self.compare(f"unnamed_{engine}", [{"input_ids": row} for row in ids], f"--engine={engine}")
            named = self.compare(f"named_{engine}", [{"input_ids": row, "scored": [[0, len(row)]]} for row in ids], f"--engine={engine}")
            for result in named["results"] + unnamed["results"]:    # ranges are answers only where the data names them
                for numbers in (result, *result["per_sample"]):
                    for name in [name for name in numbers if name.startswith(("spans", "answers"))]:
                        del numbers[name]
            self.assertEqual(named["results"], unnamed["results"])
            self.assertEqual(named["scored"], "all")
            self.assertNotEqual(named["fingerprint"], unnamed["fingerprint"], "what is scored is part of the run")

    def test_with_one_rank_and_with_four_are_the_same(self):
        rows = [{**json.loads(line), "scored": [[2, 4], [4, 6]], "evidence": [[[0, 2]], [[1, 3]]]} for line in self.data.read_text().splitlines()]
        report = self.compare("alone", rows)
        self.assertLess(report["results"][1]["evidence_kept"], 1)
        data = self.folder / "alone.jsonl"
        subprocess.run(self.command("ranks", ranks=4, methods="random,streaming_llm", data=data), check=True, capture_output=True,
                       env=self.environment())
        for name in ("detailed_results.json", "results.h5", "samples.csv", "table.tex", "summary.md"):
            self.assertEqual((self.out("alone") / name).read_bytes(), (self.out("ranks") / name).read_bytes(), name)


def method_of(result):
    return {"Baseline": "baseline", "Random": "random", "StreamingLLM": "streaming_llm", "ExpectedAttention": "expected_attention",
            "ObservedAttention": "observed_attention", "Knorm": "knorm", "KVzap": "kvzap"}[result["method_name"]]


class Files(ScoredTest):
    """One run, of which samples name ranges, none, and ranges that hold nothing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ids = [json.loads(line)["input_ids"] for line in cls.data.read_text().splitlines() if len(json.loads(line)["input_ids"]) > 9][:4]
        cls.rows = [{"input_ids": ids[0], "scored": [[3, 5], [6, 9]]}, {"input_ids": ids[1]}, {"input_ids": ids[2], "scored": [[0, 1]]},
                    {"input_ids": ids[3], "scored": [[1, 4]], "evidence": [[0, 2]], "context_length": 4}]

    def setUp(self):
        self.report = self.compare("files", self.rows, "--save_token_nll", "--overwrite")
        self.folder_of_run = self.out("files")

    def test_count_and_sum_the_scored_tokens(self):
        lengths = [len(row["input_ids"]) for row in self.rows]
        counts = [5, lengths[1] - 1, 3]
        self.assertEqual(self.report["skipped_samples"], [2])
        for result in self.report["results"]:
            self.assertEqual([row["tokens"] for row in result["per_sample"]], counts)
            self.assertEqual(result["total_tokens"], sum(counts))
            self.assertEqual(sum(result["nll_by_position"]["n_scored"]), sum(counts))
            self.assertAlmostEqual(sum(result["nll_by_position"]["total_nll"]), result["total_nll"], places=9)
            self.assertAlmostEqual(result["avg_nll"], sum(row["total_nll"] for row in result["per_sample"]) / sum(counts), places=12)
        with open(self.folder_of_run / "samples.csv", newline="") as file:
            self.assertEqual([int(row["n_scored"]) for row in csv.DictReader(file)], 3 * counts)

    def test_say_that_ranges_are_scored(self):
        note = "of " + str(sum(len(row["input_ids"]) - 1 for row in self.rows if row is not self.rows[2]))
        summary = json.loads((self.folder_of_run / "comparison_summary.json").read_text())
        self.assertEqual((self.report["scored"], summary["scored"]), ("ranges", "ranges"))
        for name in ("summary.md", "table.tex", "report.html"):
            self.assertIn(note, (self.folder_of_run / name).read_text(), name)
        self.assertIn(note, self.done.stdout)
        self.assertIn("Skipped, without a scored token: 1 of 4 samples", self.done.stdout)
        with open(self.folder_of_run / "results.csv", newline="") as file:
            self.assertEqual({row["scored"] for row in csv.DictReader(file)}, {"ranges"})

    @unittest.skipIf("h5py" in MISSING, "h5py is not installed")
    def test_hold_the_nll_of_all_tokens_and_the_ranges(self):
        import h5py
        with h5py.File(self.folder_of_run / "results.h5") as file:
            units = file["units"]
            self.assertEqual(file.attrs["scored"].decode(), "ranges")
            offsets, nll = units["token_nll/offsets"][:], units["token_nll/values"][:]
            first, ranges = units["scored/offsets"][:], units["scored/ranges"][:]
            for unit, sample in enumerate(units["sample"][:]):
                values = nll[offsets[unit]:offsets[unit + 1]]
                row = self.rows[sample]
                self.assertEqual(len(values), len(row["input_ids"]) - 1)
                self.assertEqual(ranges[first[unit]:first[unit + 1]].tolist(), row.get("scored", []))
                scored = row.get("scored", [[1, len(row["input_ids"])]])
                self.assertEqual(units["n_scored"][unit], sum(end - begin for begin, end in scored))
                self.assertAlmostEqual(units["total_nll"][unit], sum(values[t - 1] for begin, end in scored for t in range(begin, end)), places=9)

    def test_are_made_again_from_the_journal(self):
        before = (self.folder_of_run / "detailed_results.json").read_bytes()
        subprocess.run([self.build / "kvcompare", "finalize", self.folder_of_run], check=True, capture_output=True)
        self.assertEqual((self.folder_of_run / "detailed_results.json").read_bytes(), before)
        done = subprocess.run([self.build / "kvcompare", "verify", self.folder_of_run, "--recompute", "3"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_other_ranges_are_another_run(self):
        rows = [dict(row) for row in self.rows]
        rows[3]["scored"] = [[1, 5]]
        data = self.folder / "files.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        done = subprocess.run(self.command("files", "--resume", "--save_token_nll", methods="random,streaming_llm", data=data), capture_output=True,
                              text=True, env=self.environment())
        self.assertEqual(done.returncode, 2)
        self.assertIn("data: was", done.stderr)


class Refuses(ScoredTest):
    def refused(self, row, *words, flags=()):
        self.compare("refused", [{"input_ids": [1, 2, 3]}, row], *flags, code=5)
        for word in ("refused.jsonl:2: ", *words):
            self.assertIn(word, self.done.stderr)

    def test_ranges_that_cannot_be(self):
        ids = [1, 2, 3, 4]
        self.refused({"input_ids": ids, "scored": [[1, 9]]}, "outside of the sample")
        self.refused({"input_ids": ids, "scored": [[1, 3], [2, 4]]}, "overlaps")
        self.refused({"input_ids": ids, "scored": [[3, 1]]}, "ends before it begins")
        self.refused({"input_ids": ids, "scored": [[2, 2]]}, "is empty")
        self.refused({"input_ids": ids, "scored": "all"}, "'scored' must be an array of ranges")
        self.refused({"input_ids": ids, "evidence": [[1, 9]]}, "'evidence'", "outside of the sample")
        self.refused({"input_ids": ids, "context_length": 1.5}, "'context_length' must be a number of tokens")

    def test_texts_that_cannot_be(self):
        self.refused({"text": "é", "scored": [[0, 2]]}, "outside of the text, which has the characters [0, 1]")
        self.refused({"prompt": "a", "completion": ""}, "'completion' is an empty completion")
        self.refused({"prompt": "a", "completion": 5}, "must be a string")
        self.refused({"question": "a", "answer": ""}, "'answer' is an empty completion", flags=("--prompt_field=question", "--completion_field=answer"))
        self.refused({"parts": [{"text": "", "scored": True}]}, "part 0 is an empty completion")
        self.refused({"messages": [{"role": "user", "content": "a"}]}, "'prompt' and 'completion'", "'parts'", "'input_ids'")

    def test_data_of_which_nothing_is_scored(self):
        self.compare("nothing", [{"input_ids": [1, 2, 3], "scored": []}], code=5)
        self.assertIn("no sample has a token that is scored", self.done.stderr)

    def test_windows_that_cannot_be(self):
        for windows in ("8", "8:9", "1:1", "8:0"):
            self.compare("windows", [{"input_ids": [1, 2, 3]}], f"--perplexity_windows={windows}", code=2)
            self.assertIn("with 2 <= W and 1 <= S <= W", self.done.stderr)
        self.compare("windows", [{"input_ids": [1, 2, 3]}], "--perplexity_windows=64:8", "--max_length=32", code=2)
        self.assertIn("more than --max_length 32", self.done.stderr)
        self.refused({"input_ids": [1, 2, 3], "scored": [[1, 2]]}, "--perplexity_windows cuts plain texts", flags=("--perplexity_windows=8:4",))


class Cut(ScoredTest):
    def test_ranges_are_counted_said_and_scored_as_far_as_they_go(self):
        ids = list(range(1, 13))
        report = self.compare("cut", [{"input_ids": ids, "scored": [[2, 4], [6, 10]]}, {"input_ids": ids, "scored": [[9, 12]]}, {"input_ids": ids}],
                              "--max_length=8")
        self.assertEqual(report["truncated"], {"samples": 3, "tokens": 12, "scored_ranges": 2})
        self.assertEqual([row["tokens"] for row in report["results"][0]["per_sample"]], [4, 7])
        self.assertEqual(report["skipped_samples"], [1])
        (warning,) = [one for one in report["warnings"] if one["code"] == "cut_scored"]
        self.assertEqual(warning["samples"], 2)
        self.assertIn("none of them counts as a whole answer", warning["text"])
        self.assertIn("2 scored ranges reached beyond --max_length 8", self.done.stderr + self.done.stdout)


class Windows(ScoredTest):
    def test_score_what_a_naive_loop_over_the_text_scores(self):
        """The loop evaluates each window as a sample of its own, and sums the NLL that the recipe of Hugging Face asks for."""
        ids = [1] + [2 + (i * 7) % 50 for i in range(60)]
        window, stride = 16, 6
        report = self.compare("windows", [{"input_ids": ids}], f"--perplexity_windows={window}:{stride}")
        stdout, pieces, counted, previous = self.done.stdout, [], [], 0
        for begin in range(0, len(ids), stride):
            end = min(begin + window, len(ids))
            pieces.append(ids[begin:end])
            counted.append(range(max(1, (end - begin) - (end - previous)), end - begin))
            previous = end
            if end == len(ids):
                break
        self.compare("pieces", [{"input_ids": piece} for piece in pieces], "--save_token_nll")
        nll = [json.loads(line[9:]) for line in (self.out("pieces") / "journal.jsonl").read_text().splitlines()]
        for result in report["results"]:
            name = method_of(result)
            total = 0.0
            for unit in nll:
                if unit.get("ok") and unit["unit"][1].split(":")[0] == name and name != "random":  # random depends on the place of the sample
                    total += sum(unit["values"]["token_nll"][t - 1] for t in counted[unit["unit"][0]])
            if name != "random":
                self.assertAlmostEqual(result["total_nll"], total, places=9)
            self.assertEqual(result["total_tokens"], len(ids) - 1)
        self.assertEqual(report["n_samples"], len(pieces))
        self.assertEqual(report["config"]["perplexity_windows"], "16:6")
        self.assertEqual(report["scored"], "windows")
        self.assertIn("over windows of 16 tokens at a stride of 6", stdout)


class Text(ScoredTest):
    """With the tokenizer of the demo's model."""

    def run_demo(self, out, rows, *flags):
        return self.compare(out, rows, "--max_length=256", *flags, model=ROOT / "demo" / "model", methods="random")

    def test_a_completion_scores_its_tokens(self):
        documents = [json.loads(line)["text"][:300] for line in (ROOT / "demo" / "documents.jsonl").read_text().splitlines()[:3]]
        rows = [{"prompt": text[:200], "completion": text[200:]} for text in documents]
        data, tokens = self.folder / "in.jsonl", self.folder / "tokens.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        subprocess.run([self.build / "kvcompare", "tokenize", "--tokenizer", ROOT / "demo" / "model", "--input", data, "--output", tokens], check=True)
        lines = [json.loads(line) for line in tokens.read_text().splitlines()]
        for line in lines:
            self.assertEqual(line["scored"], [[line["context_length"], len(line["input_ids"])]])
        of_text, of_ids = self.run_demo("completion", rows), self.run_demo("completion_ids", lines)
        for ours, theirs in zip(of_text["results"], of_ids["results"], strict=True):
            self.assertEqual(ours["per_sample"], theirs["per_sample"])
            n_bytes = sum(len(text[200:].encode()) for text in documents)
            n_words = sum(len(text[200:].split()) for text in documents)
            self.assertAlmostEqual(ours["bits_per_byte"], ours["total_nll"] / math.log(2) / n_bytes, places=9)
            self.assertAlmostEqual(ours["word_perplexity"], math.exp(ours["total_nll"] / n_words), places=6)
            self.assertIsNone(theirs["bits_per_byte"])
            self.assertIn("token ids without text", theirs["bits_per_byte_reason"])
            self.assertIsNone(theirs["word_perplexity"])


if __name__ == "__main__":
    main(sys.argv)
