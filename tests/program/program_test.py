#!/usr/bin/env python3
"""The whole program as a user runs it: files in, files and exit codes out.

    program_test.py KVCOMPARE WRITE_TINY_MODEL [unittest options, e.g. Stops.test_...]
"""
import fcntl
import json
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from packed_numbers import unpacked

KVCOMPARE, WRITE_TINY_MODEL = sys.argv[1], sys.argv[2]
ALL = "kvzap,random,streaming_llm,expected_attention,observed_attention,knorm"
HUB_MODEL = "models--meta-llama--Meta-Llama-3.1-8B-Instruct"
HUB_SCORER = "models--nvidia--KVzap-mlp-Llama-3.1-8B-Instruct"


def run(*arguments, **options):
    options.setdefault("env", None)
    return subprocess.run([KVCOMPARE, *map(str, arguments)], capture_output=True, text=True, timeout=250, **options)


class Weights:
    """The float32 matrices of FOLDER/model.safetensors, changed in place on leaving the context."""

    def __init__(self, folder):
        self.file = folder / "model.safetensors"

    def __enter__(self):
        self.data = bytearray(self.file.read_bytes())
        (length,) = struct.unpack("<Q", self.data[:8])
        self.begin, self.header = 8 + length, json.loads(self.data[8 : 8 + length])
        return self

    def __exit__(self, *_):
        self.file.write_bytes(self.data)

    def shape(self, name):
        return self.header[name]["shape"]

    def put(self, name, row, column, value):
        at = self.begin + self.header[name]["data_offsets"][0] + 4 * (row * self.shape(name)[1] + column)
        self.data[at : at + 4] = struct.pack("<f", value)


class ProgramTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = Path(cls.scratch.name)
        cls.model = cls.folder / "model"
        subprocess.run([WRITE_TINY_MODEL, "llama", cls.model], check=True, stdout=subprocess.DEVNULL)

    def compare(self, out, *flags, code=0, model=None, data=None, scorer=None):
        done = run("compare", "--model_name", model or self.model, "--data_path", data or self.model / "data.jsonl",
                   "--kvzap_scorer_model", scorer or self.model / "scorer", "--output_dir", self.folder / out, *flags)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def results(self, out, name="detailed_results.json"):
        return json.loads((self.folder / out / name).read_text())

    def results_bytes(self, out):
        return [(self.folder / out / name).read_bytes() for name in ("detailed_results.json", "comparison_summary.json")]

    def journal_values(self, out):
        records = [json.loads(line[9:]) for line in (self.folder / out / "journal.jsonl").read_text().splitlines()]
        return {tuple(record["unit"]): unpacked(record["values"]) for record in records if record.get("ok")}

    def copy_of_model(self, name):
        copy = self.folder / name
        shutil.copytree(self.model, copy)
        return copy


