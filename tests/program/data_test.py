#!/usr/bin/env python3
"""Data sets in every form that is read, through the whole program: data_test.py BUILD_FOLDER [unittest options]

Python writes each form, and a JSON Lines file of what it says. Two runs that read the same ids name the same hash of the data.
"""
import gzip
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from kvcompare_runs import RunsTest, main

DEMO = ROOT / "demo" / "model"
TEXTS = ["Here begins the record. Box 10 holds 99 coins.", "Two lines\nof one text, with \"quotes\", [brackets] and a \\ backslash.",
         "Zoë paid 12€ — twice!", "  spaces in front of it", "The last, which is a good deal longer than the others, so that it is cut somewhere."]


class DataTest(RunsTest):
    n_runs = 0

    def write(self, name, content):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def jsonl(self, rows):
        return "".join(json.dumps(row) + "\n" for row in rows)

    def start(self, data, *flags, **options):
        DataTest.n_runs += 1
        self.last = f"run{self.n_runs}"
        return subprocess.run(self.command(self.last, "--max_length", "24", *flags, methods="baseline", data=data, model=DEMO), capture_output=True,
                              env=self.environment(), **options)

    def read(self, data, *flags, **options):
        """What detailed_results.json says of the run, and the hash of its data."""
        done = self.start(data, *flags, **options)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.said = done.stderr.decode()
        report = json.loads((self.out(self.last) / "detailed_results.json").read_text())
        return report, report["inputs"]["data_sha256"]

    def refusal(self, data, *flags, code=5, **options):
        done = self.start(data, *flags, **options)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return done.stderr.decode()

    def hash_of_texts(self, texts, *flags):
        return self.read(self.write("expected.jsonl", self.jsonl({"text": text} for text in texts)), *flags)[1]

    def ids(self, text):
        """Of a text, by the program's own tokenizer, which other tests compare."""
        source, target = self.write("one.jsonl", self.jsonl([{"text": text}])), self.folder / "one.ids"
        subprocess.run([self.build / "kvcompare", "tokenize", "--tokenizer", DEMO, "--input", source, "--output", target], check=True, capture_output=True)
        return json.loads(target.read_text())["input_ids"]


