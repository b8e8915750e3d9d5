#!/usr/bin/env python3
"""Data in Parquet, through the whole program: parquet_test.py BUILD_FOLDER [unittest options]

pyarrow made the files of tests/golden/parquet by tests/golden/make_parquet.py, which has their rows. Two runs that read the same samples
name the same hash of the data.
"""
import gzip
import json
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "golden"), str(ROOT / "tests" / "program")]
import make_parquet  # noqa: E402
from data_test import DataTest, main  # noqa: E402

FILES = make_parquet.FOLDER


def has_parquet(build):
    done = subprocess.run([build / "kvcompare", "--version", "--json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["arrow"] is not None


class ParquetTest(DataTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not has_parquet(cls.build):
            raise unittest.SkipTest("the program was built without Parquet")

    def rows_as_json(self, rows):
        return self.write("rows.jsonl", "".join(json.dumps(row, default=str) + "\n" for row in rows))

    def assert_same(self, name, rows, *flags):
        expected = self.read(self.rows_as_json(rows), *flags)[1]
        self.assertEqual(self.read(FILES / f"{name}.parquet", *flags)[1], expected)


class Rows(ParquetTest):
    def test_are_the_samples_of_the_same_rows_in_json_lines(self):
        self.assert_same("texts", make_parquet.texts())
        self.assert_same("ids", make_parquet.ids())
        self.assert_same("parts", make_parquet.parts())
        self.assert_same("pairs", make_parquet.pairs())

    def test_have_fields_by_name_also_within_others(self):
        for flags in (["--text_field", "document.meta.text"], ["--text_field", "a.b"], ["--text_field", "qa.0"],
                      ["--prompt_field", "qa.0", "--completion_field", "qa.1"]):
            self.assert_same("texts", make_parquet.texts(), *flags)

    def test_are_joined_and_drawn_as_lines_are(self):
        self.assert_same("texts", make_parquet.texts(), "--join", "\\n", "--max_samples", "9")
        self.assert_same("texts", make_parquet.texts(), "--shuffle_seed", "3", "--max_samples", "9")
        self.assert_same("ids", make_parquet.ids(), "--min_length", "8", "--max_samples", "9")

    def test_follow_other_files(self):
        rows = make_parquet.texts()
        lines = self.rows_as_json(rows[:3])
        expected = self.read(self.write("all.jsonl", "".join(json.dumps({"text": row["text"]}) + "\n" for row in rows[:3] + rows)))[1]
        self.assertEqual(self.read(f"{lines},{FILES}/text*.parquet")[1], expected)

    def test_behind_the_samples_are_not_read(self):
        content = (FILES / "texts.parquet").read_bytes()
        end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")  # of the pages; the table of contents follows
        damaged = bytearray(content)
        damaged[end - 1000:end] = b"\xff" * 1000
        file = self.write("damaged.parquet", bytes(damaged))
        expected = self.read(FILES / "texts.parquet", "--max_samples", "40")[1]
        self.assertEqual(self.read(file, "--max_samples", "40")[1], expected)
        self.assertRegex(self.refusal(file, "--text_field", "qa.0", "--skip_bad_lines"), r"damaged\.parquet: cannot be read as Parquet behind row \d+")

    def test_of_tokenize_are_those_of_json_lines(self):
        def tokenized(data):
            target = self.folder / "ids.jsonl"
            subprocess.run([self.build / "kvcompare", "tokenize", "--tokenizer", ROOT / "demo" / "model", "--input", data, "--output", target],
                           check=True, capture_output=True)
            return target.read_text()

        self.assertEqual(tokenized(FILES / "texts.parquet"), tokenized(self.rows_as_json(make_parquet.texts())))


class Faults(ParquetTest):
    def test_of_rows_are_named_and_may_be_left_out(self):
        file, lines = FILES / "bad_rows.parquet", self.rows_as_json(make_parquet.bad_rows())
        self.assertIn(f"{file}:2: field 'text' is null; expected a string", self.refusal(file))
        self.assertEqual(self.read(file, "--skip_bad_lines")[1], self.read(lines, "--skip_bad_lines")[1])
        report = self.read(file, "--skip_bad_lines")[0]
        self.assertEqual([bad["line"] for bad in report["bad_lines"]], [2, 4, 5])
        latin = FILES / "latin_1.parquet"
        self.assertIn(f"{latin}:2: column 'text' holds a text that is not valid UTF-8", self.refusal(latin))
        self.assertEqual(self.read(latin, "--skip_bad_lines")[1], self.hash_of_texts(["good", "good too"]))

    def test_of_columns_say_what_there_is(self):
        self.assertIn("fields: 'Text', 'number'; did you mean --text_field Text?", self.refusal(FILES / "without_text.parquet"))
        self.assertIn("column 'text' has the type timestamp[ms]", self.refusal(FILES / "of_times.parquet"))
        self.assertIn("element 0 is 1.0", self.refusal(FILES / "of_numbers.parquet"))
        self.assertIn("field 'text' must be a string; it is of type number", self.refusal(FILES / "of_numbers.parquet", "--text_field", "text"))
        self.assertIn("column 'document' has the type", self.refusal(FILES / "texts.parquet", "--text_field", "document"))
        self.assertIn("'qa' must be a string; it is of type array", self.refusal(FILES / "texts.parquet", "--text_field", "qa"))

    def test_of_files_say_what_would_do(self):
        whole = (FILES / "texts.parquet").read_bytes()
        for content, words in ((whole[:-100], "a part of it is missing"), (whole[:5], "a part of it is missing"), (b"PAR1", "a part of it is missing"),
                               (whole[:-8] + b"\xff\xff\xff\x7fPAR1", "cannot be read as Parquet"),
                               (whole[:-400] + b"\xff" * 392 + whole[-8:], "cannot be read as Parquet"),
                               (gzip.compress(whole), "is a Parquet file that is compressed as a whole")):
            said = self.refusal(self.write("refused.parquet", content))
            self.assertIn(f"{self.folder}/refused.parquet: ", said)
            self.assertIn(words, said)
        for name, words in (("encrypted", "is an encrypted Parquet file"), ("encrypted_column", "is an encrypted Parquet file"),
                            ("lzo", "expected a whole file with columns that are plain or compressed by snappy"), ("empty", "holds no sample")):
            self.assertIn(words, self.refusal(FILES / f"{name}.parquet"))
        self.assertIn("cannot be read from a pipe", self.refusal("-", input=whole))
        self.assertIn("--split is for plain text", self.refusal(FILES / "texts.parquet", "--split", "line"))

    def test_a_text_may_begin_with_the_mark_of_encrypted_files(self):
        self.assertEqual(self.read(self.write("text.txt", "PARENTS and others"), "--split", "file")[1], self.hash_of_texts(["PARENTS and others"]))


if __name__ == "__main__":
    main(sys.argv)