class Numbers(ProgramTest):
    def test_files_are_the_same_bytes_for_every_number_of_threads(self):
        for threads in (1, 2, 4):
            self.compare(f"threads{threads}", "--methods", ALL, "--threads", threads)
        self.assertEqual(self.results_bytes("threads1"), self.results_bytes("threads2"))
        self.assertEqual(self.results_bytes("threads1"), self.results_bytes("threads4"))

    def test_order_of_methods_does_not_change_a_result(self):
        self.compare("forth", "--methods", ALL)
        self.compare("back", "--methods", ",".join(reversed(ALL.split(","))))
        forth = {r["method_name"]: r for r in self.results("forth")["results"]}
        back = {r["method_name"]: r for r in self.results("back")["results"]}
        self.assertEqual(len(forth), 7)
        self.assertEqual(forth, back)

    def test_a_sample_is_the_same_alone(self):
        lines = (self.model / "data.jsonl").read_text().splitlines()
        (self.folder / "first.jsonl").write_text(lines[0] + "\n")
        self.compare("all", "--methods", ALL)
        self.compare("alone", "--methods", ALL, data=self.folder / "first.jsonl")
        for together, alone in zip(self.results("all")["results"], self.results("alone")["results"]):
            self.assertEqual(together["per_sample"][0], alone["per_sample"][0])

    def test_both_engines_agree_in_float64(self):
        for engine in ("layerwise", "stepwise"):
            self.compare(engine, "--methods", ALL, "--dtype", "float64", "--engine", engine)
            self.assertEqual(self.results(engine)["config"]["engine"], engine)
        for fast, referee in zip(self.results("layerwise")["results"], self.results("stepwise")["results"]):
            self.assertEqual(fast["compression_stats"], referee["compression_stats"])
            for ours, theirs in zip(fast["per_sample"], referee["per_sample"]):
                self.assertTrue(math.isclose(ours["total_nll"], theirs["total_nll"], rel_tol=1e-9))

    def test_weights_read_layer_by_layer_give_the_same_bytes(self):
        config = json.loads((self.model / "config.json").read_text())
        heads = 2 * config["num_attention_heads"] + 2 * config["num_key_value_heads"]
        layer = 4 * config["hidden_size"] * (heads * 12 + 3 * config["intermediate_size"])     # head_dim 12; float32
        self.assertEqual(config["num_hidden_layers"], 3)    # so the three stages that streaming needs are all but the head
        self.compare("resident", "--methods", ALL)
        self.compare("streamed", "--methods", ALL, "--max_weight_memory", 3 * layer)
        self.assertEqual(self.results_bytes("resident"), self.results_bytes("streamed"))
        refused = self.compare("refused", "--max_weight_memory", 3 * layer - 1, code=2)
        self.assertIn("max_weight_memory", refused.stderr)

    def test_distributions_depend_on_nothing_but_the_unit(self):
        self.compare("plain", "--methods", ALL, "--save_token_nll")
        expected = self.journal_values("plain")
        self.assertEqual(sum("sum_kl" in values for values in expected.values()), 3 * 6)
        self.assertEqual(sum("greedy_hits" in values for values in expected.values()), 3 * 7)
        for name, flags in {"forgetful": ["--reference_memory", 0], "one_sample": ["--reference_memory", "9KB"],
                            "one_thread": ["--threads", 1], "workers": ["--workers", 3, "--threads", 3]}.items():
            self.compare(name, "--methods", ALL, "--save_token_nll", *flags)
            self.assertEqual(self.journal_values(name), expected, name)
        self.compare("one_method", "--methods", "knorm", "--save_token_nll")
        some = self.journal_values("one_method")
        self.assertEqual(some, {unit: expected[unit] for unit in some})

    def test_distributions_are_those_of_the_tokens(self):
        self.compare("tokens", "--methods", ALL, "--save_token_nll", "--dtype", "float64")
        for (_, method), values in self.journal_values("tokens").items():
            n = values["n_tokens"] - 1
            self.assertEqual((len(values["token_greedy_hit"]), sum(values["token_greedy_hit"])), (n, values["greedy_hits"]))
            if method == "baseline":
                self.assertFalse({"sum_kl", "kl_sketch", "token_kl"} & set(values))
                continue
            self.assertEqual(values["sum_kl"], sum(values["token_kl"]))
            self.assertEqual(values["sum_delta_p_squared"], sum(d * d for d in values["token_delta_p"]))
            self.assertEqual(values["n_same_top1"], sum(values["token_same_top1"]))
            self.assertGreater(min(values["token_kl"]), -1e-12)
            if values["withheld_from_scored"] > 0:
                self.assertGreater(values["sum_kl"], 0)
                self.assertLess(values["sum_acceptance"], n)
            else:
                self.assertEqual((values["sum_kl"], values["sum_acceptance"]), (0, n))
            self.assertEqual(sum(values["kl_sketch"]["counts"]), n)
            self.assertEqual((values["kl_sketch"]["least"], values["kl_sketch"]["largest"]),
                             (min(values["token_kl"]), max(values["token_kl"])))

    def test_without_divergence_nothing_is_compared(self):
        self.compare("compared", "--methods", ALL)
        self.compare("not_compared", "--methods", ALL, "--no_divergence")
        compared, not_compared = self.journal_values("compared"), self.journal_values("not_compared")
        for unit, values in not_compared.items():
            self.assertEqual(values, {name: compared[unit][name] for name in values})
            self.assertFalse({"sum_kl", "kl_sketch"} & set(values))
        refused = self.compare("compared", "--methods", ALL, "--no_divergence", "--resume", code=2)
        self.assertIn("no_divergence: was absent, is true", refused.stderr)

    def test_totals_are_the_sums_of_the_samples(self):
        self.compare("sums", "--methods", ALL, "--chunk_size", 3)
        for result in self.results("sums")["results"]:
            rows, stats = result["per_sample"], result["compression_stats"]
            self.assertEqual(result["total_tokens"], sum(row["tokens"] for row in rows))
            self.assertEqual(result["avg_nll"], sum(row["total_nll"] for row in rows) / result["total_tokens"])
            self.assertTrue(math.isclose(result["perplexity"], math.exp(result["avg_nll"]), rel_tol=1e-15))
            self.assertEqual(stats["total_keys_original"], sum(row["keys_original"] for row in rows))
            self.assertEqual(stats["total_keys_kept"], sum(row["keys_kept"] for row in rows))
            self.assertEqual(stats["total_keys_discarded"], stats["total_keys_original"] - stats["total_keys_kept"])
        self.assertNotEqual(stats["total_keys_discarded"], 0)

    def test_every_dtype_is_near_float64(self):
        nll = {}
        for dtype in ("float64", "float32", "bfloat16", "float16"):
            self.compare(dtype, "--methods", "streaming_llm", "--dtype", dtype)
            self.assertEqual(self.results(dtype)["config"]["dtype"], dtype)
            nll[dtype] = [r["avg_nll"] for r in self.results(dtype)["results"]]
        for dtype, tolerance in (("float32", 1e-5), ("float16", 2e-2), ("bfloat16", 1e-1)):
            for wide, narrow in zip(nll["float64"], nll[dtype]):
                self.assertNotEqual(wide, narrow)
                self.assertLess(abs(wide - narrow), tolerance, dtype)

    def test_a_sample_with_nothing_to_predict_is_counted_as_skipped(self):
        (self.folder / "short.jsonl").write_text('{"input_ids":[1]}\n{"input_ids":[1,2,3]}\n')
        self.compare("short", "--methods", "random", data=self.folder / "short.jsonl")
        self.assertEqual(self.results("short")["skipped_samples"], [0])
        self.assertEqual([row["sample"] for row in self.results("short")["results"][0]["per_sample"]], [1])


