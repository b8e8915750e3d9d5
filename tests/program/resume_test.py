#!/usr/bin/env python3
"""A run that is interrupted and goes on: resume_test.py BUILD_FOLDER [unittest options]"""
import hashlib
import json
import random
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import FINAL_FILES, N_METHODS, Histories, RunsTest, main
from thorough import tries


class ResumeTest(RunsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.done = "undisturbed"
        cls().run_once(cls.done)

    def runTest(self):  # so that setUpClass can run the program
        pass


class Continues(ResumeTest):
    n_samples = 24

    def interrupted(self, out, number, *flags, **options):
        log = self.out(out + ".computed")
        process = self.start(out, "--resume", "--computed_log", log, "--engine", "stepwise", *flags, **options)
        self.wait_for_units(out, 20, process)
        process.send_signal(number)
        rest = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 75, rest)
        self.assertIn("--resume", rest)
        self.assertFalse((self.out(out) / "COMPLETE").exists())
        return log

    def test_after_each_of_the_stop_signals_nothing_is_lost_and_nothing_computed_twice(self):
        self.run_once("stepwise", "--engine", "stepwise")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            out = number.name
            log = self.interrupted(out, number)
            histories = Histories(self.out(out), log)
            histories.look()
            self.assertLess(len(histories.acknowledged), self.n_samples * N_METHODS)
            self.run_once(out, "--resume", "--computed_log", log, "--engine", "stepwise")
            self.assert_same_results(out, "stepwise")
            self.assertEqual(histories.verdict(),
                             {"units": self.n_samples * N_METHODS, "lost": 0, "recomputed": 0, "differing": 0})
            sessions = json.loads((self.out(out) / "run.json").read_text())["sessions"]
            self.assertEqual([s["interrupted"] for s in sessions], [True, False])

    def test_a_second_sigint_ends_at_once(self):
        process = self.start("twice", "--engine", "stepwise")
        self.wait_for_units("twice", 3, process)
        process.send_signal(signal.SIGSTOP)  # so that both are there before the program can react to one
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.stderr.read()
        self.assertIn(process.returncode, (-signal.SIGINT, 75))

    def test_units_that_take_longer_than_the_grace_are_dropped(self):
        data = self.folder / "long.jsonl"
        data.write_text(json.dumps({"input_ids": [1 + i % 50 for i in range(20000)]}) + "\n" + self.data.read_text())
        process = self.start("grace", "--engine", "stepwise", "--stop_grace", "0", "--workers", "1", "--log_level", "debug",
                             data=data, methods="random")
        for line in process.stderr:
            if "is ready on cpu" in line:  # the longest unit is handed out next; a worker that still loads is not waited for
                break
        process.send_signal(signal.SIGUSR1)
        rest = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 75, rest)
        self.assertIn("dropped", rest)

    def test_an_absent_or_empty_folder_simply_starts(self):
        self.run_once("absent", "--resume")
        self.out("empty").mkdir()
        self.run_once("empty", "--resume")
        self.assert_same_results("absent", self.done)
        self.assert_same_results("empty", self.done)

    def test_a_finished_run_computes_nothing(self):
        self.copy(self.done, "finished")
        log = self.out("finished.computed")
        self.run_once("finished", "--resume", "--computed_log", log)
        self.assertFalse(log.exists())
        self.assert_same_results("finished", self.done)

    def test_paths_threads_and_workers_may_change(self):
        self.copy(self.done, "moved")
        lines = (self.out("moved") / "journal.jsonl").read_bytes().splitlines(keepends=True)
        (self.out("moved") / "journal.jsonl").write_bytes(b"".join(lines[:40]))
        shutil.copytree(self.model, self.folder / "another place")
        shutil.copy(self.data, self.folder / "another.jsonl")
        self.run_once("moved", "--resume", "--workers", "2", model=self.folder / "another place",
                      data=self.folder / "another.jsonl")
        self.assert_same_results("moved", self.done)

    def test_token_nll_is_kept_over_an_interruption(self):
        self.run_once("tokens", "--save_token_nll", "--engine", "stepwise")
        self.interrupted("tokens_again", signal.SIGUSR1, "--save_token_nll")
        self.run_once("tokens_again", "--resume", "--save_token_nll", "--engine", "stepwise")
        self.assert_same_results("tokens_again", "tokens")
        self.assertTrue(all("token_nll" in r["values"] for r in self.journal("tokens") if r.get("ok")))


