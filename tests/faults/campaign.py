#!/usr/bin/env python3
"""Kills a run again and again, and checks what is left of it.

    campaign.py BUILD_FOLDER [--kills 300] [--seed 1]
    campaign.py BUILD_FOLDER --ranks 16 --units 20000 --minutes 10 --every 10 [--chunk_size 4] [--seed 1]

The first: many small runs. Each is started with a random number of ranks, under mpirun or as one process; after a random
time SIGKILL is sent to a worker, the coordinator or mpirun; and so on, until the run is through.
The second: large runs, always with so many ranks. Every so many seconds SIGKILL is sent to a worker, the coordinator or
mpirun. A run that is through is followed by another, until the minutes are over; then the last one is left in peace.

Three histories are compared: what the journal held after every kill, what was computed (--computed_log), and the kills.
Printed at the end:

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
from kvcompare_runs import FINAL_FILES, N_METHODS, Histories, RunsTest, descendants, wait_until_gone

RESTARTED = {1, 75, 110, 134, 137, 139, 143, -9}
HANG_SECONDS = 20


class Campaign(RunsTest):
    n_samples = 8
    flags = ("--engine", "stepwise")

    def runTest(self):
        pass

    def reference(self, n_workers):
        self.run_once("undisturbed", *self.flags, "--workers", n_workers, timeout=3600)
        return self.final_bytes("undisturbed")


class RandomKills:
    """One to six in a run, of which none is longer than an undisturbed one; n in all."""

    told_ranks = "1 to 4 ranks"

    def __init__(self, choose, n, longest):
        self.choose, self.n_left, self.longest = choose, n, longest

    def begin_run(self):
        self.n_left_in_run = self.choose.randint(1, 6)

    def ranks(self):
        return self.choose.choice([0, 1, 2, 3, 4])

    def time_of_next(self):
        """None: let it end."""
        if min(self.n_left_in_run, self.n_left) > 0:
            return time.monotonic() + self.choose.uniform(0, self.longest)
        return None

    def count(self):
        self.n_left -= 1
        self.n_left_in_run -= 1

    def are_over(self):
        return self.n_left <= 0


class SteadyKills:
    """Every so many seconds, for so many minutes."""

    def __init__(self, n_ranks, every, minutes):
        self.n_ranks, self.every = n_ranks, every
        self.told_ranks = f"{n_ranks} ranks"
        self.last = time.monotonic()
        self.end = self.last + 60 * minutes

    def begin_run(self):
        pass

    def ranks(self):
        return self.n_ranks

    def time_of_next(self):
        """None: let it end."""
        return None if self.are_over() else max(time.monotonic(), self.last + self.every)

    def count(self):
        self.last = time.monotonic()

    def are_over(self):
        return time.monotonic() >= self.end


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


def one_run(campaign, name, choose, kills):
    """Kills it until it is through. Returns its kills as (who, seconds to the end), hangs, the most workers, and verdict with codes."""
    out, log = campaign.out(name), campaign.out(name + ".computed")
    histories, killed_at, hangs, n_workers, codes = Histories(out, log), [], 0, 0, Counter()
    kills.begin_run()
    while True:
        ranks = kills.ranks()
        n_workers = max(n_workers, max(1, ranks))
        process = campaign.start(name, *campaign.flags, "--resume", "--computed_log", log, "--log_level", "error", ranks=ranks)
        everyone = set()
        killed = None
        end = kills.time_of_next()
        if end is not None:
            while time.monotonic() < end and process.poll() is None:
                time.sleep(0.01)
            everyone = set(descendants(process.pid))
            killed = kill_one(process, choose)
        begun = time.monotonic()
        if killed:
            kills.count()
        try:
            _, errors = process.communicate(timeout=HANG_SECONDS if killed else 3600)
        except subprocess.TimeoutExpired:
            hangs += 1
            for pid in [process.pid, *descendants(process.pid)]:
                subprocess.run(["kill", "-9", str(pid)], capture_output=True)
            process.communicate()
        if not wait_until_gone(everyone, HANG_SECONDS):
            hangs += 1
        if killed:
            killed_at.append((killed, time.monotonic() - begun))
        codes[process.returncode] += 1
        histories.look()
        if process.returncode == 0 or process.returncode not in RESTARTED:
            verdict = {**histories.verdict(), "codes": codes}
            if process.returncode:
                print(f"{name}: unexpected exit code {process.returncode}\n{errors}")
                verdict["bad_end"] = process.returncode
            return killed_at, hangs, n_workers, verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build_folder", type=Path)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="kill every so many seconds (--every), for so long, instead of --kills times")
    parser.add_argument("--every", type=float, default=10, help="seconds")
    parser.add_argument("--ranks", type=int, default=16, help="with --minutes")
    parser.add_argument("--units", type=int, help="of a run; the least multiple of the methods that is not less")
    parser.add_argument("--chunk_size", type=int, default=1)
    options = parser.parse_args()
    choose = random.Random(options.seed)
    RunsTest.build = options.build_folder.resolve()
    Campaign.flags += ("--chunk_size", options.chunk_size)
    if options.units:
        Campaign.n_samples = -(-options.units // N_METHODS)
    Campaign.setUpClass()
    campaign = Campaign()
    begun = time.monotonic()
    expected = campaign.reference(n_workers=2 if options.minutes else 1)
    if options.minutes:
        schedule = SteadyKills(options.ranks, options.every, options.minutes)
    else:
        schedule = RandomKills(choose, options.kills, 1.2 * (time.monotonic() - begun))
    totals, victims, codes, slowest, runs, allowed, unequal = Counter(), Counter(), Counter(), 0.0, 0, 0, 0
    while not schedule.are_over():
        name = f"run{runs}"
        kills, hangs, n_workers, verdict = one_run(campaign, name, choose, schedule)
        runs += 1
        codes.update(verdict["codes"])
        totals.update({"kills": len(kills), "hangs": hangs, **{k: verdict[k] for k in ("lost", "recomputed", "differing")}})
        totals["bad ends"] += "bad_end" in verdict
        victims.update(who for who, _ in kills)
        slowest = max([slowest, *(seconds for _, seconds in kills)])
        allowed += len(kills) * n_workers
        same = "bad_end" not in verdict and campaign.final_bytes(name) == expected
        unequal += not same
        shutil.rmtree(campaign.out(name))
    print(f"seed {options.seed}, {runs} runs of {campaign.n_samples} samples x {N_METHODS} methods, {schedule.told_ranks}, "
          f"{time.monotonic() - begun:.0f} s")
    print("  killed        " + ", ".join(f"{who} {n}" for who, n in sorted(victims.items())))
    print(f"  kills         {totals['kills']}")
    print(f"  starts        {codes.total()}, exit codes " + ", ".join(f"{code}: {n}" for code, n in sorted(codes.items())))
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
