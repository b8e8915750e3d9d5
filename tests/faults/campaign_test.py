#!/usr/bin/env python3
"""A short campaign of kills: campaign_test.py BUILD_FOLDER [unittest options]"""
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from thorough import tries

CAMPAIGN = Path(__file__).resolve().parent / "campaign.py"
N_KILLS = tries(15, 40)


class Campaign(unittest.TestCase):
    def test_of_kills_loses_nothing(self):
        done = subprocess.run([sys.executable, "-B", CAMPAIGN, sys.argv[1], "--kills", str(N_KILLS), "--seed", "1"],
                              capture_output=True, text=True)
        print(done.stdout, file=sys.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"kills         {N_KILLS}", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