class Refuses(ResumeTest):
    def refused(self, out, *words, flags=(), code=2, **options):
        before = {f.name: f.read_bytes() for f in self.out(out).iterdir() if f.name != "LOCK"}
        done = self.run_once(out, *flags, code=code, **options)
        for word in words:
            self.assertIn(word, done.stderr)
        after = {f.name: f.read_bytes() for f in self.out(out).iterdir() if f.name != "LOCK"}
        self.assertEqual(before, after)

    def test_what_is_there_already_unless_it_is_told_what_to_do_with_it(self):
        self.refused(self.done, "COMPLETE of an earlier run", "--resume", "--overwrite")
        self.copy(self.done, "begun")
        for name in (*FINAL_FILES, "report.html", "run.json"):
            (self.out("begun") / name).unlink()
        self.refused("begun", "journal.jsonl of an earlier run")
        (self.out("begun") / "journal.jsonl").rename(self.out("begun") / "results.h5")
        self.refused("begun", "no journal.jsonl", flags=["--resume"])
        self.run_once("begun", "--overwrite")
        self.assert_same_results("begun", self.done)

    def test_another_configuration_naming_field_old_and_new(self):
        for flags, words in ((["--compression_ratio", "0.25"], ["a run only grows. Missing:",
                                                                "random:policy=ratio:compression_ratio=0.5:seed=42"]),
                             (["--dtype", "float64"], ["dtype: was float32, is float64"]),
                             (["--chunk_size", "4"], ["chunk_size: was 1, is 4"]),
                             (["--engine", "stepwise"], ["engine: was layerwise, is stepwise"]),
                             (["--skip_bad_lines"], ["skip_bad_lines: was false, is true"]),
                             (["--max_length", "9"], ["max_length: was 8192, is 9", "data: was "]),
                             (["--max_samples", "5"], ["the run has 12 samples, and only 5 are asked for now"]),
                             (["--seed", "7"], ["Missing:\n  random:policy=ratio:compression_ratio=0.5:seed=42\n"])):
            self.refused(self.done, *words, flags=["--resume", *flags])
        self.refused(self.done, "Missing:\n  knorm:policy=ratio:compression_ratio=0.5\n", flags=["--resume"],
                     methods="kvzap,random,streaming_llm,expected_attention,observed_attention")

    def test_numbers_of_another_revision_saying_which_program_goes_on(self):
        self.copy(self.done, "revision")
        header, *others = self.journal("revision")
        now = int(header["identity"]["version.numbers"])
        header["identity"]["version.numbers"] = str(now - 1)
        text = json.dumps(dict(sorted(header["identity"].items())), separators=(",", ":"), ensure_ascii=False)
        header["fingerprint"] = hashlib.sha256(text.encode()).hexdigest()
        lines = (json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() for record in (header, *others))
        (self.out("revision") / "journal.jsonl").write_bytes(b"".join(b"%08x %s\n" % (zlib.crc32(line), line) for line in lines))
        self.refused("revision", f"version.numbers: was {now - 1}, is {now}\nthis program computes other numbers than the one that "
                     f"began the run; continue with a program of revision {now - 1} (kvcompare --version tells it)", flags=["--resume"])

    def test_another_model_or_other_data(self):
        model = self.folder / "other_model"
        shutil.copytree(self.model, model)
        weights = bytearray((model / "model.safetensors").read_bytes())
        weights[-4:] = struct.pack("<f", 0.25)
        (model / "model.safetensors").write_bytes(weights)
        self.refused(self.done, "  model: was ", flags=["--resume"], model=model)
        data = self.folder / "other.jsonl"
        lines = self.data.read_text().splitlines(keepends=True)
        data.write_text("".join([lines[1], lines[0], *lines[2:]]))
        self.refused(self.done, "  data: was ", flags=["--resume"], data=data)

    def test_flags_that_go_on_with_nothing(self):
        self.refused(self.done, "give --resume too", flags=["--retry_failed"])
        self.refused(self.done, "give --resume too", flags=["--salvage"])
        self.refused(self.done, "leave one of them out", flags=["--resume", "--overwrite"])


