"""Modules may belong to the system's Python while another one comes first in PATH."""
import importlib.util
import os
import sys

SYSTEM = "/usr/bin/python3"


def missing(names):
    return [name for name in names if importlib.util.find_spec(name) is None]


def go_on_where(names):
    """Starts this script again in the system's Python if this one lacks a module. Returns those that are missing there too."""
    if missing(names) and os.path.exists(SYSTEM) and os.path.realpath(sys.executable) != os.path.realpath(SYSTEM):
        os.execv(SYSTEM, [SYSTEM, "-B", *sys.argv])
    return missing(names)
