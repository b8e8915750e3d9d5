#!/usr/bin/env python3
"""Many instances in one run: sweep_test.py BUILD_FOLDER [unittest options]"""
import itertools
import json
import shutil
import struct
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from other_python import go_on_where

MISSING = go_on_where(("h5py",))
from kvcompare_runs import RunsTest, acknowledged_units, main

# Flag, its values, and the methods that read it; the last one changes fastest.
LISTS = (("n_sink", ("0", "4"), "streaming_llm expected_attention lagkv"), ("kvzap_n_sink", ("0", "3"), "kvzap"),
         ("seed", ("1", "18446744073709551615"), "random"), ("n_future_positions", ("9",), "expected_attention"),
         ("use_vnorm", ("true", "false"), "expected_attention"), ("sliding_window_size", ("2", "6"), "kvzap"),
         ("recent_share", ("0.25", "0.75"), "h2o"), ("window_size", ("2", "4"), "snapkv"), ("lag_size", ("2",), "lagkv"),
         ("threshold", ("-7.5", "-6.5"), "kvzap"),
         ("compression_ratio", ("0.25", "0.5"), "random streaming_llm expected_attention observed_attention knorm h2o snapkv lagkv"))
METHODS = ("kvzap", "random", "streaming_llm", "expected_attention", "observed_attention", "knorm", "h2o", "snapkv", "lagkv")


def combinations():
    """[(method, {flag: value})], by their definition: every combination of what a method reads."""
    for method in METHODS:
        lists = [(flag, values) for flag, values, readers in LISTS if method in readers.split()]
        for values in itertools.product(*(values for _, values in lists)):
            yield method, dict(zip([flag for flag, _ in lists], values))


def as_json(flag, values):
    return [value if flag == "kvzap_scorer_model" else json.loads(value) for value in values]


def spelled(method, parameters):
    return ":".join([method, *(f"{flag}={value}" for flag, value in parameters.items())])


