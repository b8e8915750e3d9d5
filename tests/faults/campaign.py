#!/usr/bin/env python3
"""Kills a run again and again, and checks what is left of it.

    campaign.py BUILD_FOLDER [--kills 300] [--seed 1]

Many small runs. Each is started with a random number of ranks, under mpirun or as one process; after a random time
SIGKILL is sent to a worker, the coordinator or mpirun; and so on, until the run is through. Then three histories are
compared: what the journal held after every kill, what was computed (--computed_log), and the kills. Printed at the end:

    lost        units that were acknowledged and are not in the end what they were
    recomputed  evaluations beyond the first of a unit; at most kills x workers
    differing   units of which two evaluations gave different values
    hangs       processes that did not end, or not within 3 s of a kill (20 s where the machine is busy)

and whether the final files are byte for byte those of an undisturbed run. Exit code 0 if all is as it should be.
"""
import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import FINAL_FILES, Histories, RunsTest, descendants, wait_until_gone

RESTARTED = {1, 75, 110, 134, 137, 139, 143, -9}
HANG_SECONDS = 20


class Campaign(RunsTest):
    n_samples = 8

    def runTest(self):
        pass

    def reference(self):
        self.run_once("undisturbed", "--engine", "stepwise")
        return self.final_bytes("undisturbed")


def kill_one(process, choose):
    """Returns who was killed; None if the run was through before."""
    below = descendants(process.pid)
    if process.poll() is not None:
        return None
    if not below:
        victim, who = process.pid, "single process"
    else:
        ranks = sorted(pid for pid in below if b"kvcompare" in cmdline(pid))
        if not ranks:
            victim, who = process.pid, "mpirun"
        else:
            who = choose.choice(["mpirun", "coordinator", "worker"] if len(ranks) > 1 else ["mpirun", "coordinator"])
            victim = {"mpirun": process.pid, "coordinator": ranks[0]}.get(who) or choose.choice(ranks[1:])
    try:
        Path("/proc", str(victim), "stat").read_text()
        subprocess.run(["kill", "-9", str(victim)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return who


def cmdline(pid):
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return b""


def one_run(campaign, name, choose, kills_left, longest):
    """Kills it up to kills_left times. Returns the kills as (who, seconds to the end), its worst end, and verdict."""
    out, log = campaign.out(name), campaign.out(name + ".computed")
    histories, kills, hangs, n_workers = Histories(out, log), [], 0, 0
    budget = choose.randint(1, 6)
    while True:
        ranks = choose.choice([0, 1, 2, 3, 4])
        n_workers = max(n_workers, max(1, ranks))
        process = campaign.start(name, "--engine", "stepwise", "--resume", "--computed_log", log, "--log_level", "error",
                                 ranks=ranks)
        everyone = set()
        killed = None
        if len(kills) < min(budget, kills_left):
            end = time.monotonic() + choose.uniform(0, longest)
            while time.monotonic() < end and process.poll() is None:
                time.sleep(0.01)
            everyone = set(descendants(process.pid))
            killed = kill_one(process, choose)
        begun = time.monotonic()
        try:
            _, errors = process.communicate(timeout=HANG_SECONDS if killed else 120)
        except subprocess.TimeoutExpired:
            hangs += 1
            for pid in [process.pid, *descendants(process.pid)]:
                subprocess.run(["kill", "-9", str(pid)], capture_output=True)
            process.communicate()
        if not wait_until_gone(everyone, HANG_SECONDS):
            hangs += 1
        if killed:
            kills.append((killed, time.monotonic() - begun))
        histories.look()
        if process.returncode == 0:
            break
        if process.returncode not in RESTARTED:
            print(f"{name}: unexpected exit code {process.returncode}\n{errors}")
            return kills, hangs, n_workers, {**histories.verdict(), "bad_end": process.returncode}
    return kills, hangs, n_workers, histories.verdict()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build_folder", type=Path)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    choose = random.Random(options.seed)
    RunsTest.build = options.build_folder.resolve()
    Campaign.setUpClass()
    campaign = Campaign()
    begun = time.monotonic()
    expected = campaign.reference()
    longest = 1.2 * (time.monotonic() - begun)
    totals, victims, slowest, runs, allowed, unequal = Counter(), Counter(), 0.0, 0, 0, 0
    while totals["kills"] < options.kills:
        name = f"run{runs}"
        kills, hangs, n_workers, verdict = one_run(campaign, name, choose, options.kills - totals["kills"], longest)
        runs += 1
        totals.update({"kills": len(kills), "hangs": hangs, **{k: verdict[k] for k in ("lost", "recomputed", "differing")}})
        totals["bad ends"] += "bad_end" in verdict
        victims.update(who for who, _ in kills)
        slowest = max([slowest, *(seconds for _, seconds in kills)])
        allowed += len(kills) * n_workers
        same = "bad_end" not in verdict and campaign.final_bytes(name) == expected
        unequal += not same
        shutil.rmtree(campaign.out(name))
    print(f"seed {options.seed}, {runs} runs of {campaign.n_samples} samples x 7 methods, 1 to 4 ranks, "
          f"{time.monotonic() - begun:.0f} s")
    print("  killed        " + ", ".join(f"{who} {n}" for who, n in sorted(victims.items())))
    print(f"  kills         {totals['kills']}")
    print(f"  lost          {totals['lost']}")
    print(f"  recomputed    {totals['recomputed']} (allowed: kills x workers = {allowed})")
    print(f"  differing     {totals['differing']}")
    print(f"  hangs         {totals['hangs']} (slowest end after a kill {slowest:.2f} s)")
    print(f"  bad ends      {totals['bad ends']}")
    print(f"  final files   {runs - unequal} of {runs} byte-identical ({', '.join(FINAL_FILES)})")
    Campaign.doClassCleanups()
    good = not (totals["lost"] or totals["differing"] or totals["hangs"] or totals["bad ends"] or unequal
                or totals["recomputed"] > allowed)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
