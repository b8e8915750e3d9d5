#!/usr/bin/env python3
"""The statistics of kvcompare against those of reference.py, a numpy program that shares nothing with it, to 1e-12.

    statistics_test.py BUILD_FOLDER [unittest options]

numpy may belong to the system's Python while another one comes first in PATH; then that one goes on.
"""
import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from other_python import go_on_where

MISSING = go_on_where(("numpy",))
if not MISSING:
    import numpy as np
    from reference import Reference, philox_words

TOLERANCE = 1e-12  # relative to max(1, |x|)
SEED = 20260117
PRINT_STATISTICS = None  # the program


def random_case(rng, n_samples, sweeps, lengths=None, noise=0.02):
    """sweeps: [(name, n_sink, [ratios])]. Costs and densities that grow and shrink with the ratio, with noise."""
    lengths = rng.lognormal(5, 1, n_samples).astype(int) + 2 if lengths is None else np.asarray(lengths)
    attendable = (lengths * (lengths + 1) // 2 * 64).tolist()
    baseline = lengths * rng.lognormal(0.7, 0.3, n_samples)
    methods = [{"name": "Baseline", "total_nll": baseline.tolist(), "attended": attendable, "attendable": attendable}]
    for name, n_sink, ratios in sweeps:
        for ratio in ratios:
            cost = 0.3 * ratio ** 2 + rng.normal(0, noise, n_samples)
            share = np.clip(1 - ratio * rng.uniform(0.8, 1, n_samples), 0, 1)
            methods.append({"name": name, "n_sink": n_sink, "ratio": ratio, "attendable": attendable,
                            "total_nll": (baseline + lengths * cost).tolist(),
                            "attended": (share * attendable).astype(int).tolist()})
    return {"densities": [0.75, 0.5, 0.25, 0.1], "n_scored": lengths.tolist(), "n_threads": 2, "methods": methods}


def failing(method):
    return {**method, "total_nll": None}


def with_nll(method, nll):
    return {**method, "total_nll": [float(value) for value in nll]}


def statistics_of(cases):
    result = subprocess.run([PRINT_STATISTICS], input=json.dumps(cases), capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


class StatisticsTest(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(SEED)

    def with_quality(self, case):
        """Sums over the tokens of samples, and two to four ranges in each sample; the baseline is compared with nothing."""
        lengths = np.array(case["n_scored"])
        spans = self.rng.integers(2, 5, len(lengths))
        for m, method in enumerate(case["methods"]):
            method["spans"] = spans.tolist()
            method["spans_exact"] = self.rng.integers(0, spans + 1).tolist()
            method["greedy_hits"] = self.rng.integers(0, lengths + 1).tolist()
            if m > 0:
                method["kl"] = (lengths * self.rng.exponential(0.05, len(lengths))).tolist()
                method["same_top1"] = self.rng.integers(0, lengths + 1).tolist()
        return case

    def check(self, *cases):
        """The statistics of the cases, after comparing them with the reference."""
        found = statistics_of(cases)
        for case, statistics in zip(cases, found, strict=True):
            reference = Reference(case)
            for row, wanted in zip(statistics["quality"], reference.quality(), strict=True):
                for key, value in wanted.items():
                    self.check_value(f"quality {key}", row[key], value)
            for part in ("against_baseline", "differences", "equal_density"):
                expected = getattr(reference, part)()
                self.assertEqual(len(statistics[part]), len(expected), part)
                for row, wanted in zip(statistics[part], expected):
                    self.check_row(part, row, wanted)
        return found

    def check_row(self, part, row, wanted):
        for key, value in wanted.items():
            self.check_value(f"{part} {key} of {wanted}", row[key], value)
        absent = wanted.get("p", wanted["ci95"]) is None or wanted["ci95"] is None
        self.assertEqual(bool(row["reason"]), absent, row)

    def check_value(self, where, found, wanted):
        if wanted is None or found is None:
            self.assertEqual(found, wanted, where)
            return
        for a, b in zip(np.atleast_1d(found), np.atleast_1d(wanted), strict=True):
            self.assertLessEqual(abs(a - b), TOLERANCE * max(1, abs(b)), f"{where}: {a!r}, numpy has {b!r}")


@unittest.skipIf(MISSING, "no numpy here; tests/install_packages.sh installs it")
class Numpy(StatisticsTest):
    def test_the_reference_has_the_known_answers_of_philox(self):
        ones = np.uint64(0xFFFFFFFFFFFFFFFF)
        self.assertEqual(philox_words(0, np.uint64(0), np.uint64(0)), 0x6627E8D5)
        self.assertEqual(philox_words(int(ones), ones, ones), 0x408F276D)

    def test_sweeps_of_several_methods(self):
        self.check(random_case(self.rng, 40, [("A", 4, [0.1, 0.3, 0.5, 0.7, 0.9]), ("A", 8, [0.5, 0.25, 0.75]),
                                              ("B", 4, [0.9, 0.2]), ("C", 4, [0.5])]))

    def test_many_random_runs(self):
        cases = []
        for _ in range(12):
            ratios = self.rng.uniform(0, 1, self.rng.integers(1, 4)).tolist()
            cases.append(random_case(self.rng, int(self.rng.integers(8, 60)), [("A", 4, ratios), ("B", 4, ratios)],
                                     noise=float(self.rng.choice([1e-9, 0.01, 1]))))
        self.check(*cases)

    def test_many_instances(self):
        names = [(f"M{i}", 4, [0.2, 0.4, 0.6, 0.8]) for i in range(6)]
        found = self.check(random_case(self.rng, 100, names))
        self.assertEqual(len(found[0]["differences"]), 24 * 23 // 2)

    def test_more_instances_than_are_compared_in_pairs(self):
        found = self.check(random_case(self.rng, 9, [(f"M{i}", 4, [0.5]) for i in range(251)]))
        self.assertIn("250", found[0]["differences_reason"])

    def test_means_over_tokens_and_answers(self):
        case = self.with_quality(random_case(self.rng, 40, [("A", 4, [0.2, 0.8]), ("B", 4, [0.5])]))
        found = self.check(case)[0]["quality"]
        self.assertEqual((found[0]["mean_kl"], found[0]["same_top1"]), (None, None))
        for row in found:
            self.assertIsNotNone(row["answers"])
            self.assertEqual((row["reason"], row["answers_reason"]), ("", ""))
        low, high = found[1]["mean_kl"]
        self.assertLess(low, high)

    def with_evidence(self, case, n_with):
        """Evidence in the first n_with samples."""
        keys = np.where(np.arange(len(case["n_scored"])) < n_with, self.rng.integers(1, 90, len(case["n_scored"])), 0)
        for method in case["methods"]:
            method["evidence_keys"] = keys.tolist()
            method["evidence_keys_kept"] = self.rng.integers(0, keys + 1).tolist()
        return case

    def test_evidence_that_is_kept(self):
        for n_with, has_interval in ((0, False), (1, False), (2, False), (3, True), (20, True)):
            case = self.with_evidence(self.with_quality(random_case(self.rng, 20, [("A", 4, [0.2, 0.5]), ("B", 4, [0.5])])), n_with)
            for row in self.check(case)[0]["quality"]:
                self.assertEqual(row["evidence_kept"] is not None, has_interval, n_with)
                self.assertEqual(bool(row["evidence_kept_reason"]), n_with > 0 and not has_interval)
                self.assertIsNotNone(row["answers"])

    def test_answers_in_few_of_the_samples(self):
        for n_with, has_interval in ((1, False), (2, False), (3, True), (20, True)):  # of 20; a resample lacks three of them with 5 %
            case = self.with_quality(random_case(self.rng, 20, [("A", 4, [0.5])]))
            for method in case["methods"]:
                for name in ("spans", "spans_exact"):
                    method[name][n_with:] = [0] * (20 - n_with)
            row = self.check(case)[0]["quality"][1]
            self.assertEqual(row["answers"] is not None, has_interval, n_with)
            self.assertEqual(bool(row["answers_reason"]), not has_interval)
            self.assertIsNotNone(row["greedy_accuracy"])

    def test_numbers_that_a_part_of_the_samples_or_methods_lacks(self):
        case = self.with_quality(random_case(self.rng, 12, [("A", 4, [0.2, 0.5, 0.8])]))
        for name in ("greedy_hits", "spans", "spans_exact"):
            del case["methods"][1][name]
        for name in ("kl", "same_top1"):
            del case["methods"][2][name]
        case["methods"][3]["total_nll"] = None
        found = self.check(case)[0]["quality"]
        self.assertIsNone(found[1]["answers"])
        self.assertIsNone(found[2]["mean_kl"])
        self.assertIn("failed", found[3]["reason"])

    def test_no_ranges_are_no_answers(self):
        case = self.with_quality(random_case(self.rng, 12, [("A", 4, [0.5])]))
        for method in case["methods"]:
            method["spans"] = method["spans_exact"] = [0] * 12
        self.assertIsNone(self.check(case)[0]["quality"][1]["answers"])

    def test_few_samples(self):
        sweep = [("A", 4, [0.2, 0.8]), ("B", 4, [0.5])]
        found = self.check(*[random_case(self.rng, n, sweep) for n in (1, 2, 7, 8, 9)])
        self.assertEqual(found[2]["against_baseline"][1]["reason"],
                         "7 samples are too few for an interval; 8 or more are needed")

    def test_one_instance_and_none(self):
        self.check(random_case(self.rng, 12, [("A", 4, [0.5])]), random_case(self.rng, 12, []))

    def test_no_samples(self):
        self.check(random_case(self.rng, 0, []))


@unittest.skipIf(MISSING, "no numpy here; tests/install_packages.sh installs it")
class Adversarial(StatisticsTest):
    def sweep(self, n_samples=16, **more):
        return random_case(self.rng, n_samples, [("A", 4, [0.2, 0.5, 0.8]), ("B", 4, [0.3, 0.6])], **more)

    def test_equal_methods(self):
        case = self.sweep()
        case["methods"][1] = with_nll(case["methods"][1], case["methods"][0]["total_nll"])
        case["methods"][4] = with_nll(case["methods"][4], case["methods"][2]["total_nll"])
        found = self.check(case)
        self.assertEqual(found[0]["against_baseline"][1]["ci95"], [0, 0])
        self.assertEqual(found[0]["against_baseline"][1]["p"], 1)
        pair = next(row for row in found[0]["differences"] if (row["a"], row["b"]) == (2, 4))
        self.assertEqual((pair["ci95"], pair["p"], pair["p_holm"]), ([0, 0], 1, 1))

    def test_differences_that_tie(self):
        # Whole numbers, and tenths: exact in arithmetic, not in doubles; every second flip ties with another one.
        for step in (1.0, 0.1):
            case = self.sweep()
            nll = np.array(case["methods"][0]["total_nll"])
            for m, method in enumerate(case["methods"][1:]):
                case["methods"][m + 1] = with_nll(method, nll + step * self.rng.integers(-2, 3, len(nll)))
            self.check(case)

    def test_differences_of_one_size(self):
        case = self.sweep(n_samples=20)
        for m in range(1, 6):
            case["methods"][m] = with_nll(case["methods"][m], np.full(20, 100.0) + 0.1 * self.rng.choice([-1, 1], 20))
        case["methods"][0] = with_nll(case["methods"][0], np.full(20, 100.0))
        self.check(case)

    def test_one_sample_of_a_million_tokens(self):
        lengths = [1_000_000] + self.rng.integers(2, 60, 30).tolist()
        self.check(self.sweep(n_samples=31, lengths=lengths))

    def test_nearly_equal_methods_beside_one_that_is_far_off(self):
        case = self.sweep(n_samples=24)
        nll = np.array(case["methods"][0]["total_nll"])
        for m, scale in ((1, 1e-9), (2, 1e-9), (3, 1e6), (4, 1e-6)):
            case["methods"][m] = with_nll(case["methods"][m], nll + scale * self.rng.random(24))
        self.check(case)

    def test_methods_that_differ_in_a_single_sample(self):
        case = self.sweep(n_samples=30)
        nll = np.array(case["methods"][2]["total_nll"])
        nll[3] += 1e-7
        case["methods"][3] = with_nll(case["methods"][3], nll)
        found = self.check(case)
        pair = next(row for row in found[0]["differences"] if (row["a"], row["b"]) == (2, 3))
        self.assertEqual((pair["ci95"][1], pair["p"]), (0, 1))  # a third of the resamples lack the sample

    def test_points_of_equal_density(self):
        case = self.sweep(n_samples=20)
        attendable = np.array(case["methods"][0]["attendable"])
        for m in (1, 2):
            case["methods"][m]["attended"] = (attendable // 2).tolist()
        self.check(case)
        for m in (1, 2, 3):
            case["methods"][m]["attended"] = (attendable // 2).tolist()
        found = self.check({**case, "densities": [0.5, 0.75]})
        self.assertIsNotNone(found[0]["equal_density"][0]["ci95"])

    def test_densities_that_resamples_miss(self):
        case = self.sweep(n_samples=12)
        attendable = np.array(case["methods"][0]["attendable"])
        case["methods"][3]["attended"] = (attendable * self.rng.uniform(0.1, 0.4, 12)).astype(int).tolist()
        end = sum(case["methods"][3]["attended"]) / attendable.sum()
        densities = [0.01, end - 0.001, end, end + 0.001, 0.45]
        rows = self.check({**case, "densities": densities})[0]["equal_density"]
        states = {(row["delta"] is not None, row["ci95"] is not None) for row in rows}
        self.assertEqual(states, {(False, False), (True, False), (True, True)})
        self.assertTrue(any("% of the resamples" in row["reason"] for row in rows))

    def test_densities_in_another_order_than_the_ratios(self):
        case = self.sweep(n_samples=20)
        attended = [method["attended"] for method in case["methods"]]
        for m, other in ((1, 2), (2, 3), (3, 1)):
            case["methods"][m]["attended"] = attended[other]
        self.check(case)

    def test_failing_units(self):
        case = self.sweep()
        methods = case["methods"]
        for failed in ([0], [1], [1, 3], [4, 5], [1, 2, 3, 4], [0, 1, 2, 3, 4, 5]):
            marked = [failing(method) if m in failed else method for m, method in enumerate(methods)]
            found = self.check({**case, "methods": marked})[0]
            self.assertTrue(all(found["against_baseline"][m]["reason"] for m in failed))

    def test_a_perplexity_too_large_for_a_number(self):
        case = self.sweep()
        lengths = np.array(case["n_scored"])
        case["methods"][3] = with_nll(case["methods"][3], 720.0 * lengths)
        found = self.check(case)[0]["against_baseline"]
        self.assertIsNone(found[3]["ppl_ci95"])
        self.assertTrue(found[3]["ppl_reason"])
        self.assertIsNotNone(found[3]["ci95"])
        case["methods"][0] = with_nll(case["methods"][0], 720.0 * lengths)
        self.check(case)

    def test_threads_change_nothing(self):
        case = self.sweep(n_samples=37)
        first, *others = statistics_of([{**case, "n_threads": n} for n in (1, 2, 3, 16)])
        for other in others:
            self.assertEqual(other, first)

    def test_thresholds(self):
        case = self.sweep(n_samples=16)
        for method in case["methods"][1:]:
            method["threshold"] = -8 * method.pop("ratio")
        self.check(case)


if __name__ == "__main__":
    PRINT_STATISTICS = str(Path(sys.argv.pop(1)).resolve() / "print_statistics")
    unittest.main()