class Forms(DataTest):
    def test_a_json_array(self):
        expected = self.hash_of_texts(TEXTS)
        rows = [{"id": i, "nested": [{"x": "]"}, {}], "text": text} for i, text in enumerate(TEXTS)]
        for content in (json.dumps(rows), json.dumps(rows, indent=2), "\ufeff \n" + json.dumps(rows, ensure_ascii=False) + "\n\n"):
            self.assertEqual(self.read(self.write("array.json", content))[1], expected)

    def test_compressed_files(self):
        expected = self.hash_of_texts(TEXTS)
        content = self.jsonl({"text": text} for text in TEXTS).encode()
        halves = content.index(b"\n", len(content) // 2) + 1
        self.assertEqual(self.read(self.write("data.jsonl.gz", gzip.compress(content)))[1], expected)
        several = gzip.compress(content[:halves]) + gzip.compress(b"") + gzip.compress(content[halves:])
        self.assertEqual(self.read(self.write("members.gz", several + b"\0" * 100))[1], expected)
        self.assertEqual(self.read(self.write("array.json.gz", gzip.compress(json.dumps([{"text": t} for t in TEXTS]).encode())))[1], expected)

    @unittest.skipUnless(shutil.which("zstd"), "no zstd here")
    def test_files_of_zstd(self):
        expected = self.hash_of_texts(TEXTS)
        content = self.jsonl({"text": text} for text in TEXTS).encode()
        frames = [subprocess.run(["zstd", "-q", "-c"], input=part, check=True, capture_output=True).stdout
                  for part in (content, content[:0], content.replace(b"\n", b"\n\n"))]
        self.assertEqual(self.read(self.write("data.zst", frames[0]))[1], expected)
        self.assertEqual(self.read(self.write("frames.zst", frames[1] + frames[2]))[1], expected)
        self.assertIn("ends too early", self.refusal(self.write("cut.zst", frames[0][:-9])))

    def test_standard_input(self):
        expected = self.hash_of_texts(TEXTS)
        content = self.jsonl({"text": text} for text in TEXTS).encode()
        self.assertEqual(self.read("-", input=content)[1], expected)
        self.assertEqual(self.read("-", input=gzip.compress(content))[1], expected)
        done = subprocess.run([self.build / "kvcompare", "verify", self.out(self.last), "--recompute", "1"], capture_output=True, text=True,
                              env=self.environment())
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("standard input", done.stderr)

    def test_several_files_and_patterns(self):
        expected = self.hash_of_texts(TEXTS)
        for i, text in enumerate(TEXTS):
            content = self.jsonl([{"text": text}]).encode()
            self.write(f"several/{i}.jsonl{'.gz' if i % 2 else ''}", gzip.compress(content) if i % 2 else content)
        folder = self.folder / "several"
        names = [str(file) for file in sorted(folder.iterdir())]
        self.assertEqual(self.read(",".join(names))[1], expected)
        self.assertEqual(self.read(str(folder / "*.jsonl*"))[1], expected)
        self.assertEqual(self.read(f"{folder}/[01]*,{folder}/[2-9]*")[1], expected)
        odd = self.write("a,b[1]*.jsonl", self.jsonl({"text": text} for text in TEXTS))
        self.assertEqual(self.read(str(odd))[1], expected)

    def test_plain_text(self):
        paragraphs = ["One line.", "Two lines,\nof which this is one.", "ends here"]
        content = "\n\n" + "\r\n \r\n\r\n".join(text.replace("\n", "\r\n") for text in paragraphs)
        file = self.write("plain", content)
        self.assertEqual(self.read(file, "--split", "blank_line")[1], self.hash_of_texts(paragraphs))
        self.assertEqual(self.read(file, "--split", "line")[1], self.hash_of_texts(line for text in paragraphs for line in text.split("\n")))
        whole = content.replace("\r\n", "\n")
        self.assertEqual(self.read(file, "--split", "file")[1], self.hash_of_texts([whole]))
        rows = [{"input_ids": ids} for ids in self.cut(self.ids(whole), 24)]
        expected = self.read(self.write("packed.jsonl", self.jsonl(rows)))[0]
        ours = self.read(self.write("plain.txt", content))[0]
        self.assertEqual([sample["total_nll"] for sample in ours["results"][0]["per_sample"]],
                         [sample["total_nll"] for sample in expected["results"][0]["per_sample"]])

    def cut(self, ids, n):
        pieces = [ids[at:at + n] for at in range(0, len(ids), n)]
        return [piece for piece in pieces if len(piece) > 1]

    def test_tokenize_splits_and_joins_as_a_comparison_does(self):
        def tokenized(data, *flags):
            target = self.folder / "several.ids"
            subprocess.run([self.build / "kvcompare", "tokenize", "--tokenizer", DEMO, "--input", data, "--output", target, *flags], check=True,
                           capture_output=True)
            return [json.loads(line)["input_ids"] for line in target.read_text().splitlines()]

        lines = ["One line.", "Another line."]
        plain = self.write("plain", "\n".join(lines))
        self.assertEqual(tokenized(plain, "--split", "line"), [self.ids(line) for line in lines])
        self.assertEqual(tokenized(self.write("rows.jsonl", self.jsonl({"text": text} for text in TEXTS)), "--join", "\\n"), [self.ids("\n".join(TEXTS))])

    def test_texts_inside_of_objects(self):
        rows = [{"text": "not this", "document": {"meta": {"text": text}}} for text in TEXTS]
        file = self.write("nested.jsonl", self.jsonl(rows))
        self.assertEqual(self.read(file, "--text_field", "document.meta.text")[1], self.hash_of_texts(TEXTS))
        dotted = self.write("dotted.jsonl", self.jsonl({"a.b": text, "a": {"b": "not this"}} for text in TEXTS))
        self.assertEqual(self.read(dotted, "--text_field", "a.b")[1], self.hash_of_texts(TEXTS))
        self.assertIn("--text_field document.text", self.refusal(self.write("hint.jsonl", self.jsonl([{"document": {"text": "x y"}}]))))
        pairs = self.write("pairs.jsonl", self.jsonl({"qa": {"q": text, "a": " yes"}} for text in TEXTS))
        plain = self.write("plain.jsonl", self.jsonl({"prompt": text, "completion": " yes"} for text in TEXTS))
        self.assertEqual(self.read(pairs, "--prompt_field", "qa.q", "--completion_field", "qa.a")[1], self.read(plain)[1])

    def test_joined_lines(self):
        file = self.write("rows.jsonl", self.jsonl({"text": text} for text in TEXTS))
        ours = self.read(file, "--join", "\\n\\n")[0]
        rows = [{"input_ids": ids} for ids in self.cut(self.ids("\n\n".join(TEXTS)), 24)]
        expected = self.read(self.write("joined.jsonl", self.jsonl(rows)))[0]
        self.assertEqual([sample["total_nll"] for sample in ours["results"][0]["per_sample"]],
                         [sample["total_nll"] for sample in expected["results"][0]["per_sample"]])
        self.assertIn("plain texts", self.refusal(self.write("ids.jsonl", self.jsonl([{"input_ids": [5, 6, 7]}])), "--join", "\\n"))


class Benchmarks(DataTest):
    """Rows as RULER, LongBench and SCBench publish them."""

    def assert_parts(self, layout, row, parts):
        ours = self.read(self.write("layout.jsonl", self.jsonl([row])), "--data_layout", layout)[1]
        rows = [{"parts": [{"text": text, "scored": i % 2 == 1} for i, text in enumerate(parts)]}]
        self.assertEqual(ours, self.read(self.write("parts.jsonl", self.jsonl(rows)))[1])

    def test_fields_make_prompts_and_answers(self):
        ruler = {"index": 4, "input": "Box 10 holds 99 coins. How many?", "outputs": ["99", "98"], "length": 9}
        self.assert_parts("ruler", ruler, [ruler["input"], " 99"])
        self.assert_parts("ruler", {**ruler, "answer_prefix": " It holds"}, [ruler["input"] + " It holds", " 99"])
        self.assert_parts("ruler", {**ruler, "input": "Box:\n"}, ["Box:\n", "99"])
        long = {"input": "Who?", "context": "A story.", "answers": ["Bo", "Bob"], "length": 5, "dataset": "qasper", "language": "en", "all_classes": None, "_id": "x"}
        self.assert_parts("longbench", long, ["A story.\n\nWho?\n", "Bo"])
        self.assert_parts("longbench", {**long, "input": "", "context": "x = 1\n"}, ["x = 1\n", "Bo"])
        turns = [{"input": "a?", "answer": "1", "options": ["1"]}, {"input": "b?\n", "answer": ["2", "3"]}]
        self.assert_parts("scbench", {"id": 0, "context": "Keys.", "multi_turns": turns}, ["Keys.\n\na?\n", "1", "\n\nb?\n", "2"])

    def test_a_list_of_completions_counts_by_its_first(self):
        pair = [{"prompt": "one box", "completion": " two"}]
        named = self.write("named.jsonl", self.jsonl([{"input": "one box", "outputs": [" two", " three"], "prompt": "not read"}]))
        self.assertEqual(self.read(named, "--prompt_field", "input", "--completion_field", "outputs")[1],
                         self.read(self.write("pair.jsonl", self.jsonl(pair)))[1])
        for value in ([], [" two", 3], [[" two"]]):
            file = self.write("bad.jsonl", self.jsonl([{"prompt": "one box", "completion": value}]))
            self.assertIn("field 'completion' must be a string; it is of type array", self.refusal(file))
        self.assertIn("field 'prompt' must be a string", self.refusal(self.write("bad.jsonl", self.jsonl([{"prompt": ["a"], "completion": "b"}]))))

    def test_what_is_not_as_published_is_named(self):
        for layout, row, words in (("ruler", {"input": "a"}, "field 'outputs' is missing; --data_layout ruler reads it"),
                                   ("ruler", {"input": 1.5, "outputs": ["b"]}, "field 'input' must be a text; it is of type number"),
                                   ("longbench", {"context": "a", "input": "b", "answers": []}, "field 'answers' must be a text; it is of type array"),
                                   ("longbench", {"context": "a", "input": "b", "answers": [""]}, "field 'answers' holds no answer"),
                                   ("scbench", {"context": "a", "multi_turns": [{"input": "b"}]}, "field 'multi_turns.0.answer' is missing"),
                                   ("scbench", {"context": [1], "multi_turns": [{"input": "b", "answer": "c"}]}, "field 'context' must be a text"),
                                   ("scbench", {"context": "a", "multi_turns": {}}, "field 'multi_turns' must be a list of turns")):
            file = self.write("bad.jsonl", self.jsonl([row]))
            self.assertIn(f"{file}:1: {words}", self.refusal(file, "--data_layout", layout))
        self.assertIn("contradicts --text_field", self.refusal(file, "--data_layout", "ruler", "--text_field", "input", code=2))
        self.assertIn("longbench", self.refusal(file, "--data_layout", "infinitebench", code=2))


class Choices(DataTest):
    def rows(self, n):
        choose = random.Random(7)
        return [[3 + i, *(choose.randrange(3, 100) for _ in range(choose.randrange(1, 20)))] for i in range(n)]

    def samples(self, file, *flags):
        """The ids of the samples, in their order."""
        report, _ = self.read(file, "--save_tokens", *flags)
        records = [json.loads(line.split(" ", 1)[1]) for line in (self.out(self.last) / "journal.jsonl").read_text().splitlines()]
        found = {record["tokens"]["sample"]: record["tokens"]["ids"] for record in records if "ids" in (record.get("tokens") or {})}
        return [found[i] for i in sorted(found)], report

    def test_short_samples_are_left_out_and_counted(self):
        rows = self.rows(40)
        file = self.write("rows.jsonl", self.jsonl({"input_ids": row} for row in rows))
        long = [row for row in rows if len(row) >= 9]
        found, _ = self.samples(file, "--min_length", "9")
        self.assertEqual(found, long)
        self.assertIn(f"{len(rows) - len(long)} samples left out, shorter than --min_length", self.said)
        self.assertEqual(self.samples(file, "--min_length", "9", "--max_samples", "5")[0], long[:5])
        self.assertIn("no sample of --min_length 23 tokens", self.refusal(file, "--min_length", "23"))

    def test_a_seed_takes_samples_in_an_order_of_its_own(self):
        rows = self.rows(60)
        file = self.write("rows.jsonl", self.jsonl({"input_ids": row} for row in rows))
        orders = [self.samples(file, "--shuffle_seed", str(seed))[0] for seed in (1, 2)]
        for order in orders:
            self.assertNotEqual(order, rows)
            self.assertEqual(sorted(order), sorted(rows))
        self.assertNotEqual(*orders)
        self.assertEqual(self.samples(file, "--shuffle_seed", "1", "--max_samples", "7")[0], orders[0][:7])
        self.assertEqual(self.samples(file, "--shuffle_seed", "1", "--min_length", "9")[0], [row for row in orders[0] if len(row) >= 9])

    def test_draws_are_even(self):
        """Of 60 samples each seed takes 12: as many from the front as from the back, about."""
        rows = self.rows(60)
        file = self.write("rows.jsonl", self.jsonl({"input_ids": row} for row in rows))
        taken = [0] * 60
        for seed in range(8):
            for ids in self.samples(file, "--shuffle_seed", str(seed), "--max_samples", "12")[0]:
                taken[rows.index(ids)] += 1
        halves = sum(taken[:30]), sum(taken[30:])
        self.assertEqual(sum(halves), 96)
        self.assertLess(abs(halves[0] - halves[1]), 40)  # 4 standard deviations

    def test_only_what_is_needed_is_read(self):
        fifo = self.folder / "endless"
        os.mkfifo(fifo)
        row = self.jsonl([{"text": TEXTS[0]}]).encode()
        stopped = threading.Event()

        def write():
            try:
                with open(fifo, "wb") as stream:
                    while True:
                        stream.write(row * 100)
            except BrokenPipeError:
                stopped.set()

        writer = threading.Thread(target=write)
        writer.start()
        self.assertEqual(self.read(fifo, "--max_samples", "3")[1], self.hash_of_texts(TEXTS[:1] * 3))
        writer.join(60)
        self.assertTrue(stopped.is_set())
        damaged = gzip.compress(self.jsonl({"text": f"{i} {TEXTS[0]}", "noise": os.urandom(2000).hex()} for i in range(1000)).encode())
        damaged = damaged[:len(damaged) // 2] + b"no more"
        file = self.write("damaged.gz", damaged)
        self.read(file, "--max_samples", "3")
        self.assertIn("damaged", self.refusal(file))


class Refusals(DataTest):
    def test_name_the_file_and_what_would_do(self):
        for content, words in (
                (b"PAR1" + b"x" * 40, ["Parquet"]),
                (b"ARROW1\0\0" + b"x" * 40, ["Arrow", "pandas.read_feather"]),
                (gzip.compress(b'{"text": "a b"}\n' * 100)[:-12], ["gzip", "too early"]),
                (b'[{"text": "a b c"}, {"text": "d e f"}', ["array", "missing"]),
                (b'[{"text": "a b c"}] []', ["follows the JSON array"]),
                (b'[{"text": "a b c"}, 7]', ["object"]),
                (b'"just a string"\n', ["object"]),
                (b"name,text\n1,a b c\n", ["--split"])):
            file = self.write("refused", content)
            said = self.refusal(file)
            for word in [str(file), *words]:
                self.assertIn(word, said)
        self.assertIn("CSV", self.refusal(self.write("table.csv", "name,text\n1,a b c\n")))
        self.assertIn("messages", self.refusal(self.write("chat.jsonl", self.jsonl([{"messages": []}, {"messages": [{"role": "user"}]}]))))
        self.assertIn("no file fits", self.refusal(self.folder / "absent*.jsonl"))
        self.assertIn("is a folder", self.refusal(self.folder))
        self.assertIn("cannot be opened", self.refusal(self.folder / "absent.jsonl"))
        for content, word in ((b"good\n\xff\xfe\xfa bad", "UTF-8"), (b"good\nno\0good", "NUL")):
            said = self.refusal(self.write("text.txt", content))
            self.assertIn("text.txt:2", said)
            self.assertIn(word, said)
        self.assertIn("blank_line", self.refusal(self.write("text.txt", "a b c"), "--split", "words", code=2))

    def test_name_a_window_of_zstd_that_memory_does_not_hold(self):
        frame = b"\x28\xb5\x2f\xfd\0\xa8\x81\0\0" + b"[" * 16  # a window of 2 GiB
        limit = 2 << 30
        said = self.refusal(self.write("window.zst", frame), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        for word in ("window.zst", "not enough memory", "--long=27"):
            self.assertIn(word, said)

    def test_a_bad_line_of_several_files_is_named_and_may_be_left_out(self):
        good = self.write("good.jsonl", self.jsonl({"text": text} for text in TEXTS))
        bad = self.write("bad.jsonl", self.jsonl([{"text": TEXTS[0]}]) + "{nothing\n" + self.jsonl([{"text": TEXTS[1]}]))
        self.assertIn(f"{bad}:2", self.refusal(f"{good},{bad}"))
        report, found = self.read(f"{good},{bad}", "--skip_bad_lines")
        self.assertIn(f"{bad}:2", self.said)
        self.assertEqual(found, self.hash_of_texts(TEXTS + TEXTS[:2]))


if __name__ == "__main__":
    main(sys.argv)
