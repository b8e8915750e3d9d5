#!/usr/bin/env python3
"""A run that is asked for more: growth_test.py BUILD_FOLDER [unittest options]"""
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
from growing_runs import INSTANCES, GrowingTest, instances_first, random_growth, samples_first
from kvcompare_runs import main


class Orders(GrowingTest):
    def grown(self, out, steps, *arguments, **options):
        histories = self.grow(out, steps, *arguments, **options)
        return self.assert_grown(out, histories)

    def test_instances_first_or_samples_first_ends_in_the_bytes_of_one_run(self):
        for out, steps in (("instances", instances_first(self.n_samples)), ("samples", samples_first(self.n_samples))):
            self.assertEqual(self.grown(out, steps)["recomputed"], 0)
            grown = [record["grown"]["n_samples"] for record in self.journal(out) if "grown" in record]
            self.assertEqual(grown, [n for _, n in steps[1:]])

    def test_in_any_order_it_ends_in_the_bytes_of_one_run(self):
        for seed in range(5):
            print(f"seed {seed}", file=sys.stderr)
            steps = random_growth(random.Random(seed), self.n_samples)
            self.assertEqual(self.grown(f"seed{seed}", steps)["recomputed"], 0)

    def test_stopped_or_killed_anywhere_it_ends_in_the_bytes_of_one_run(self):
        for seed in range(100, 106):
            print(f"seed {seed}", file=sys.stderr)
            choose = random.Random(seed)
            number = (signal.SIGUSR1, signal.SIGKILL)[seed % 2]
            verdict = self.grown(f"disturbed{seed}", random_growth(choose, self.n_samples), choose, disturbances=(number,))
            if number == signal.SIGUSR1:
                self.assertEqual(verdict["recomputed"], 0)


if __name__ == "__main__":
    main(sys.argv)