class Finalize(ResumeTest):
    def finalize(self, out, code=0):
        done = subprocess.run([self.build / "kvcompare", "finalize", self.out(out)], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_makes_every_file_again_from_the_journal_alone(self):
        self.copy(self.done, "again")
        run = (self.out("again") / "run.json").read_bytes()
        for name in (*FINAL_FILES, "report.html", "run.json", "LOCK"):
            (self.out("again") / name).unlink()
        self.assertIn("StreamingLLM", self.finalize("again").stdout)
        self.assert_same_results("again", self.done)
        self.assertEqual((self.out("again") / "run.json").read_bytes(), run)

    def test_does_not_finish_what_is_unfinished(self):
        self.out("half").mkdir()
        lines = (self.out(self.done) / "journal.jsonl").read_bytes().splitlines(keepends=True)
        *_, last = [i for i, line in enumerate(lines) if b'"ok":' in line][:28]
        (self.out("half") / "journal.jsonl").write_bytes(b"".join(lines[:last + 1]))
        done = self.finalize("half", code=75)
        self.assertIn("28 of 84 units", done.stderr)
        self.assertFalse((self.out("half") / "COMPLETE").exists())

    def test_refuses_a_folder_without_a_journal(self):
        self.assertIn("holds no journal.jsonl", self.finalize("nowhere", code=2).stderr)


class DamagedJournals(ResumeTest):
    n_samples = 4

    def with_journal(self, out, contents):
        shutil.rmtree(self.out(out), ignore_errors=True)
        self.out(out).mkdir()
        (self.out(out) / "journal.jsonl").write_bytes(contents)

    def test_cut_at_any_byte_of_the_last_record_it_goes_on_to_the_same_results(self):
        whole = (self.out(self.done) / "journal.jsonl").read_bytes()
        *_, last_unit, end = whole.splitlines(keepends=True)
        body = whole[: -len(end)]
        for cut in range(1, len(last_unit) + 1, tries(97, 29)):
            self.with_journal("cut", body[:-cut])
            done = self.run_once("cut", "--resume")
            if cut < len(last_unit):
                n = len(last_unit) - cut
                self.assertIn(f"its {n} bytes are left out" if n > 1 else "its 1 byte is left out", done.stderr)
            self.assert_same_results("cut", self.done)

    def test_one_flipped_bit_is_refused_with_its_line_and_can_be_salvaged(self):
        whole = (self.out(self.done) / "journal.jsonl").read_bytes()
        choose = random.Random(7)
        for trial in range(tries(40, 200)):
            at = choose.randrange(len(whole) - 1)
            damaged = bytearray(whole)
            damaged[at] ^= 1 << choose.randrange(8)
            line = whole.count(b"\n", 0, at) + 1
            self.with_journal("flipped", damaged)
            done = self.run_once("flipped", "--resume", code=5)
            self.assertIn(f"journal.jsonl:{line}: ", done.stderr)
            self.assertEqual((self.out("flipped") / "journal.jsonl").read_bytes(), damaged)
            if trial % 20 == 0 and line > 1:
                self.run_once("flipped", "--resume", "--salvage")
                self.assert_same_results("flipped", self.done)
                self.assertEqual((self.out("flipped") / "journal.jsonl.damaged").read_bytes(), damaged)

    def test_a_line_removed_is_refused_and_its_unit_computed_again_when_salvaged(self):
        lines = (self.out(self.done) / "journal.jsonl").read_bytes().splitlines(keepends=True)
        removed = next(place for place, line in enumerate(lines) if place > 3 and b'"unit":' in line)
        self.with_journal("removed", b"".join(lines[:removed] + lines[removed + 1:]))
        done = self.run_once("removed", "--resume", code=5)
        self.assertIn(f"journal.jsonl:{removed + 1}: is record {removed + 2}, expected record {removed + 1}", done.stderr)
        log = self.out("removed.computed")
        self.run_once("removed", "--resume", "--salvage", "--computed_log", log)
        self.assertEqual(len(log.read_text().splitlines()), 1)
        self.assert_same_results("removed", self.done)

    def edited(self, out, records):
        """A folder with a journal of these records, numbered from 1, their checksums right."""
        lines = []
        for number, record in enumerate(records, 1):
            text = json.dumps({**record, "line": number}, separators=(",", ":"), ensure_ascii=False).encode()
            lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
        self.with_journal(out, b"".join(lines))

    def test_where_every_unit_is_damaged_another_run_is_refused_and_the_same_one_goes_on(self):
        header, *others = (self.out(self.done) / "journal.jsonl").read_bytes().splitlines(keepends=True)
        damaged = header + b"".join(b"?" + line[1:] for line in others)
        self.with_journal("all_damaged", damaged)
        flags = ("--resume", "--salvage", "--engine", "stepwise")
        done = self.run_once("all_damaged", *flags, code=2)
        self.assertIn("engine: was layerwise, is stepwise", done.stderr)
        self.assertEqual((self.out("all_damaged") / "journal.jsonl").read_bytes(), damaged)
        self.run_once("all_damaged", "--resume", "--salvage")
        self.assert_same_results("all_damaged", self.done)
        self.assertEqual((self.out("all_damaged") / "journal.jsonl.damaged").read_bytes(), damaged)

    def test_lines_that_a_reader_refuses_are_not_salvaged(self):
        records = [r for r in self.journal(self.done) if "end" not in r]
        surplus = {"unit that the run does not have": {**records[-1], "unit": [99, "baseline"]}, "second header": records[0]}
        for what, record in surplus.items():
            out = what.replace(" ", "_")
            self.edited(out, [*records[:-1], record])
            done = self.run_once(out, "--resume", code=5)
            self.assertIn(f"journal.jsonl:{len(records)}: is ", done.stderr)
            self.assertIn(what, done.stderr)
            self.run_once(out, "--resume", "--salvage")
            self.assert_same_results(out, self.done)

    def test_with_values_that_cannot_be_is_refused_by_finalize_and_never_crashes_it(self):
        records = self.journal(self.done)
        first = next(i for i, r in enumerate(records) if "unit" in r)
        wrong = [0, -1, 1, 2**31, 2**62, 2**63, 2**64 - 1, 1e300, 1.5, True, None, "x", [], {}, [0], [2**62] * 3]

        def mutations(value, path=()):
            """Every member, replaced and removed."""
            items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
            for key, inner in items:
                yield (*path, key)
                yield from mutations(inner, (*path, key))

        def changed(record, path, new):
            record = json.loads(json.dumps(record))
            target = record
            for key in path[:-1]:
                target = target[key]
            if new is None:
                del target[path[-1]]
            else:
                target[path[-1]] = new
            return record

        choose = random.Random(3)
        cases = [(0, ("model", "n_layers"), 0), (0, ("n_samples",), 0), (0, ("skipped",), [0, 1, 2, 3]),
                 (0, ("config", "methods"), []), (first, ("values", "n_layers"), 0), (first, ("values", "n_tokens"), 1)]
        refused = len(cases)
        for at in (0, first):
            for path in mutations(records[at]):
                if path[0] not in ("unit", "ok", "line"):  # a unit less is an interrupted run
                    cases.append((at, path, choose.choice(wrong)))
        cases = cases[:refused] + choose.sample(cases[refused:], 40)
        for number, (at, path, new) in enumerate(cases):
            self.edited("mutant", [*records[:at], changed(records[at], path, new), *records[at + 1:]])
            done = subprocess.run([self.build / "kvcompare", "finalize", self.out("mutant")], capture_output=True, text=True)
            where = f"record {at + 1}, {path} = {new}: {done.returncode} {done.stderr}"
            self.assertIn(done.returncode, (5,) if number < refused else (0, 5), where)
            if done.returncode == 5:
                self.assertRegex(done.stderr, r"journal.jsonl:\d+: ", where)

    def test_of_an_older_version_is_refused_with_what_to_do(self):
        header, *others = self.journal(self.done)
        places = list(dict.fromkeys(record["unit"][1] for record in others if "unit" in record))
        old = [{**record, "unit": [record["unit"][0], places.index(record["unit"][1])]} if "unit" in record else record
               for record in others]  # version 2 knew a unit by the place of its method
        for version in (1, 2):
            self.edited("old", [{**header, "version": version}, *old])
            before = (self.out("old") / "journal.jsonl").read_bytes()
            for command in (self.command("old", "--resume"), self.command("old", "--resume", "--salvage"),
                            [self.build / "kvcompare", "finalize", self.out("old")]):
                done = subprocess.run(command, capture_output=True, text=True)
                self.assertEqual(done.returncode, 5, done.stderr)
                for words in (f"journal.jsonl:1: is of version {version} of the journal, expected version 3 or 4; finish the run with "
                              "the kvcompare that began it", "--overwrite", "finalize and report do not read it"):
                    self.assertIn(words, done.stderr)
                self.assertEqual((self.out("old") / "journal.jsonl").read_bytes(), before)
        self.run_once("old", "--overwrite")
        self.assert_same_results("old", self.done)


class BadLines(RunsTest):
    def test_are_refused_with_their_number_or_left_out_and_listed(self):
        good = self.data.read_text().splitlines()
        cases = {"not JSON": b'{"input_ids": [1, 2', "no object": b"[1, 2]", "missing field": b'{"other": 1}',
                 "invalid UTF-8": b'{"text": "\xff"}', "outside the vocabulary": b'{"input_ids": [1, 99999999]}'}
        data = self.folder / "bad.jsonl"
        for name, line in cases.items():
            data.write_bytes(good[0].encode() + b"\n" + line + b"\n" + good[1].encode() + b"\n")
            done = self.run_once("bad", data=data, code=5)
            self.assertIn("bad.jsonl:2: ", done.stderr, name)
        data.write_bytes(b"\n".join([good[0].encode(), *cases.values(), good[1].encode(), good[2].encode()]) + b"\n")
        clean = self.folder / "clean.jsonl"
        clean.write_text("\n".join(good[:3]) + "\n")
        done = self.run_once("skipped", "--skip_bad_lines", data=data)
        self.assertIn("5 bad lines left out", done.stderr)
        self.run_once("clean", data=clean)
        results, expected = (json.loads((self.out(o) / "detailed_results.json").read_text())
                             for o in ("skipped", "clean"))
        self.assertEqual(results["results"], expected["results"])
        self.assertEqual([bad["line"] for bad in results["bad_lines"]], [2, 3, 4, 5, 6])
        self.assertTrue(all(bad["problem"] for bad in results["bad_lines"]))
        self.assertNotIn("bad_lines", expected)
        self.assertNotEqual(results["fingerprint"], expected["fingerprint"])

    def test_byte_order_mark_crlf_empty_lines_and_a_missing_last_line_break_are_none(self):
        good = self.data.read_text().splitlines()[:3]
        self.run_once("plain", data=self.data, methods="random")
        data = self.folder / "crlf.jsonl"
        data.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(good).encode())
        self.run_once("crlf", data=data, methods="random")
        plain, crlf = (json.loads((self.out(o) / "detailed_results.json").read_text())["results"][1]["per_sample"]
                       for o in ("plain", "crlf"))
        self.assertEqual(crlf, plain[:3])

    def test_a_line_of_ten_megabytes_is_read(self):
        data = self.folder / "huge.jsonl"
        data.write_text(json.dumps({"input_ids": [1, 2, 3], "note": "x" * 10_000_000}) + "\n" + self.data.read_text())
        self.run_once("huge", "--max_samples", "2", data=data, methods="random")