class Protocols(ProgramTest):
    METHODS = ALL.removeprefix("kvzap,")

    def test_both_engines_agree_in_every_protocol(self):
        for protocol in ("prefill", "generate"):
            flags = ["--methods", self.METHODS, "--dtype", "float64", "--protocol", protocol, "--context_length", 12, "--policy", "size",
                     "--cache_size", "6,15", "--protect_last", "0,3", "--budget_counts", "generated"]
            for engine in ("layerwise", "stepwise"):
                self.compare(f"{protocol}-{engine}", *flags, "--engine", engine)
            fast, referee = (self.results(f"{protocol}-{engine}")["results"] for engine in ("layerwise", "stepwise"))
            self.assertEqual(len(fast), 1 + 4 * len(self.METHODS.split(",")))
            for a, b in zip(fast, referee):
                self.assertEqual([a[key] for key in ("label", "compression_stats", "kept_per_head", "peak_keys", "attended_density")],
                                 [b[key] for key in ("label", "compression_stats", "kept_per_head", "peak_keys", "attended_density")])
                for ours, theirs in zip(a["per_sample"], b["per_sample"]):
                    self.assertTrue(math.isclose(ours["total_nll"], theirs["total_nll"], rel_tol=1e-9))

    def test_a_context_that_is_the_whole_sample_has_the_nll_of_the_baseline(self):
        for protocol in ("prefill", "generate"):
            done = self.compare(protocol, "--methods", self.METHODS, "--protocol", protocol)
            self.assertIn("is the whole sample", done.stderr)
            baseline, *others = self.results(protocol)["results"]
            for result in others:
                self.assertEqual(result["total_nll"], baseline["total_nll"])
                self.assertEqual(result["compression_stats"]["total_keys_discarded"] > 0, protocol == "prefill")

    def test_prefill_keeps_of_the_context_what_the_budget_says_and_all_that_follows(self):
        self.compare("kept", "--methods", "random,knorm", "--protocol", "prefill", "--context_length", 12, "--policy", "size", "--cache_size", 5)
        baseline, *others = self.results("kept")["results"]
        for result in others:
            for whole, sample in zip(baseline["per_sample"], result["per_sample"]):
                n_heads = sum(map(len, result["kept_per_head"]))
                n_tokens = whole["keys_original"] // n_heads
                self.assertEqual(sample["keys_kept"], n_heads * (min(5, n_tokens, 12) + max(0, n_tokens - 12)))

    def test_results_are_flags_of_the_same_run(self):
        self.compare("once", "--methods", "streaming_llm", "--protocol", "generate", "--context_length", 9, "--policy", "size", "--cache_size",
                     "12,20", "--protect_first", "0,6", "--budget_counts", "generated", "--chunk_size", 3)
        done = run("rerun", self.folder / "once", "--output_dir", self.folder / "again", "--log_level", "error")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.results_bytes("once"), self.results_bytes("again"))

    def test_a_run_grows_by_sizes_and_not_into_another_protocol(self):
        flags = ["--methods", "knorm", "--policy", "size", "--protocol", "prefill", "--context_length", 12]
        self.compare("grown", *flags, "--cache_size", 5)
        self.compare("grown", *flags, "--cache_size", "5,8", "--resume")
        self.compare("at_once", *flags, "--cache_size", "5,8")
        self.assertEqual(self.results_bytes("grown"), self.results_bytes("at_once"))
        done = self.compare("grown", *flags[:-4], "--cache_size", "5,8", "--resume", code=2)
        self.assertIn("protocol: was prefill, is absent", done.stderr)
        done = self.compare("grown", *flags[:-1], 13, "--cache_size", "5,8", "--resume", code=2)
        self.assertIn("context_length: was 12, is 13", done.stderr)


