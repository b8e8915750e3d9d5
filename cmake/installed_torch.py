"""Prints the folder of the PyTorch that this Python would import, if a C++ program can be linked against it.

Exit status 0: printed. 1: there is none, or it lacks what is needed; the reason goes to stderr.
It is not imported, which would take seconds.
"""
import importlib.util
import re
import sys
from pathlib import Path

OLDEST = (2, 6)
# A function of libc10.so that takes a std::string: its name tells which of the two C++ ABIs of libstdc++ was used.
NEW_ABI_SYMBOL = b"torchCheckFailEPKcS2_jRKNSt7__cxx11"


def problem_with(root: Path) -> str | None:
    version_file = root / "version.py"
    text = version_file.read_text() if version_file.is_file() else ""
    version = re.search(r"__version__ = ['\"](\d+)\.(\d+)", text)
    if not version or tuple(map(int, version.groups())) < OLDEST:
        return f"PyTorch is older than {OLDEST[0]}.{OLDEST[1]}"
    for needed in ("include/ATen/core/Tensor.h", "lib/libtorch_cpu.so", "lib/libc10.so"):
        if not (root / needed).is_file():
            return f"{needed} is missing"
    if NEW_ABI_SYMBOL not in (root / "lib/libc10.so").read_bytes():
        return "it was built with the old C++ ABI of libstdc++, which the system's libraries do not have"
    return None


def main() -> int:
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.origin:
        print("no PyTorch", file=sys.stderr)
        return 1
    root = Path(spec.origin).resolve().parent
    problem = problem_with(root)
    if problem:
        print(f"{root}: {problem}", file=sys.stderr)
        return 1
    print(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
