"""Modules may belong to the system's Python while another one comes first in PATH."""
import importlib.util
import os
import sys

SYSTEM = "/usr/bin/python3"


def missing(names):
    return [name for name in names if importlib.util.find_spec(name) is None]


def go_on_with_peers(names, peers, *first):
    """Starts this script again, once, in the Python that KVCOMPARE_PEER_PYTHON names or that filled the folder `peers`, if this one lacks a module.
    Modules in the folders `first` win over those in `peers`."""
    if not missing(names) or "KVCOMPARE_IN_PEER_PYTHON" in os.environ:
        return
    environment = {**os.environ, "TQDM_DISABLE": "1", "KVCOMPARE_IN_PEER_PYTHON": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    python = os.environ.get("KVCOMPARE_PEER_PYTHON")
    if not python and (peers / "python").exists():
        python = (peers / "python").read_text().strip()
        environment["PYTHONPATH"] = os.pathsep.join(map(str, (*first, peers)))
    if python:
        os.execve(python, [python, "-B", *sys.argv], environment)


def go_on_where(names):
    """Starts this script again in the system's Python if this one lacks a module. Returns those that are missing there too."""
    if missing(names) and os.path.exists(SYSTEM) and os.path.realpath(sys.executable) != os.path.realpath(SYSTEM):
        os.execv(SYSTEM, [SYSTEM, "-B", *sys.argv])
    return missing(names)
