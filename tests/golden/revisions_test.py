#!/usr/bin/env python3
"""Whoever changes a golden must count up kNumbersRevision, so that no run is resumed across the change.

    revisions_test.py [REVISIONS GOLDEN_FOLDER VERSION_HEADER]

revisions.txt holds a line for each revision: its number, and the SHA-256 of the goldens' SHA-256 by name. A new
golden, or a changed one, needs a new last line, and the header its number. Numbers may also change where no golden
shows it (in the last bits of float32, or in 16 bits): then the new line repeats the digest of the line before.
"""
import hashlib
import re
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
revisions, goldens, header = map(Path, sys.argv[1:4] or (here / "revisions.txt", here, here.parents[1] / "common/version.h"))

lines = [line.split() for line in revisions.read_text().splitlines() if line and not line.startswith("#")]
numbers = [int(number) for number, _ in lines]
if numbers != list(range(1, len(numbers) + 1)):
    sys.exit(f"{revisions}: revisions count from 1")
(current,) = re.findall(r"kNumbersRevision = (\d+);", header.read_text())
texts = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in sorted(goldens.glob("*.json"))]
digest = hashlib.sha256("".join(texts).encode()).hexdigest()
if lines[-1][1] != digest:
    sys.exit(f"the goldens have changed: add the line\n  {len(lines) + 1} {digest}\nto {revisions}, and say kNumbersRevision = "
             f"{len(lines) + 1} in {header}")
if int(current) != len(lines):
    sys.exit(f"{header} says kNumbersRevision = {current}, {revisions} is at {len(lines)}")