class FailedUnits(RunsTest):
    n_samples = 3
    program = "kvcompare_with_faults"

    def test_one_that_fails_once_is_tried_again(self):
        self.run_once("plain")
        self.run_once("once", program=self.program, environment={"KVCOMPARE_FAULT": "in_unit:5:fail_unit"})
        self.assert_same_results("once", "plain")
        self.assertEqual([r["ok"] for r in self.journal("once") if "unit" in r].count(False), 1)

    def test_those_that_always_fail_are_quarantined_until_they_are_to_be_retried(self):
        self.run_once("plain2")
        done = self.run_once("always", program=self.program, code=6,
                             environment={"KVCOMPARE_FAULT": "in_unit:0:fail_unit"})
        self.assertIn("attempt 3 failed", done.stderr)
        attempts = [r for r in self.journal("always") if "unit" in r]
        self.assertEqual(len(attempts), 3 * self.n_samples * N_METHODS)
        results = json.loads((self.out("always") / "detailed_results.json").read_text())["results"]
        for result in results:
            self.assertEqual([(f["sample"], f["attempts"]) for f in result["failed"]], [(0, 3), (1, 3), (2, 3)])
            self.assertIsNone(result["perplexity"])
        log = self.out("always.computed")
        self.run_once("always", "--resume", "--computed_log", log, code=6)
        self.assertFalse(log.exists())
        self.run_once("always", "--resume", "--retry_failed")
        self.assert_same_results("always", "plain2")


if __name__ == "__main__":
    main(sys.argv)