class SweepTest(RunsTest):
    def runTest(self):  # so that setUpClass can run the program
        pass

    def config_of(self, name, values):
        file = self.folder / (name + ".json")
        file.write_text(json.dumps(values))
        return file

    def program(self, *arguments, code=0):
        done = subprocess.run([self.build / "kvcompare", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def results(self, out):
        return json.loads((self.out(out) / "detailed_results.json").read_text())["results"]


class Numbers(SweepTest):
    n_samples = 5

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lists = [word for flag, values, _ in LISTS for word in ("--" + flag, ",".join(values))]
        cls().run_once("sweep", "--save_token_nll", *lists, methods=",".join(METHODS))

    def test_there_is_an_instance_for_every_combination_and_no_other(self):
        expected = [("baseline", {}), *combinations()]
        instances = [instance for _, instance in acknowledged_units(self.out("sweep") / "journal.jsonl")]
        self.assertEqual(len(instances), self.n_samples * len(expected))
        self.assertEqual(len(set(instances)), len(expected))
        for method, parameters in expected:
            found = [i for i in set(instances) if i.split(":")[0] == method
                     and all(f"{flag}={value}" in i.split(":") for flag, value in parameters.items())]
            self.assertEqual(len(found), 1, (method, parameters, found))
        numbers = {}
        for (_, instance), values in acknowledged_units(self.out("sweep") / "journal.jsonl").items():
            numbers.setdefault(instance, []).append(json.dumps(values))
        self.assertEqual(len(set(map(tuple, numbers.values()))), len(expected), "two instances have the same numbers")

    def numbers(self, out):
        """{instance: [journal values, rows of detailed_results.json, units in results.h5]}"""
        numbers = {}
        for (sample, instance), values in acknowledged_units(self.out(out) / "journal.jsonl").items():
            numbers.setdefault(instance, {})[sample] = json.dumps(values)
        instances = {json.dumps(self.instance_parameters(i), sort_keys=True): i for i in numbers}
        for place, result in enumerate(self.results(out)):
            parameters = {flag: str(value).lower() for flag, value in result["parameters"].items() if flag != "policy" or value != "none"}
            instance = instances[json.dumps([result["method_name"].lower(), parameters], sort_keys=True)]
            numbers[instance]["rows"] = json.dumps(result["per_sample"])
            numbers[instance]["h5"] = self.units_in_hdf5(out, place)
        return numbers

    def instance_parameters(self, instance):
        name, *parameters = instance.split(":")
        return [name.replace("_", ""), dict(parameter.split("=") for parameter in parameters)]

    def units_in_hdf5(self, out, place):
        if MISSING:
            return None
        import h5py
        with h5py.File(self.out(out) / "results.h5") as file:
            units = file["units"]
            rows = units["method"][:] == place
            found = {}
            units.visititems(lambda name, item: found.update({name: item[:][rows].tobytes()})
                             if isinstance(item, h5py.Dataset) and len(item) == len(rows) and name not in ("method", "token_nll/offsets") else None)
            offsets = units["token_nll/offsets"][:]
            found["token_nll"] = [units["token_nll/values"][offsets[i]:offsets[i + 1]].tobytes() for i in rows.nonzero()[0]]
            self.assertGreater(len(found), 10)
            return found

    def test_numbers_of_an_instance_are_those_of_a_run_of_its_own(self):
        sweep = self.numbers("sweep")
        for method, parameters in combinations():
            out = spelled(method, parameters)
            flags = [word for flag, value in parameters.items() for word in ("--" + flag, value)]
            self.run_once(out, "--save_token_nll", *flags, methods=method)
            alone = self.numbers(out)
            self.assertEqual(len(alone), 2)
            for instance, numbers in alone.items():
                self.assertEqual(numbers, sweep[instance], instance)

    def test_lists_instances_and_json_arrays_are_the_same_run(self):
        self.run_once("instances", "--save_token_nll", methods=",".join(spelled(*one) for one in combinations()))
        self.assert_same_results("instances", "sweep")
        arrays = {flag: as_json(flag, values) for flag, values, _ in LISTS}
        file = self.config_of("arrays", {**arrays, "save_token_nll": True, "methods": list(METHODS)})
        self.run_once("arrays", "--config", file, methods=",".join(METHODS))
        self.assert_same_results("arrays", "sweep")
        file = self.config_of("items", {"save_token_nll": True, "methods": [spelled(*one) for one in combinations()]})
        done = self.command("items", "--config", file)
        at = done.index("--methods")
        del done[at:at + 2]
        self.assertEqual(subprocess.run(done, capture_output=True, env=self.environment()).returncode, 0)
        self.assert_same_results("items", "sweep")

    def test_a_run_done_again_gives_the_same_bytes_and_is_verified(self):
        self.program("rerun", self.out("sweep"), "--threads", "1")
        self.assert_same_results("sweep_rerun", "sweep")
        n_units = 2 * (1 + len(list(combinations())))
        self.assertIn(f"{n_units} units recomputed: {n_units} the same to the last bit",
                      self.program("verify", self.out("sweep"), "--recompute", "2", "--threads", "1").stdout)

    def test_the_results_are_a_configuration(self):
        command = self.command("configured", "--config", self.out("sweep") / "detailed_results.json")
        at = command.index("--methods")
        del command[at:at + 2]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_same_results("configured", "sweep")


class Scorers(SweepTest):
    n_samples = 3
    instances = "random,kvzap:sliding_window_size=3:threshold=-1,kvzap:sliding_window_size=5,random:seed=3"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = cls.folder / "second_scorer"
        shutil.copytree(cls.model / "scorer", cls.second)
        weights = bytearray((cls.second / "model.safetensors").read_bytes())
        weights[-8:] = struct.pack("<ff", 0.5, -0.5)
        (cls.second / "model.safetensors").write_bytes(weights)

    def both(self):
        return f"{self.model / 'scorer'},{self.second}"

    def same_again(self, out, n_instances):
        self.program("rerun", self.out(out), "--threads", "1")
        self.assert_same_results(out + "_rerun", out)
        n = self.n_samples * n_instances
        self.assertIn(f"{n} units recomputed: {n} the same to the last bit",
                      self.program("verify", self.out(out), "--recompute", self.n_samples, "--threads", "1").stdout)

    def test_two_scorers_are_two_instances_each_with_the_numbers_of_a_run_of_its_own(self):
        flags = ("--sliding_window_size", "4", "--threshold", "-7.5,-6.5")
        self.run_once("two", *flags, methods="kvzap,random", scorer=self.both())
        two = acknowledged_units(self.out("two") / "journal.jsonl")
        self.assertEqual(len({instance for _, instance in two}), 6)
        for name, scorer in (("first", self.model / "scorer"), ("second", self.second)):
            self.run_once(name, *flags, methods="kvzap,random", scorer=scorer)
            units = acknowledged_units(self.out(name) / "journal.jsonl")
            self.assertEqual(units, {unit: two[unit] for unit in units})
        values = {}
        for (_, instance), one in two.items():
            values.setdefault(instance, []).append(json.dumps(one))
        self.assertEqual(len(set(map(tuple, values.values()))), 6)
        self.same_again("two", 6)

    def test_spelled_instances_can_be_done_again(self):
        self.run_once("spelled", methods=self.instances)
        self.same_again("spelled", 5)
        self.run_once("spelled_two", methods=self.instances, scorer=self.both())
        self.same_again("spelled_two", 7)

    def test_results_with_spelled_instances_are_a_configuration(self):
        self.run_once("spelled_random", methods="random,random:seed=3:compression_ratio=0.25")
        self.run_once("again", "--config", self.out("spelled_random") / "detailed_results.json", methods="random")  # typed wins
        self.assertEqual(len(self.results("again")), 2)
        command = self.command("once_more", "--config", self.out("spelled_random") / "detailed_results.json")
        at = command.index("--methods")
        del command[at:at + 2]
        self.assertEqual(subprocess.run(command, capture_output=True, env=self.environment()).returncode, 0)
        self.assert_same_results("once_more", "spelled_random")

    def test_results_with_spelled_instances_of_one_scorer_are_a_configuration(self):
        instances = "kvzap:sliding_window_size=3:threshold=-1,kvzap:sliding_window_size=5"
        for name, scorer in (("one", self.model / "scorer"), ("both", self.both())):
            self.run_once(name + "_scorer", methods=instances, scorer=scorer)
            command = self.command(name + "_again", "--config", self.out(name + "_scorer") / "detailed_results.json", scorer=scorer)
            at = command.index("--methods")
            del command[at:at + 2]
            done = subprocess.run(command, capture_output=True, text=True, env=self.environment())
            if name == "one":
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assert_same_results("one_again", "one_scorer")
            else:
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("kvzap_scorer is how results name a scorer, by its SHA-256; write kvzap_scorer_model=FOLDER", done.stderr)

    def test_a_scorer_in_a_folder_that_no_list_can_name_is_told_by_rerun(self):
        folder = self.folder / "a,b"
        shutil.copytree(self.model / "scorer", folder / "scorer")
        command = self.command("comma", methods="kvzap", scorer="scorer")
        self.assertEqual(subprocess.run(command, capture_output=True, env=self.environment(), cwd=folder).returncode, 0)
        self.assertIn("has a ',' in its name", self.program("rerun", self.out("comma"), code=2).stderr)

    def test_a_scorer_that_moved_is_found_where_it_is_said_to_be(self):
        self.run_once("moving", methods="kvzap:sliding_window_size=3,kvzap:sliding_window_size=2:threshold=0", scorer=self.both())
        moved = self.folder / "moved_scorer"
        shutil.move(self.second, moved)
        self.addCleanup(shutil.move, moved, self.second)
        self.program("verify", self.out("moving"), "--recompute", "1", code=2)
        both = f"{self.model / 'scorer'},{moved}"
        self.program("verify", self.out("moving"), "--recompute", "1", "--kvzap_scorer_model", both)
        for scorers, words in ((moved, "names 1 scorers, the run has more"), (f"{both},{moved}", "names 3 scorers, the run has 2")):
            done = self.program("verify", self.out("moving"), "--recompute", "1", "--kvzap_scorer_model", scorers, code=2)
            self.assertIn(words, done.stderr)

    def test_one_scorer_under_two_names_is_refused(self):
        shutil.copytree(self.model / "scorer", self.folder / "copy")
        done = self.run_once("copies", methods="kvzap", scorer=f"{self.model / 'scorer'},{self.folder / 'copy'}", code=2)
        self.assertIn("hold the same scorer", done.stderr)
        self.assertFalse((self.out("copies") / "journal.jsonl").exists())

    def test_a_kind_of_scorer_that_is_given_and_one_that_is_read_are_the_same(self):
        self.run_once("plain_kind", methods="kvzap")
        kind = self.results("plain_kind")[1]["parameters"]["kvzap_model_type"]
        self.run_once("both_kinds", methods=f"kvzap:kvzap_model_type={kind},kvzap")
        self.assert_same_results("both_kinds", "plain_kind")


class Refuses(SweepTest):
    n_samples = 2

    def refused(self, *words, flags=(), methods="random"):
        out = "refused"
        shutil.rmtree(self.out(out), ignore_errors=True)
        done = self.run_once(out, *flags, methods=methods, code=2)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertFalse(self.out(out).exists(), done.stderr)

    def numbers(self, n):
        return ",".join(str(i) for i in range(n))

    def test_more_than_a_thousand_instances(self):
        self.refused("random makes more than 1000 instances of this run: 1001 values of seed", flags=["--seed", self.numbers(1001)])
        self.refused("streaming_llm makes more than 1000", "500 values of n_sink x 3 values of compression_ratio",
                     flags=["--n_sink", self.numbers(500), "--compression_ratio", "0.25,0.5,0.75"], methods="streaming_llm")
        self.refused("knorm makes more than 1000", flags=["--seed", self.numbers(1000)], methods="random,knorm")
        self.refused("random makes more than 1000", flags=["--seed", self.numbers(20000)])

    def test_exactly_a_thousand_instances_run(self):
        self.run_once("thousand", "--max_samples", "1", "--max_length", "4", "--seed", self.numbers(1000), methods="random")
        self.assertEqual(len({instance for _, instance in acknowledged_units(self.out("thousand") / "journal.jsonl")}), 1001)

    def test_parameters_that_a_method_does_not_have_use_or_accept(self):
        for methods, *words in (("random:sed=1", "random has no parameter 'sed'; did you mean seed?"),
                                ("random:n_sink=1", "random does not use n_sink"),
                                ("random:threshold=1", "random does not use threshold"),
                                ("kvzap:compression_ratio=0.5", "kvzap does not use compression_ratio"),
                                ("random:policy=threshold:compression_ratio=0.5", "random does not use compression_ratio"),
                                ("baseline:seed=1", "baseline has no parameters"),
                                ("knorm:seed=1", "knorm does not use seed"),
                                ("random:seed=-1", "'random:seed=-1': seed: '-1' is not accepted; give a whole number"),
                                ("random:compression_ratio=1", "compression_ratio: '1' is not accepted"),
                                ("random:policy=threshold:threshold=nan", "threshold: 'nan' is not accepted"),
                                ("random:policy=threshold:threshold=1e999", "threshold: '1e999' is not accepted"),
                                ("random:seed", "'random:seed': 'seed' is no parameter"),
                                ("random:seed=", "is no parameter"),
                                ("random:seed=1:seed=1", "gives seed twice"),
                                ("random:seed=1,2", "'2', after 'random:seed=1', is no known method", "--seed 1,2"),
                                ("all:seed=1", "'all:seed=1': all is several methods and takes no parameters"),
                                ("random:kvzap_scorer=ab", "random has no parameter 'kvzap_scorer'"),
                                ("kvzap:kvzap_scorer=ab", "write kvzap_scorer_model=FOLDER in its place"),
                                ("radnom:seed=1", "'radnom' is no known method; did you mean random?"),
                                ("expected_attention:use_vnorm=maybe", "use_vnorm: 'maybe' is not accepted")):
            self.refused(*words, methods=methods)

    def test_lists_with_something_that_is_no_value(self):
        for flags, word in ((["--seed", "1,"], "--seed: '1,' is not accepted"), (["--seed", "1,,2"], "--seed: '1,,2' is not accepted"),
                            (["--seed", "[1,2]"], "--seed: '[1,2]' is not accepted"), (["--seed", "1 2"], "--seed: '1 2' is not accepted"),
                            (["--compression_ratio", "0.5,1"], "--compression_ratio: '0.5,1' is not accepted"),
                            (["--seed", "1,x"], "or several separated by commas")):
            self.refused(word, flags=flags)

    def test_json_arrays_with_something_that_is_no_value(self):
        for value, word in (([], "is an empty list"), ([1, None], "null is not accepted"), ([[1]], "a JSON array is not accepted"),
                            ([1, "2"], '"2" is not accepted'), ([1, 2.5], "2.5 is not accepted"), ([True], "true is not accepted"),
                            ({"from": 1}, "a JSON object is not accepted"), ("1,2", '"1,2" is not accepted')):
            self.refused(": seed: ", word, flags=["--config", self.config_of("wrong", {"seed": value})])


if __name__ == "__main__":
    main(sys.argv)