class Machine(ProgramTest):
    def test_threads_default_to_the_cores_the_process_may_use(self):
        core = min(os.sched_getaffinity(0))
        done = subprocess.run(
            [KVCOMPARE, "--model_name", self.model, "--data_path", self.model / "data.jsonl", "--methods", "random",
             "--output_dir", self.folder / "one_core"], capture_output=True, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.results("one_core", "run.json")["sessions"][-1]["threads"], 1)


class UsageExamples(ProgramTest):
    """The three examples of the specification, as written: models come from the Hugging Face cache."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for repository, source in ((HUB_MODEL, cls.model), (HUB_SCORER, cls.model / "scorer")):
            cache = cls.folder / "home" / "hub" / repository
            (cache / "refs").mkdir(parents=True)
            (cache / "refs" / "main").write_text("0123abcd")
            shutil.copytree(source, cache / "snapshots" / "0123abcd")

    def setUp(self):
        self.out = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copy(self.model / "data.jsonl", self.out / "data.jsonl")

    def example(self, *flags):
        environment = {**os.environ, "HF_HOME": str(self.folder / "home")}
        environment.pop("HF_HUB_CACHE", None)
        done = run("--data_path", "data.jsonl", *flags, env=environment, cwd=self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [r["method_name"] for r in self.results(self.out / "comparison_results")["results"]]

    def test_default_is_all_but_observed_attention(self):
        self.assertEqual(self.example(), ["Baseline", "KVzap", "Random", "StreamingLLM", "ExpectedAttention"])
        paths = self.results(self.out / "comparison_results", "run.json")["paths"]
        self.assertEqual(paths["model_name"], "meta-llama/Meta-Llama-3.1-8B-Instruct@0123abcd")

    def test_named_methods_in_chunks(self):
        methods = self.example("--methods", "random,streaming_llm,kvzap", "--chunk_size", "128")
        self.assertEqual(methods, ["Baseline", "Random", "StreamingLLM", "KVzap"])

    def test_all_with_observed_attention(self):
        self.assertIn("ObservedAttention", self.example("--methods", "all", "--include_observed_attention"))


class FirstContact(ProgramTest):
    """Neither methods nor a scorer are named, and the scorer that is meant by default is not this model's."""

    def setUp(self):
        self.home = Path(tempfile.mkdtemp(dir=self.folder))
        self.env = {**{k: v for k, v in os.environ.items() if k != "HF_HUB_CACHE"}, "HF_HOME": str(self.home)}

    def cache_scorer(self, **changed):
        cache = self.home / "hub" / HUB_SCORER
        (cache / "refs").mkdir(parents=True)
        (cache / "refs" / "main").write_text("0123abcd")
        shutil.copytree(self.model / "scorer", cache / "snapshots" / "0123abcd")
        config = cache / "snapshots" / "0123abcd" / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), **changed}))

    def first(self, *flags, code=0):
        done = run("--model_name", self.model, "--data_path", self.model / "data.jsonl", "--output_dir", self.home / "out",
                   *flags, env=self.env)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def methods(self):
        return [r["method_name"] for r in self.results(self.home / "out")["results"]]

    def test_a_scorer_that_is_not_here_is_told_in_a_line_and_done_without(self):
        told = [line for line in self.first().splitlines() if "warning" in line]
        self.assertEqual(len(told), 1, told)
        for words in ("KVzap is left out", "nvidia/KVzap-mlp-Llama-3.1-8B-Instruct", "--kvzap_scorer_model", "train_kvzap"):
            self.assertIn(words, told[0])
        self.assertEqual(self.methods(), ["Baseline", "Random", "StreamingLLM", "ExpectedAttention"])
        self.assertNotIn("KVzap", json.dumps(self.results(self.home / "out")["config"]["methods"]))
        self.assertIn("known from the journal", self.first("--resume"))

    def test_a_scorer_of_another_model_is_done_without(self):
        self.cache_scorer(input_dim=4096)
        self.assertRegex(self.first(), "KVzap is left out.*input_dim: is 4096, but the model's hidden_size is")
        self.assertNotIn("KVzap", self.methods())

    def test_a_scorer_that_fits_is_used(self):
        self.cache_scorer()
        self.assertNotIn("left out", self.first())
        self.assertIn("KVzap", self.methods())

    def test_what_is_named_still_fails(self):
        for flags in (("--methods", "all"), ("--methods", "kvzap"), ("--kvzap_scorer_model", "nobody/scorer")):
            self.assertIn("kvzap_scorer_model: ", self.first(*flags, code=2))

    def test_ranks_do_as_rank_0_decides(self):
        self.cache_scorer()
        (self.home / "without").mkdir()
        mpi = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1"}

        def ranks(out, *homes):
            command = ["mpirun"]
            for home in homes:
                command += [*([":"] if len(command) > 1 else []), "-n", "1", "-x", f"HF_HOME={home}", KVCOMPARE, "--model_name",
                            self.model, "--data_path", self.model / "data.jsonl", "--output_dir", self.home / out]
            return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120,
                                  env={**self.env, **mpi})

        done = ranks("out", self.home / "without", self.home)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("KVzap is left out"), 1, done.stderr)
        self.assertNotIn("KVzap", self.methods())
        refused = ranks("refused", self.home, self.home / "without")
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertRegex(refused.stderr, "rank 1 .*kvzap_scorer_model")


