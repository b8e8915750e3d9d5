#!/usr/bin/env python3
"""How much of the evidence of scored ranges is kept, counted once more from the caches of the oracle: evidence_test.py BUILD_FOLDER

The oracle does not count evidence. Here its eviction policies are watched: what is alive in each layer after each event says what
the query before a range sees. The oracle is looked for in the folder beside KVCOMPARE_TEST_ASSETS; its torch as peers_test.py says.
"""
import json
import os
import random
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("KVCOMPARE_DEPS", ROOT / ".deps")) / "peers"
ORACLE = Path(os.environ.get("KVCOMPARE_TEST_ASSETS", "/nowhere")).parent / "oracle" / "oracle.py"
sys.path.insert(0, str(ROOT / "tests" / "support"))
from other_python import go_on_with_peers, missing

go_on_with_peers(("torch",), PEERS)

MISSING = missing(("torch",)) + ([] if ORACLE.exists() else ["oracle"])
if not MISSING:
    import torch

    import near_ties
from kvcompare_runs import RunsTest, main

ENGINES = ("layerwise", "stepwise")
METHODS = ["random", "streaming_llm", "expected_attention", "observed_attention", "knorm", "kvzap"]
CONTEXT = 11
COUNTS = ("evidence_spans", "evidence_spans_exact", "evidence_keys", "evidence_keys_kept", "evidence_keys_exact", "evidence_keys_kept_exact",
          "spans_missed_evicted")


class WatchedPolicy:
    """Notes what is alive in a layer after each event: {layer: [(n, alive)]}."""

    def __init__(self, policy):
        self.policy, self.window, self.events = policy, policy.window, {}

    def evict(self, cache, scorer, n):
        self.policy.evict(cache, scorer, n)
        self.events.setdefault(cache.layer, []).append((n, [set(alive) for alive in cache.alive]))

    def sees(self, query, layer, head, key):
        """An event at n comes before the queries from n on; keys from n on were not there yet."""
        before = [(n, alive) for n, alive in self.events.get(layer, []) if n <= query]
        return not before or key >= before[-1][0] or key in before[-1][1][head]


def evidence_before(row, place):
    begin, lists = row["scored"][place][0], row["evidence"]
    ranges = lists[place] if lists and lists[0] and isinstance(lists[0][0], list) else lists
    return [j for b, e in ranges for j in range(b, min(e, begin))]


def counts_of(row, model, policy, oracle_row):
    hit = dict(zip(oracle_row["scored"], oracle_row["greedy_hit"]))
    counts = dict.fromkeys(COUNTS, 0)
    for place, (begin, end) in enumerate(row["scored"]):
        keys = [(l, h, j) for l in range(model.layers) for h in range(model.kv_heads) for j in evidence_before(row, place)]
        if not keys:
            continue
        kept, exact = sum(policy.sees(begin - 1, *key) for key in keys), all(hit[t] for t in range(begin, end))
        counts["evidence_spans"] += 1
        counts["evidence_keys"] += len(keys)
        counts["evidence_keys_kept"] += kept
        counts["evidence_spans_exact"] += exact
        counts["evidence_keys_exact"] += exact * len(keys)
        counts["evidence_keys_kept_exact"] += exact * kept
        counts["spans_missed_evicted"] += not exact and kept < len(keys) / 2
    return counts


