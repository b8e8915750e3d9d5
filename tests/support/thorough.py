"""How much a test tries: a part of it in the gate, all with KVCOMPARE_THOROUGH=1 (tests/run.sh --thorough)."""
import os

THOROUGH = os.environ.get("KVCOMPARE_THOROUGH") == "1"


def tries(gate, thorough):
    return thorough if THOROUGH else gate