class Refusals(ProgramTest):
    def refused(self, code, *words, flags=("--methods", "random"), **options):
        done = self.compare("refused", *flags, code=code, **options)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertFalse((self.folder / "refused" / "detailed_results.json").exists())

    def test_a_model_that_is_not_on_this_machine(self):
        self.refused(2, "model_name", "hf download nobody/nothing", model="nobody/nothing")

    def test_a_missing_scorer_says_how_to_do_without(self):
        self.refused(2, "kvzap_scorer_model", "--methods",
                     flags=("--methods", "kvzap"), scorer="nobody/scorer")

    def test_a_gpu_that_is_not_there(self):
        self.refused(2, "device", "cuda:99", flags=("--methods", "random", "--device", "cuda:99"))

    def test_one_nan_in_the_weights_names_the_tensor(self):
        model = self.copy_of_model("nan")
        name = "model.layers.1.mlp.up_proj.weight"
        with Weights(model) as weights:
            weights.put(name, 2, 3, math.nan)
        self.refused(5, "model.safetensors", name, model=model)

    def test_a_sample_longer_than_the_sliding_window(self):
        model = self.folder / "mistral"
        subprocess.run([WRITE_TINY_MODEL, "mistral", model], check=True, stdout=subprocess.DEVNULL)
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "sliding_window": 20}))
        self.refused(5, "sliding window of 20", "--max_length 20", model=model)
        self.compare("in_window", "--methods", "random", "--max_length", 20, model=model)
        self.compare("no_eviction", "--methods", "baseline", model=model)

    def test_a_method_that_expects_queries_where_the_model_scales_them(self):
        model = self.folder / "ministral3"
        subprocess.run([WRITE_TINY_MODEL, "mistral", model], check=True, stdout=subprocess.DEVNULL)
        config = json.loads((model / "config.json").read_text())
        config = {key: value for key, value in config.items() if key not in ("rope_theta", "rope_scaling")}
        rope = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 20, "llama_4_scaling_beta": 0.5}
        (model / "config.json").write_text(json.dumps({**config, "model_type": "ministral3", "architectures": ["Ministral3ForCausalLM"],
                                                       "rope_parameters": rope}))
        self.refused(5, "sample 0 has 44 tokens, and behind the first 20", "expected_attention is not defined", "--max_length 20",
                     flags=("--methods", "random,expected_attention"), model=model)
        self.compare("scaled", "--methods", "observed_attention", model=model)
        self.compare("unscaled", "--methods", "expected_attention", "--max_length", 20, model=model)

    def test_a_bad_line_of_the_data(self):
        data = self.folder / "bad.jsonl"
        data.write_text('{"input_ids":[1,2,3]}\n{"input_ids":[1,2,\n')
        self.refused(5, "bad.jsonl:2", data=data)

    def test_bad_data_does_not_wait_for_the_hash_of_the_model(self):
        model = self.copy_of_model("large")
        with open(model / "model.safetensors", "r+b") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header, weights = json.loads(file.read(length)), file.read()
            n = 256 << 30  # bytes of zeros in a sparse file: many minutes of hashing
            header["padding"] = {"dtype": "U8", "shape": [n], "data_offsets": [len(weights), len(weights) + n]}
            text = json.dumps(header).encode()
            text += b" " * (-len(text) % 8)
            file.seek(0)
            file.write(struct.pack("<Q", len(text)) + text + weights)
            file.truncate(8 + len(text) + len(weights) + n)
        self.refused(5, "none.jsonl: cannot be opened", model=model, data=self.folder / "none.jsonl")
        data = self.folder / "second.jsonl"
        data.write_text('{"input_ids":[1,2,3]}\nno JSON\n')
        self.refused(5, "second.jsonl:2", model=model, data=data)

    def test_a_named_text_field_goes_before_ids(self):
        data = self.folder / "both.jsonl"
        data.write_text('{"input_ids":[1,2,3],"text":"a"}\n')
        done = run("--model_name", self.model, "--data_path", data, "--methods", "random", "--output_dir",
                   self.folder / "both", "--text_field", "text")
        self.assertEqual(done.returncode, 5, done.stderr)  # the model has no tokenizer for the text
        self.assertIn("tokenizer.json", done.stderr)
        done = run("--model_name", self.model, "--data_path", data, "--methods", "random", "--output_dir",
                   self.folder / "both")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("1 line with both 'input_ids' and 'text'"), 1, done.stderr)

    def test_text_without_a_tokenizer(self):
        data = self.folder / "text.jsonl"
        data.write_text('{"text":"a"}\n')
        self.refused(5, "tokenizer.json", data=data)

    def test_a_data_set_with_nothing_to_predict(self):
        data = self.folder / "single.jsonl"
        data.write_text('{"input_ids":[1]}\n')
        self.refused(5, "no sample has a token that is scored", data=data)

    def test_an_output_folder_that_cannot_be(self):
        (self.folder / "file").write_text("")
        done = run("--model_name", self.model, "--data_path", self.model / "data.jsonl", "--methods", "random",
                   "--output_dir", self.folder / "file" / "below")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("file/below", done.stderr)

    def test_a_folder_that_another_run_writes_to(self):
        (self.folder / "refused").mkdir(exist_ok=True)
        with open(self.folder / "refused" / "LOCK", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write("host elsewhere, process 4711")
            lock.flush()
            self.refused(3, "in use by host elsewhere, process 4711")

    def test_a_stdout_that_takes_nothing(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([KVCOMPARE, "--model_name", self.model, "--data_path", self.model / "data.jsonl", "--methods",
                                   "random", "--output_dir", self.folder / "full"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)

    def test_a_method_without_effect_fails_the_run_after_its_results_are_written(self):
        data = self.folder / "same.jsonl"
        data.write_text(json.dumps({"input_ids": [5] * 24}) + "\n")  # all values of a layer are equal: nothing is missed
        done = self.compare("no_effect", "--methods", "streaming_llm", "--dtype", "float64", code=1, data=data)
        self.assertIn("equals the baseline's bit for bit", done.stderr)
        self.assertIn("StreamingLLM", done.stdout)
        self.assertEqual(len(self.results("no_effect")["results"]), 2)

    def test_results_that_cannot_be_written_are_still_printed(self):
        self.compare("blocked", "--methods", "random")
        (self.folder / "blocked" / "comparison_summary.json").unlink()
        (self.folder / "blocked" / "comparison_summary.json").mkdir()
        done = self.compare("blocked", "--methods", "random", "--resume", code=4)
        self.assertIn("comparison_summary.json", done.stderr)
        self.assertIn("Random", done.stdout)

    def test_tokenize_does_not_overwrite_its_input(self):
        file = self.folder / "input.jsonl"
        file.write_text('{"text":"a"}\n')
        done = run("tokenize", "--tokenizer", self.model, "--input", file, "--output", file)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(file.read_text(), '{"text":"a"}\n')

    def test_a_unit_that_is_not_finite_is_counted_and_the_others_go_on(self):
        # Only token 5 has something in channel 3 when it enters the first MLP, and there it overflows float32.
        model, token, channel = self.copy_of_model("overflow"), 5, 3
        with Weights(model) as weights:
            for row in range(weights.shape("model.embed_tokens.weight")[0]):
                weights.put("model.embed_tokens.weight", row, channel, 100.0 if row == token else 0.0)
            for column in range(weights.shape("model.layers.0.self_attn.o_proj.weight")[1]):
                weights.put("model.layers.0.self_attn.o_proj.weight", channel, column, 0.0)
            weights.put("model.layers.0.mlp.up_proj.weight", 0, channel, 3e38)
        samples = self.folder / "overflow.jsonl"
        samples.write_text('{"input_ids":[1,7,9,8]}\n{"input_ids":[1,5,5,5,9]}\n')
        done = self.compare("overflow_out", "--methods", "random", "--dtype", "float32", code=6, model=model, data=samples)
        self.assertIn("not finite", done.stderr)
        for result in self.results("overflow_out")["results"]:
            self.assertEqual([failed["sample"] for failed in result["failed"]], [1])
            self.assertEqual([row["sample"] for row in result["per_sample"]], [0])
            self.assertIsNone(result["perplexity"])


class Stops(ProgramTest):
    def test_a_log_that_nobody_reads_any_more_does_not_end_the_run(self):
        process = subprocess.Popen(
            [KVCOMPARE, "--model_name", self.model, "--data_path", self.model / "data.jsonl", "--methods", "random",
             "--output_dir", self.folder / "unread"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        process.stderr.close()
        self.assertEqual(process.wait(timeout=120), 0)
        self.assertEqual(len(self.results("unread")["results"]), 2)

    def interrupted(self, number):
        lines = (self.model / "data.jsonl").read_text().splitlines()
        (self.folder / "long.jsonl").write_text("\n".join([lines[0]] * 2000) + "\n")
        process = subprocess.Popen(
            [KVCOMPARE, "--model_name", self.model, "--data_path", self.folder / "long.jsonl", "--methods", "random",
             "--threads", "1", "--output_dir", self.folder / "stopped"], stderr=subprocess.PIPE, text=True)
        for line in process.stderr:  # the line that says that units are about to be evaluated
            if "samples" in line:
                break
        process.send_signal(number)
        rest = process.stderr.read()
        self.assertEqual(process.wait(timeout=60), 75, rest)
        self.assertIn("interrupted", rest)
        self.assertFalse((self.folder / "stopped" / "detailed_results.json").exists())

    def test_sigint(self):
        self.interrupted(signal.SIGINT)

    def test_sigterm(self):
        self.interrupted(signal.SIGTERM)

    def test_sigusr1(self):
        self.interrupted(signal.SIGUSR1)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
