#!/usr/bin/env python3
"""Scores that another program computes, and what layers see of a sample: external_test.py BUILD_FOLDER [unittest options]"""
import hashlib
import json
import math
import os
import re
import struct
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from other_python import go_on_where

WITHOUT = go_on_where(("numpy",))
import safetensors_files
from kvcompare_runs import RunsTest, main

PAGE = Path(__file__).resolve().parents[2] / "docs/your_own_method.md"
NAMES = {"method_name", "label", "instance", "method", "parameters"}  # what two methods are told apart by


def philox(key, counter):
    """The first word of Philox4x32-10, as docs/semantics.md names it."""
    mask = 0xFFFFFFFF
    k0, k1 = key & mask, key >> 32
    c = [counter >> shift & mask for shift in (0, 32, 64, 96)]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k0, p1 & mask, p0 >> 32 ^ c[3] ^ k1, p0 & mask]
        k0, k1 = k0 + 0x9E3779B9 & mask, k1 + 0xBB67AE85 & mask
    return c[0]


def sha256_of_ids(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}q", *ids)).hexdigest()


def rounded(x):
    """To 11 significant bits, ties to even."""
    mantissa, exponent = math.frexp(x)
    return math.ldexp(round(mantissa * 2**11), exponent - 11)


class ExternalTest(RunsTest):
    n_samples = 4

    def runTest(self):  # so that setUpClass can run the program
        pass

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        config = json.loads((cls.model / "config.json").read_text())
        cls.n_layers, cls.n_heads = config["num_hidden_layers"], config["num_key_value_heads"]
        cls.samples = [json.loads(line)["input_ids"] for line in cls.data.read_text().splitlines()]

    def scores_folder(self, name, score, dtype="F64", samples=None):
        """score(sample, layer, head, position)"""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for s, ids in enumerate(samples or self.samples):
            values = [[[score(s, l, h, j) for j in range(len(ids))] for h in range(self.n_heads)] for l in range(self.n_layers)]
            self.write_scores(folder, s, values, ids, dtype)
        return folder

    @staticmethod
    def write_scores(folder, sample, values, ids, dtype="F64", **more):
        safetensors_files.write(folder / f"sample_{sample:06}.safetensors", {"scores": values},
                                {"data_sha256": sha256_of_ids(ids), **more}, dtype)

    def program(self, *arguments, code=0):
        done = subprocess.run([self.build / "kvcompare", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def dump(self, name, *flags, what="keys", code=0):
        folder = self.folder / name
        return folder, self.program("dump", "--model_name", self.model, "--data_path", self.data, "--what", what, "--output", folder,
                                    *(() if "--threads" in flags else ("--threads", 1)), *flags, code=code)

    def numbers(self, out):
        """Of each method all that is no name, in order."""
        results = json.loads((self.out(out) / "detailed_results.json").read_text())["results"]
        return [{key: value for key, value in result.items() if key not in NAMES} for result in results]

    def results(self, out):
        return json.loads((self.out(out) / "detailed_results.json").read_text())["results"]

    def assert_same_numbers(self, out):
        """The two methods beside the baseline are one."""
        _, one, other = self.numbers(out)
        self.assertEqual(one, other)
        self.assertLess(one["attended_density"], 1)


class Numbers(ExternalTest):
    def settings(self):
        for engine in ("layerwise", "stepwise"):
            for chunk in (1, 8):
                yield f"{engine}-{chunk}", ["--engine", engine, "--chunk_size", chunk]

    def test_scores_of_positions_are_streaming_llm(self):
        folder = self.scores_folder("positions", lambda s, l, h, j: j, "F32")
        for name, flags in self.settings():
            for policy in (("ratio", "--compression_ratio", 0.6), ("size", "--cache_size", 7)):
                with self.subTest(name=name, policy=policy):
                    out = f"positions-{name}-{policy[0]}"
                    self.run_once(out, *flags, "--policy", *policy, "--n_sink", 0, "--external_scores", folder,
                                  methods="streaming_llm,external")
                    self.assert_same_numbers(out)

    def test_scores_of_the_generator_are_random(self):
        def score(s, l, h, j):
            return (philox(42, (s << 64) + ((l * self.n_heads + h) << 32) + j) >> 8) * 2.0**-24

        folder = self.scores_folder("generator", score)
        for name, flags in self.settings():
            for policy in (("ratio", "--compression_ratio", 0.5), ("size", "--cache_size", 9),
                           ("threshold", "--threshold", 0.4, "--sliding_window_size", 3)):
                with self.subTest(name=name, policy=policy):
                    out = f"generator-{name}-{policy[0]}"
                    self.run_once(out, *flags, "--policy", *policy, "--protect_first", 2, "--external_scores", folder,
                                  methods="random,external")
                    self.assert_same_numbers(out)

    def test_scores_made_of_the_keys_that_layers_see_under_knorm_are_knorm(self):
        policies = {"ratio": ("--compression_ratio", 0.5), "size": ("--cache_size", 8),
                    "threshold": ("--threshold", -4.0, "--sliding_window_size", 4)}
        for name, flags in self.settings():
            for policy, values in policies.items():
                for dtype in ("float64", "float32"):
                    with self.subTest(name=name, policy=policy, dtype=dtype):
                        all_flags = [*flags, "--policy", policy, *values, "--dtype", dtype]
                        out = f"knorm-{name}-{policy}-{dtype}"
                        keys, _ = self.dump(f"keys-{out}", *all_flags, "--methods", "knorm")
                        folder = self.folder / f"scores-{out}"
                        folder.mkdir()
                        for s, ids in enumerate(self.samples):
                            tensors, _ = safetensors_files.read(keys / f"sample_{s:06}.safetensors")
                            scores = [[[-rounded(math.sqrt(math.fsum(x * x for x in key))) for key in head]
                                       for head in tensors[f"layers.{l}.raw_keys"]] for l in range(self.n_layers)]
                            self.write_scores(folder, s, scores, ids)
                        self.run_once(out, *all_flags, "--external_scores", folder, methods="knorm,external")
                        self.assert_same_numbers(out)

    def test_every_format_of_numbers_is_read_exactly(self):
        def score(s, l, h, j):  # 8 bits: exact in all of them
            return (s * 31 + l * 17 + h * 7 + j * 97) % 256 - 128.0

        folders = [self.scores_folder("in" + dtype, score, dtype) for dtype in ("F64", "F32", "F16", "BF16")]
        self.run_once("formats", "--external_scores", folders[0], methods="external")
        for folder in folders[1:]:
            self.run_once(folder.name, "--external_scores", folder, methods="external")
            self.assertEqual(self.numbers(folder.name), self.numbers("formats"))

    def test_infinities_are_scores(self):
        def score(s, l, h, j):
            return -math.inf if j % 3 == 0 else math.inf if j % 3 == 1 else 0.0

        def finite(s, l, h, j):
            return [-1.0, 1.0, 0.0][j % 3]

        for name, values in (("infinite", score), ("finite", finite)):
            self.run_once(name, "--external_scores", self.scores_folder("of-" + name, values), methods="external")
        self.assertEqual(self.numbers("infinite"), self.numbers("finite"))


class Page(ExternalTest):
    """What docs/your_own_method.md says, done."""

    @unittest.skipIf(WITHOUT, "numpy is not here")
    def test_its_python_lands_on_the_numbers_of_knorm(self):
        (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        script = self.folder / "knorm.py"
        script.write_text(code)

        def score(keys, scores):
            subprocess.run([sys.executable, script, keys, scores], check=True, timeout=60)

        for dtype in ("float64", "float32"):
            prefill = ["--protocol", "prefill", "--context_length", 12, "--dtype", dtype]
            keys, _ = self.dump("keys-" + dtype, *prefill)
            score(keys, self.folder / ("prefill-" + dtype))
            self.run_once("prefilled-" + dtype, *prefill, "--external_scores", self.folder / ("prefill-" + dtype),
                          methods="knorm,external")
            self.assert_same_numbers("prefilled-" + dtype)

            scores = self.folder / ("decode-" + dtype)
            keys, _ = self.dump("rounds-" + dtype, "--dtype", dtype)
            score(keys, scores)
            for _ in range(1, self.n_layers):
                self.dump("rounds-" + dtype, "--dtype", dtype, "--methods", "external", "--external_scores", scores, "--overwrite")
                score(keys, scores)
            self.run_once("decoded-" + dtype, "--dtype", dtype, "--external_scores", scores, methods="knorm,external")
            self.assert_same_numbers("decoded-" + dtype)

    def test_its_hash_of_token_ids_is_that_of_the_program(self):
        (line,) = re.findall(r"`(hashlib\.sha256\(.*?\)\.hexdigest\(\))`", PAGE.read_text(encoding="utf-8"))
        folder, _ = self.dump("hashes", "--max_samples", 1, "--layers", 0)
        _, metadata = safetensors_files.read(folder / "sample_000000.safetensors")
        self.assertEqual(eval(line, {"hashlib": hashlib, "struct": struct, "ids": self.samples[0]}), metadata["data_sha256"])


class Refuses(ExternalTest):
    def good(self, name):
        return self.scores_folder(name, lambda s, l, h, j: j)

    def refused(self, folder, *words, code=5, flags=()):
        done = self.run_once("refused", *flags, "--external_scores", folder, methods="external", code=code)
        for word in words:
            self.assertIn(str(word), done.stderr)
        self.assertFalse((self.out("refused") / "journal.jsonl").exists(), "nothing was begun")

    def values(self, n_layers, n_heads, n_tokens, value=0.0):
        return [[[value] * n_tokens for _ in range(n_heads)] for _ in range(n_layers)]

    def changed(self, name, values, ids=None, dtype="F64", **more):
        folder = self.good(name)
        self.write_scores(folder, 2, values, ids or self.samples[2], dtype, **more)
        return folder

    @property
    def n(self):
        return len(self.samples[2])

    def test_a_missing_flag_and_a_missing_folder(self):
        done = self.run_once("flag", methods="external", code=2)
        self.assertIn("--external_scores: is missing", done.stderr)
        self.refused(self.folder / "nowhere", "external_scores", "is no folder", "sample_000000.safetensors", code=2)

    def test_a_missing_file(self):
        folder = self.good("missing")
        file = folder / "sample_000002.safetensors"
        file.unlink()
        self.refused(folder, file, "is missing", "sample 2", f"[{self.n_layers} layers, {self.n_heads} KV heads, tokens]")

    def test_a_file_of_fewer_and_of_more_tokens(self):
        for n in (self.n - 1, self.n + 1):
            folder = self.changed("tokens", self.values(self.n_layers, self.n_heads, n))
            self.refused(folder, "sample_000002.safetensors", f"of {n} tokens", f"sample 2 has {self.n} tokens",
                         f"expected [{self.n_layers}, {self.n_heads}, {self.n}]")

    def test_truncation_counts(self):
        self.refused(self.good("long"), "(after --max_length)", flags=("--max_length", 5))

    def test_another_model(self):
        for shape in ((self.n_layers + 1, self.n_heads), (self.n_layers, self.n_heads + 1)):
            folder = self.changed("model", self.values(*shape, self.n))
            self.refused(folder, "sample_000002.safetensors", "is not of this model", "sample 2")
        folder = self.changed("hash", self.values(self.n_layers, self.n_heads, self.n), model_sha256="0" * 64)
        self.refused(folder, "model_sha256 is 000", "of another model", "sample 2")

    def test_another_number_of_dimensions(self):
        folder = self.changed("flat", [0.0] * self.n)
        self.refused(folder, f"shape is [{self.n}]", "expected scores of sample 2")

    def test_other_data(self):
        folder = self.changed("data", self.values(self.n_layers, self.n_heads, self.n), ids=[*self.samples[2][:-1], 7])
        self.refused(folder, "data_sha256", "of other data", sha256_of_ids(self.samples[2]), "sample 2")
        safetensors_files.write(folder / "sample_000002.safetensors",
                                {"scores": self.values(self.n_layers, self.n_heads, self.n)}, {})
        self.refused(folder, "data_sha256 is missing", sha256_of_ids(self.samples[2]))

    def test_a_nan(self):
        values = self.values(self.n_layers, self.n_heads, self.n)
        values[1][1][3] = math.nan
        for dtype in ("F64", "F32", "F16", "BF16"):
            self.refused(self.changed("nan", values, dtype=dtype), "sample_000002.safetensors",
                         "holds a NaN: layer 1, KV head 1, token 3 of sample 2")

    def test_another_name_and_another_type_of_the_tensor(self):
        folder = self.changed("type", self.values(self.n_layers, self.n_heads, self.n), dtype="I64")
        self.refused(folder, "dtype is I64; accepted: F64, F32, F16, BF16", "sample 2")
        safetensors_files.write(folder / "sample_000002.safetensors",
                                {"score": self.values(self.n_layers, self.n_heads, self.n)}, {})
        self.refused(folder, "scores: is missing (the file holds: score)", "sample 2")

    def test_damaged_files(self):
        folder = self.good("damaged")
        file = folder / "sample_000002.safetensors"
        whole = file.read_bytes()
        for n in (0, 7, 8, 20, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:n])
            self.refused(folder, file)
        file.write_bytes(whole + b"\0")
        self.refused(folder, file, "bytes follow")
        file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
        self.refused(folder, file)
        file.unlink()
        file.mkdir()
        self.refused(folder, file)

    def test_two_folders_of_the_same_scores(self):
        self.refused(f"{self.good('same')},{self.good('again')}", "hold the same scores", code=2)

    def test_a_sample_that_is_skipped_needs_no_scores(self):
        data = self.folder / "short.jsonl"
        data.write_text(json.dumps({"input_ids": [1]}) + "\n" + json.dumps({"input_ids": self.samples[1]}) + "\n")
        folder = self.folder / "short"
        folder.mkdir()
        self.write_scores(folder, 1, self.values(self.n_layers, self.n_heads, len(self.samples[1])), self.samples[1])
        self.run_once("skipped", "--external_scores", folder, methods="external", data=data)


class Runs(ExternalTest):
    def two_folders(self):
        return (self.scores_folder("first", lambda s, l, h, j: (j * 7919) % 31),
                self.scores_folder("second", lambda s, l, h, j: -((j * 7919) % 31)))

    def labels(self, out):
        return [result["label"] for result in self.results(out)]

    def test_a_folder_gives_the_label_and_several_make_a_sweep(self):
        one, other = self.two_folders()
        self.run_once("one", "--external_scores", f"{one}/", methods="external")
        self.assertEqual(self.labels("one"), ["Baseline", "External first"])
        self.run_once("two", "--external_scores", f"{one},{other}", "--compression_ratio", "0.25,0.5", methods="external,knorm")
        self.assertEqual(self.labels("two")[1:5], ["External first 0.25", "External first 0.5", "External second 0.25",
                                                   "External second 0.5"])
        self.run_once("items", methods=f"external:external_scores={one},external:external_scores={other}:compression_ratio=0.7")
        self.assertEqual(len(self.labels("items")), 3)

    def test_folders_of_the_same_name_are_told_apart_by_their_hashes(self):
        one, other = self.two_folders()
        for folder, name in ((one, "a"), (other, "b")):
            (self.folder / name).mkdir()
            (self.folder / name / "mine").symlink_to(folder)
        self.run_once("namesakes", "--external_scores", f"{self.folder}/a/mine,{self.folder}/b/mine", methods="external")
        for label in self.labels("namesakes")[1:]:
            self.assertRegex(label, r"^External mine scores [0-9a-f]{8}$")

    def test_every_has_it_where_it_is_told_the_scores(self):
        one, _ = self.two_folders()
        self.run_once("every", methods="every")
        self.run_once("every_told", "--external_scores", one, methods="every")
        self.assertEqual(set(self.labels("every_told")) - set(self.labels("every")), {"External first"})

    def test_a_run_goes_on_and_grows(self):
        one, other = self.two_folders()
        flags = ("--external_scores", f"{one},{other}")
        self.run_once("whole", *flags, methods="external")
        self.run_once("grown", "--external_scores", one, "--max_samples", 2, methods="external")
        self.run_once("grown", "--external_scores", one, "--max_samples", 4, "--resume", methods="external")
        self.run_once("grown", *flags, "--max_samples", 4, "--resume", methods="external")
        self.assertEqual(self.numbers("grown"), self.numbers("whole"))

    def test_other_scores_are_another_run(self):
        one, _ = self.two_folders()
        self.run_once("changed", "--external_scores", one, methods="external")
        self.scores_folder("first", lambda s, l, h, j: j * j)
        done = self.run_once("changed", "--external_scores", one, "--resume", methods="external", code=2)
        self.assertIn("external_scores_sha256=", done.stderr)

    def test_ranks_give_the_same_bytes(self):
        one, other = self.two_folders()
        flags = ("--external_scores", f"{one},{other}")
        self.run_once("alone", *flags, methods="external,knorm")
        for ranks in (2, 4):
            self.run_once(f"ranks-{ranks}", *flags, methods="external,knorm", ranks=ranks)
            self.assert_same_results(f"ranks-{ranks}", "alone")
        (one / "sample_000003.safetensors").unlink()
        done = self.run_once("missing", *flags, methods="external", ranks=2, code=5)
        self.assertIn("sample_000003.safetensors: is missing", done.stderr)

    def test_verify_and_rerun_know_where_the_scores_were(self):
        one, other = self.two_folders()
        for name, methods in (("sweep", "external,kvzap"), ("names", f"kvzap,external:external_scores={one}:compression_ratio=0.7,"
                                                                     f"external:external_scores={other}")):
            flags = ("--external_scores", f"{one},{other}") if name == "sweep" else ()
            self.run_once(name, *flags, methods=methods)
            run = json.loads((self.out(name) / "run.json").read_text())
            self.assertEqual([row["path"] for row in run["external_scores"]], [str(one), str(other)])
            self.assertEqual(len(run["kvzap_scorers"]), 1)
            inputs = json.loads((self.out(name) / "detailed_results.json").read_text())["inputs"]
            self.assertEqual(inputs["external_scores_sha256"], [row["sha256"] for row in run["external_scores"]])
            self.assertIn("the same to the last bit", self.program("verify", self.out(name), "--recompute", 2).stdout)
            self.program("rerun", self.out(name))
            self.assert_same_results(name + "_rerun", name)
        moved = self.folder / "moved"
        other.rename(moved)
        self.program("verify", self.out("sweep"), "--recompute", 1, "--external_scores", f"{one},{moved}")

    def test_the_hash_is_of_names_and_contents(self):
        one, _ = self.two_folders()
        self.run_once("hashed", "--external_scores", one, methods="external")
        lines = "".join(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n"
                        for file in sorted(one.glob("sample_*.safetensors")))
        run = json.loads((self.out("hashed") / "run.json").read_text())
        self.assertEqual(run["external_scores"][0]["sha256"], hashlib.sha256(lines.encode()).hexdigest())


class Dump(ExternalTest):
    def weight(self, name):
        (file,) = self.model.glob("*.safetensors")
        return safetensors_files.read(file)[0][name]

    def assert_close(self, some, others):
        for a, b in zip(safetensors_files.flattened(some), safetensors_files.flattened(others), strict=True):
            self.assertAlmostEqual(a, b, delta=1e-10)

    def test_holds_what_the_equations_say(self):
        folder, done = self.dump("all", "--dtype", "float64", what="hidden,queries,keys,values")
        self.assertIn(f"{self.n_samples} files written", done.stdout)
        config = json.loads((self.model / "config.json").read_text())
        embedding, norm = self.weight("model.embed_tokens.weight"), self.weight("model.layers.0.input_layernorm.weight")
        d = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        for s, ids in enumerate(self.samples):
            tensors, metadata = safetensors_files.read(folder / f"sample_{s:06}.safetensors")
            self.assertEqual(set(tensors), {f"layers.{l}.{name}" for l in range(self.n_layers) for name in
                                            ("hidden", "raw_queries", "queries", "raw_keys", "keys", "values")})
            self.assertEqual(metadata["data_sha256"], sha256_of_ids(ids))
            self.assertEqual((metadata["what"], metadata["sample"]), ("hidden,queries,keys,values", str(s)))
            hidden = []
            for i in ids:  # RMSNorm of the embedding
                scale = 1 / math.sqrt(sum(x * x for x in embedding[i]) / len(embedding[i]) + config["rms_norm_eps"])
                hidden.append([x * scale * w for x, w in zip(embedding[i], norm)])
            self.assert_close(tensors["layers.0.hidden"], hidden)
            for layer in range(self.n_layers):
                hidden = tensors[f"layers.{layer}.hidden"]
                for name, weight, n in (("raw_queries", "q", config["num_attention_heads"]), ("raw_keys", "k", self.n_heads),
                                        ("values", "v", self.n_heads)):
                    rows = self.weight(f"model.layers.{layer}.self_attn.{weight}_proj.weight")
                    projected = [[[sum(a * b for a, b in zip(row, x)) for row in rows[h * d:(h + 1) * d]] for x in hidden]
                                 for h in range(n)]
                    self.assert_close(tensors[f"layers.{layer}.{name}"], projected)
                for name in ("queries", "keys"):  # a rotation: pairs of channels keep their length, the first token all
                    raw, turned = tensors[f"layers.{layer}.raw_{name}"], tensors[f"layers.{layer}.{name}"]
                    for one, other in zip(raw, turned):
                        self.assert_close(one[0], other[0])
                        self.assertNotEqual(one[-1], other[-1])
                        for x, y in zip(one, other):
                            self.assert_close([math.hypot(x[c], x[c + d // 2]) for c in range(d // 2)],
                                              [math.hypot(y[c], y[c + d // 2]) for c in range(d // 2)])

    def test_is_the_same_in_both_engines_and_whatever_the_threads(self):
        folders = {}
        for name, flags in (("tiled", ()), ("threads", ("--threads", 3)), ("stepwise", ("--engine", "stepwise", "--chunk_size", 5))):
            folders[name], _ = self.dump("by-" + name, "--dtype", "float64", *flags, what="hidden,keys")
        for file in folders["tiled"].glob("*.safetensors"):
            self.assertEqual(file.read_bytes(), (folders["threads"] / file.name).read_bytes())
            one, other = (safetensors_files.read(folders[name] / file.name)[0] for name in ("tiled", "stepwise"))
            for name in one:
                self.assert_close(one[name], other[name])

    def test_of_some_layers_and_samples(self):
        folder, _ = self.dump("some", "--layers", "1", "--max_samples", 2, "--max_length", 5, what="hidden")
        self.assertEqual(sorted(file.name for file in folder.glob("*.safetensors")),
                         ["sample_000000.safetensors", "sample_000001.safetensors"])
        tensors, metadata = safetensors_files.read(folder / "sample_000001.safetensors")
        self.assertEqual(list(tensors), ["layers.1.hidden"])
        self.assertEqual(len(tensors["layers.1.hidden"]), 5)
        self.assertEqual(metadata["data_sha256"], sha256_of_ids(self.samples[1][:5]))

    def test_keeps_what_is_there_only_if_it_is_told_to(self):
        folder, _ = self.dump("kept")
        _, done = self.dump("kept", code=2)
        self.assertIn("is there already; --resume keeps", done.stderr)
        files = sorted(folder.glob("*.safetensors"))
        contents = [file.read_bytes() for file in files]
        files[1].unlink()
        times = {file: file.stat().st_mtime_ns for file in files if file != files[1]}
        _, done = self.dump("kept", "--resume")
        self.assertIn("1 file written", done.stdout)
        self.assertEqual([file.read_bytes() for file in files], contents)
        self.assertEqual({file: file.stat().st_mtime_ns for file in times}, times)
        _, done = self.dump("kept", "--resume", what="values", code=2)
        self.assertIn("is of another dump: what was keys, is values", done.stderr)
        self.dump("kept", "--overwrite", what="values")
        self.assertNotEqual(files[0].read_bytes(), contents[0])

    def test_refuses_what_it_does_not_know(self):
        for flags, what, words in ((("--layers", self.n_layers), "keys", f"there is no layer {self.n_layers}"),
                                   (("--layers", "0,0"), "keys", "'0,0' is not accepted"),
                                   ((), "keys,scores", "hidden, queries, keys and values"),
                                   ((), "keys,keys", "'keys,keys' is not accepted"),
                                   (("--methods", "knorm,random"), "keys", "under one method at a time"),
                                   (("--methods", "external"), "keys", "--external_scores: is missing"),
                                   (("--resume", "--overwrite"), "keys", "leave one of them out")):
            with self.subTest(flags=flags, what=what):
                _, done = self.dump("refused", *flags, what=what, code=2)
                self.assertIn(words, done.stderr)
        self.assertIn("--output: is missing", self.program("dump", "--data_path", self.data, "--what", "keys", code=2).stderr)


if __name__ == "__main__":
    main(sys.argv)
