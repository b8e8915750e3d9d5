#!/usr/bin/env python3
"""Some of the states that a power cut may leave (power_cut.py): power_cut_test.py BUILD_FOLDER CLASS"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from kvcompare_runs import main
from power_cut import PowerCuts


class PowerCut(PowerCuts):
    n_states = 25

    def test_after_any_of_them_nothing_acknowledged_is_lost_and_the_end_is_the_same_bytes(self):
        type(self).recorder = self.build / "librecorder.so"
        self.try_states(self.n_states)


if __name__ == "__main__":
    main(sys.argv)
