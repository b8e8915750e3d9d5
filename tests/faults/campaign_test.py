#!/usr/bin/env python3
"""A short campaign of kills: campaign_test.py BUILD_FOLDER [unittest options]"""
import subprocess
import sys
import unittest
from pathlib import Path

CAMPAIGN = Path(__file__).resolve().parent / "campaign.py"


class Campaign(unittest.TestCase):
    def test_of_forty_kills_loses_nothing(self):
        done = subprocess.run([sys.executable, "-B", CAMPAIGN, sys.argv[1], "--kills", "40", "--seed", "1"],
                              capture_output=True, text=True)
        print(done.stdout, file=sys.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("kills         40", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