@unittest.skipIf(MISSING, f"no {' and no '.join(MISSING)} here: KVCOMPARE_TEST_ASSETS, KVCOMPARE_PEERS=1 tests/run.sh")
class Oracle(RunsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.oracle = near_ties.load_oracle(ORACLE)
        torch.set_num_threads(1)
        cls.oracle_model = cls.oracle.Model(cls.model)
        cls.flags = {"compression_ratio": 0.6, "threshold": 0.05, "sliding_window_size": 3, "n_sink": 2, "protect_last": 1,
                     "kvzap_scorer_model": str(cls.model / "scorer")}
        cls.rows = cls.rows_of_evidence(random.Random(19))
        cls.evidence = cls.folder / "evidence.jsonl"
        cls.evidence.write_text("".join(json.dumps(row) + "\n" for row in cls.rows))

    def runTest(self):
        pass

    @classmethod
    def rows_of_evidence(cls, rng):
        """Ranges of one or two tokens, most of them written by a method itself, so that some are exact."""
        rows = []
        for i, n in enumerate((26, 33, 19)):
            ids = rng.sample(range(2, 60), n)
            scored = [[b, b + 1 + b % 2] for b in range(CONTEXT, n - 2, 3)]
            for place, (begin, end) in enumerate(scored):
                for token in range(begin, end) if place % 4 else ():
                    ids[token] = cls.first_choice(ids, token, i, ["baseline", "streaming_llm", "knorm", "random"][place % 4])
            rows.append({"input_ids": ids, "scored": scored, "evidence": [[1, 4], [6, 8], [13, 15]], "context_length": CONTEXT})
        rows[1]["evidence"] = [[[max(0, b - 9), b - 4], [b - 2, b + 1]] for b, _ in rows[1]["scored"]]
        rows[1]["evidence"][2] = []
        return rows

    @classmethod
    def first_choice(cls, ids, token, sample, method):
        scorer, make_policy = cls.oracle.build(method, near_ties.arguments({**cls.flags, "chunk_size": 1}))
        with torch.no_grad():
            row = cls.oracle.evaluate_sample(cls.oracle_model, ids[:token + 1], scorer, make_policy(0), 1, sample)
        return int(row["log_probabilities"][token - 1].argmax())

    def expected(self, method, flags):
        args = near_ties.arguments({**self.flags, **flags})
        context = None if args.protocol == "decode" else CONTEXT
        result = []
        with torch.no_grad():
            for i, row in enumerate(self.rows):
                scorer, make_policy = self.oracle.build(method, args)
                policy = WatchedPolicy(make_policy(context or 0))
                one = self.oracle.evaluate_sample(self.oracle_model, row["input_ids"], scorer, policy, args.chunk_size, i, context, row["scored"], None,
                                                  args.protocol)
                result.append(counts_of(row, self.oracle_model, policy, one))
        return result

    def compare(self, out, flags):
        """Both engines with the oracle; returns the sums over all samples and methods but the baseline."""
        words = [f"--{name}={value}" for name, value in {**self.flags, **flags}.items() if name != "kvzap_scorer_model"]
        expected = {method: self.expected(method, flags) for method in ["baseline", *METHODS]}
        for engine in ENGINES:
            name = f"{out}_{engine}"
            self.run_once(name, *words, f"--engine={engine}", "--dtype=float64", "--device=cpu", methods=",".join(METHODS), data=self.evidence)
            results = json.loads((self.out(name) / "detailed_results.json").read_text())["results"]
            for method, result in zip(expected, results, strict=True):
                for row, counts in zip(result["per_sample"], expected[method], strict=True):
                    self.assertEqual({key: row[key] for key in COUNTS}, counts, (name, method, row["sample"]))
                self.check_totals(result, {key: sum(counts[key] for counts in expected[method]) for key in COUNTS})
            self.assertEqual(results[0]["evidence_kept"], 1)
        return {key: sum(counts[key] for method in METHODS for counts in expected[method]) for key in COUNTS}

    def check_totals(self, result, sums):
        keys, kept = sums["evidence_keys"], sums["evidence_keys_kept"]
        keys_exact, kept_exact = sums["evidence_keys_exact"], sums["evidence_keys_kept_exact"]
        n_missed = sums["evidence_spans"] - sums["evidence_spans_exact"]
        wanted = {"evidence_spans": sums["evidence_spans"], "evidence_keys": keys, "evidence_keys_kept": kept, "evidence_kept": kept / keys,
                  "evidence_kept_exact": kept_exact / keys_exact if keys_exact else None,
                  "evidence_kept_missed": (kept - kept_exact) / (keys - keys_exact) if n_missed else None,
                  "spans_missed_evicted": sums["spans_missed_evicted"], "spans_missed_kept": n_missed - sums["spans_missed_evicted"]}
        self.assertEqual({key: result[key] for key in wanted}, wanted)

    def test_decode(self):
        sums = [self.compare(f"decode_{chunk}", {"chunk_size": chunk}) for chunk in (1, 3, 8)]
        for counts in sums:     # the test would see nothing otherwise
            self.assertTrue(0 < counts["evidence_keys_kept"] < counts["evidence_keys"])
            self.assertTrue(0 < counts["spans_missed_evicted"] < counts["evidence_spans"] - counts["evidence_spans_exact"])
        self.assertTrue(5 < sums[0]["evidence_spans_exact"] < sums[0]["evidence_spans"] - 10)

    def test_prefill(self):
        for policy in ("ratio", "size"):
            self.compare(f"prefill_{policy}", {"protocol": "prefill", "policy": policy, "cache_size": 6})

    def test_generate(self):
        for chunk in (1, 3, 8):
            counts = self.compare(f"generate_{chunk}", {"protocol": "generate", "chunk_size": chunk, "budget_counts": "generated"})
            self.assertLess(counts["evidence_keys_kept"], counts["evidence_keys"])

    def test_size_and_threshold(self):
        self.compare("size", {"chunk_size": 3, "policy": "size", "cache_size": 9})
        self.compare("threshold", {"chunk_size": 3, "policy": "threshold", "threshold": -0.4})


if __name__ == "__main__":
    main(sys.argv)
