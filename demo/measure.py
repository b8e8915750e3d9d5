#!/usr/bin/env python3
"""What eviction costs the demo model where it has to remember: the NLL of the answers in demo/documents.jsonl.

    demo/measure.py [--kvcompare build/release/kvcompare] [--sweep]

Runs kvcompare on the demo (needs h5py and numpy) at equal kept density, 0.5 and 0.25, and with a plain window of 64
tokens. Tables on stdout: nats an answer token, and how much better than random with a 95 % interval (paired bootstrap
over documents). --sweep: kvzap under thresholds from -9 to -1 as well.
"""
import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DEMO = Path(__file__).resolve().parent
NEEDS = ("h5py", "numpy")
METHODS = "kvzap,random,streaming_llm,expected_attention,observed_attention,knorm"
WINDOW = 64
RESAMPLES = 10_000


def answer_positions(data=DEMO / "documents.jsonl"):
    """Of each document: the token positions of its answers."""
    return [json.loads(line)["answer_positions"] for line in data.read_text(encoding="utf-8").splitlines()]


def run(kvcompare, out, *flags):
    subprocess.run([kvcompare, "--model_name", DEMO / "model", "--kvzap_scorer_model", DEMO / "scorer", "--data_path",
                    DEMO / "documents.jsonl", "--save_token_nll", "--output_dir", out, "--log_level", "warning", *flags],
                   check=True, stdout=subprocess.DEVNULL)
    return Results(out)


class Results:
    """Of one run: NLL by token, and the summary."""

    def __init__(self, folder):
        import h5py
        with h5py.File(Path(folder) / "results.h5") as file:
            self.names = list(file["methods/name"].asstr()[:])
            self.methods, self.samples = file["units/method"][:], file["units/sample"][:]
            self.offsets, self.values = file["units/token_nll/offsets"][:], file["units/token_nll/values"][:]
            self.kept, self.original = file["units/keys_kept"][:], file["units/keys_original"][:]

    def units(self, method):
        return [u for u in range(len(self.methods)) if self.names[self.methods[u]] == method]

    def density(self, method):
        units = self.units(method)
        return self.kept[units].sum() / self.original[units].sum()

    def token_nll(self, method):
        """Of each document, in order: the NLL of token t + 1 at t."""
        return [self.values[self.offsets[u] : self.offsets[u + 1]] for u in self.units(method)]

    def answers(self, method, positions):
        """Of each document: the NLL of its answers."""
        import numpy as np
        return [nll[np.asarray(where, dtype=int) - 1] for nll, where in zip(self.token_nll(method), positions)]

    def mean_nll(self, method):
        import numpy as np
        return float(np.concatenate(self.token_nll(method)).mean())


def mean_of(documents):
    import numpy as np
    return float(np.concatenate(documents).mean())


def paired_bootstrap(worse, better, seed=1):
    """Mean of worse - better over all answers, and its 95 % interval when documents are drawn anew."""
    import numpy as np
    gains = np.array([(w - b).sum() for w, b in zip(worse, better)])
    counts = np.array([len(w) for w in worse])
    draws = np.random.default_rng(seed).integers(0, len(gains), (RESAMPLES, len(gains)))
    means = gains[draws].sum(1) / counts[draws].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return gains.sum() / counts.sum(), low, high


def compare_at(kvcompare, out, density, positions):
    """Rows (method, density kept, NLL of answers, gain over random, its interval, NLL of all tokens)."""
    results = run(kvcompare, out, "--methods", METHODS, "--policy", "ratio", "--compression_ratio", str(1 - density))
    random = results.answers("random", positions)
    rows = []
    for method in results.names:
        answers = results.answers(method, positions)
        gain = paired_bootstrap(random, answers) if method not in ("baseline", "random") else None
        rows.append((method, results.density(method), mean_of(answers), gain, results.mean_nll(method)))
    return rows


def window_nll(kvcompare, out, positions):
    """NLL of the answers with nothing but the last WINDOW tokens: every older key is below the threshold."""
    results = run(kvcompare, out, "--methods", "random", "--policy", "threshold", "--threshold", "2",
                  "--sliding_window_size", str(WINDOW))
    return mean_of(results.answers("random", positions))


def sweep(kvcompare, out, positions):
    """Rows (threshold, density kept, NLL of all tokens, of answers) of kvzap under its own policy."""
    rows = []
    for threshold in range(-9, 0):
        results = run(kvcompare, Path(out) / str(threshold), "--methods", "kvzap", "--threshold", str(threshold))
        rows.append((threshold, results.density("kvzap"), results.mean_nll("kvzap"),
                     mean_of(results.answers("kvzap", positions))))
    return rows


def refuse_without(kvcompare):
    """Ends the program before anything is computed if what it needs is not here."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        sys.exit(f"demo/measure.py: {sys.executable} has no {names}, which read the results; install with: "
                 f"{sys.executable} -m pip install {' '.join(missing)} (or: apt-get install "
                 f"{' '.join('python3-' + name for name in missing)}, and run /usr/bin/python3 demo/measure.py)")
    if not os.access(kvcompare, os.X_OK):
        sys.exit(f"demo/measure.py: there is no program {kvcompare}; build it with launch/build.sh, "
                 "or name it with --kvcompare")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvcompare", default=DEMO.parent / "build/release/kvcompare")
    parser.add_argument("--sweep", action="store_true")
    args = parser.parse_args()
    refuse_without(args.kvcompare)
    positions = answer_positions()
    print(f"{len(positions)} documents, {sum(map(len, positions))} answers")
    with tempfile.TemporaryDirectory() as out:
        for density in (0.5, 0.25):
            print(f"\nkept density {density}\n{'method':20} {'kept':>6} {'answers':>8} {'all':>7}   better than random by")
            for method, kept, nll, gain, all_nll in compare_at(args.kvcompare, f"{out}/{density}", density, positions):
                text = f"{gain[0]:+.3f} [{gain[1]:+.3f} ... {gain[2]:+.3f}]" if gain else ""
                print(f"{method:20} {kept:6.3f} {nll:8.3f} {all_nll:7.4f}   {text}")
        print(f"\nonly the last {WINDOW} tokens: {window_nll(args.kvcompare, out + '/window', positions):.3f} nats an answer")
        if args.sweep:
            print(f"\n{'threshold':>9} {'kept':>7} {'all':>8} {'answers':>8}")
            for row in sweep(args.kvcompare, out + "/sweep", positions):
                print("{:9d} {:7.4f} {:8.5f} {:8.4f}".format(*row))


if __name__ == "__main__":
    sys.exit(main())
