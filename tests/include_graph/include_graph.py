#!/usr/bin/env python3
"""Checks who includes whom, that no two headers define the same type, and that the README.md of every room names its headers:
include_graph.py PROJECT_ROOT.

Exit status 1 and one line for each violation. The rules are those of docs/architecture.md, section "Who may include whom".
"""
from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

# What launch/ may include of worker/: no engine, but who makes them.
SEEN_OF_WORKER = {"worker", "worker/checkpoint", "worker/checkpoint/families", "worker/devices", "worker/engine", "worker/model", "worker/search", "worker/training",
                  "worker/weights"}
# Room -> rooms beside itself whose headers it may include. A file is of the room with the longest name that its path begins with; a name
# may be that of one file. A room that is named with "/*" stands for itself and all rooms within it. Arrows only go down: a circle is a
# violation of the table itself.
MAY_INCLUDE = {
    "common": set(),
    "common/data": {"common", "common/files"},
    "common/files": {"common"},
    "common/run": {"common"},
    "common/tokenizer": {"common", "common/data"},
    "common/messages": {"common", "common/data", "common/files", "common/run"},
    "presses": {"common/*"},
    "presses/policy": {"presses", "common/*"},
    "presses/schedule": {"presses", "presses/policy", "common/*"},
    "presses/methods": {"presses", "presses/policy", "presses/schedule", "common/*"},
    "presses/registry.cpp": {"presses/*", "common/*"},  # the list of all methods
    "worker/devices": {"common/*"},
    "worker/model": {"presses", "common/*"},  # knows no file: worker/checkpoint reads what it describes
    "worker/checkpoint": {"worker/model", "presses", "presses/methods", "common/*"},  # the surrogate of kvzap is a checkpoint too
    "worker/checkpoint/families": {"worker/checkpoint", "worker/model", "presses", "common/*"},
    "worker/checkpoint/model_config.cpp": {"worker/checkpoint/*", "worker/model", "presses", "common/*"},  # picks the family
    "worker/weights": {"worker/checkpoint", "worker/devices", "worker/model", "presses", "common/*"},
    "worker/engine": {"worker/checkpoint", "worker/devices", "worker/model", "presses", "presses/policy", "presses/schedule", "common/*"},
    "worker/stepwise": {"worker/engine", "worker/checkpoint", "worker/model", "presses", "presses/policy", "common/*"},
    "worker/cpu": {"worker/engine", "worker/checkpoint", "worker/devices", "worker/model", "worker/weights",
                   "presses", "presses/policy", "presses/schedule", "common/*"},
    "worker/gpu": {"worker/gpu/kernels", "worker/engine", "worker/checkpoint", "worker/devices", "worker/model", "worker/weights",
                   "presses", "presses/policy", "presses/schedule", "common/*"},
    "worker/gpu/kernels": {"common"},  # CudaError
    "worker/training": {"worker/checkpoint", "worker/devices", "worker/model", "presses", "presses/methods", "common/*"},
    "worker/search": {"worker/engine", "presses", "presses/policy", "common/*"},
    "worker": {"worker/*", "presses/*", "common/*"},  # the roof: the one place that sees all engines
    "coordinator/json": {"common/*"},
    "coordinator/journal": {"coordinator/json", "common/*"},
    "coordinator/plan": {"coordinator/journal", "common/*"},
    "coordinator/comparison": {"coordinator/journal", "common/*"},
    "coordinator/statistics": {"coordinator/comparison", "common/*"},
    "coordinator/reports": {"coordinator/statistics", "coordinator/comparison", "coordinator/journal", "coordinator/json", "common/*"},
    "coordinator/reports/page": {"coordinator/reports", "coordinator/statistics", "coordinator/comparison", "coordinator/journal",
                                 "coordinator/json", "common/*"},
    "coordinator": {"coordinator/*", "common/*"},  # the roof
    "launch/command_line": {"presses", "common/*"},
    "launch/session": {"launch/command_line", *SEEN_OF_WORKER, "coordinator/*", "presses", "common/*"},
    "launch/commands": {"launch/session", "launch/command_line", *SEEN_OF_WORKER, "coordinator/*", "presses", "common/*"},
    "launch": {"launch/*", *SEEN_OF_WORKER, "coordinator/*", "presses", "common/*"},  # main
    "demo": {"worker/*", "presses/*", "common/*"},
    "benchmarks": {"worker/*", "coordinator/*", "presses/*", "common/*"},
    "tests": {"demo", "launch/*", "worker/*", "coordinator/*", "presses/*", "common/*"},
}
# Found by the include path of the emulation (tests/kernels), and not by nvcc.
BY_INCLUDE_PATH = {
    "worker/gpu/kernels/gpu.cuh": "emulation.h",
    "worker/gpu/kernels/gpu_hopper.cuh": "emulation_hopper.h",
}
WITHOUT_ROOMS = {"demo", "benchmarks", "tests"}  # all their folders are one room
EVERYTHING = {"launch", "tests", "benchmarks"}

LIBRARIES = {
    "cuda": r"(c10/cuda|ATen/cuda|torch/csrc/cuda|cub|cute|cutlass|thrust|cuda|nvtx3)/|cooperative_groups|cuda[\w.]*\.h|cu(blas|dnn|fft|pti|rand|solver|sparse)\w*\.h|nv\w+\.h",
    "torch": r"(torch|ATen|c10|caffe2)/",
    "hwy": r"hwy/",
    "nccl": r"nccl",
    "mpi": r"mpi",
    "hdf5": r"hdf5|H5|highfive/",
    "json": r"nlohmann/",
    "spdlog": r"spdlog/",
    "arrow": r"(arrow|parquet)/",
}
# Library -> folders that may use it, beyond those that may use everything; and the prefix of the files that may.
LIBRARY_FOLDERS = {
    "torch": {"presses", "worker", "demo"},
    "hwy": {"presses", "worker"},
    "cuda": {"worker"},
    "nccl": {"worker"},
    "mpi": {"common"},
    "hdf5": {"coordinator"},
    "json": {"common", "worker", "coordinator", "demo"},
    "spdlog": {"common", "worker", "coordinator"},
    "arrow": {"common"},
}
LIBRARY_PREFIX = {"nccl": "nccl_", "mpi": "mpi_", "hdf5": "hdf5_", "arrow": "parquet_"}

HOUSES = {room.split("/")[0] for room in MAY_INCLUDE}

# Types that stand in headers only where the file's name says so.
HEADER_TYPES = {
    "json_": r"\bnlohmann\s*::",
    "mpi_": r"\bMPI_Comm\b",
    "nccl_": r"\bncclComm_t\b",
    "hdf5_": r"\bhid_t\b",
    "cuda_": r"\bcudaStream_t\b",
}
# Costs seconds a file; the narrow headers of ATen do.
TOO_WIDE = {"torch/torch.h", "torch/all.h", "torch/extension.h"}

# Two headers that define one type break the program silently as soon as one binary links both. Of these pairs a compiler reads one.
ALTERNATIVES = [
    {"worker/gpu/kernels/gpu.cuh", "tests/kernels/emulation/emulation.h"},
    {"worker/gpu/kernels/gpu_hopper.cuh", "tests/kernels/emulation/emulation_hopper.h"},
]
DEFINITION = re.compile(r"^(?:namespace\s+([\w:]+)|(?:struct|class|enum class|union)\s+(?:alignas\([^)]*\)\s*)?(\w+)[^;{()]*)\s*\{", re.MULTILINE)

SOURCE_SUFFIXES = {".h", ".hpp", ".cuh", ".cpp", ".cc", ".cu"}
HEADER_SUFFIXES = {".h", ".hpp", ".cuh"}
NOT_OURS = {"build"}

COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include(?:_next)?[ \t]*(.*?)[ \t]*$", re.MULTILINE)


def without_comments(text: str, keep_strings: bool) -> str:
    def blank(match: re.Match) -> str:
        token = match.group(0)
        if token.startswith("/"):
            return "\n" * token.count("\n") or " "
        return token if keep_strings else '""'

    return COMMENT_OR_STRING.sub(blank, text)


@dataclass
class Source:
    path: str  # from the project root
    own: list[str] = field(default_factory=list)  # files of the project
    outside: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)  # includes that this check could not follow
    header_types: list[str] = field(default_factory=list)  # prefixes that the file's name would need
    types: list[str] = field(default_factory=list)  # defined at the outermost level, with the namespace

    @property
    def folder(self) -> str:
        return self.path.split("/")[0]

    @property
    def room(self) -> str | None:
        return room_of(self.path)

    @property
    def name(self) -> str:
        return self.path.split("/")[-1]

    @property
    def is_header(self) -> bool:
        return Path(self.path).suffix in HEADER_SUFFIXES


def room_of(path: str) -> str | None:
    """The room of a file; None where its folder has no row, although the house has."""
    parts = path.split("/")
    if path in MAY_INCLUDE:
        return path
    folder = "/".join(parts[:-1])
    if folder in MAY_INCLUDE:
        return folder
    return parts[0] if parts[0] in WITHOUT_ROOMS else None


def may_include(room: str, other: str) -> bool:
    return other == room or any(other == name or (name.endswith("/*") and (other + "/").startswith(name[:-1])) for name in MAY_INCLUDE[room])


def circle_in_table() -> list[str]:
    """A line for a circle among the rooms; none if arrows only go down."""
    waiting = {room: {other for other in MAY_INCLUDE if other != room and may_include(room, other)} for room in MAY_INCLUDE}
    while lowest := [room for room, others in waiting.items() if not others]:
        waiting = {room: others - set(lowest) for room, others in waiting.items() if room not in lowest}
    return [f"the table of rooms: a circle among {', '.join(sorted(waiting))}"] if waiting else []


def types_of(code: str) -> list[str]:
    namespace, types = "", []
    for inner, name in DEFINITION.findall(code):
        if inner:
            namespace = inner + "::"
        else:
            types.append(namespace + name)
    return types


def read_source(root: Path, path: str) -> Source:
    source = Source(path)
    text = (root / path).read_text(encoding="utf-8")
    for target in INCLUDE.findall(without_comments(text, keep_strings=True)):
        quoted, angled = re.fullmatch(r'"(.*)"', target), re.fullmatch(r"<(.*)>", target)
        if quoted and BY_INCLUDE_PATH.get(path) == quoted[1]:
            continue
        if quoted and (root / quoted[1]).is_file() and ".." not in quoted[1]:
            source.own.append(quoted[1])
        elif angled and angled[1].split("/")[0] not in HOUSES:
            source.outside.append(angled[1])
        else:
            source.odd.append(target)
    code = without_comments(text, keep_strings=False)
    source.types = types_of(code)
    source.header_types = [prefix for prefix, pattern in HEADER_TYPES.items() if re.search(pattern, code)]
    return source


def read_project(root: Path) -> dict[str, Source]:
    sources = {}
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root)
        if file.suffix not in SOURCE_SUFFIXES or path.parts[0] in NOT_OURS or any(p.startswith(".") for p in path.parts):
            continue
        sources[path.as_posix()] = read_source(root, path.as_posix())
    return sources


def library_of(include: str) -> str | None:
    return next((library for library, pattern in LIBRARIES.items() if re.match(pattern, include)), None)


def library_problem(source: Source, library: str) -> str | None:
    if library == "json" and source.is_header and not source.name.startswith("json_"):
        return "JSON stays in .cpp files and in headers named json_*"
    if source.folder in EVERYTHING:
        return None
    if source.folder not in LIBRARY_FOLDERS[library]:
        return f"{source.folder}/ may not use {library}"
    prefix = LIBRARY_PREFIX.get(library)
    if prefix and not source.name.startswith(prefix):
        return f"{library} stays in files named {prefix}*"
    return None


def reachable(source: Source, sources: dict[str, Source]) -> dict[str, list[str]]:
    """Every file of the project that including `source` brings in, with the way there."""
    ways = {source.path: [source.path]}
    waiting = [source.path]
    while waiting:
        path = waiting.pop()
        for target in sources[path].own:
            if target in sources and target not in ways:
                ways[target] = ways[path] + [target]
                waiting.append(target)
    return ways


def violations_of(source: Source, sources: dict[str, Source]) -> list[str]:
    if source.room is None:
        return [f"{source.path}: the folder {source.path.rpartition('/')[0]} has no row in the table"]
    found = [f"{source.path}: include {odd}: write \"folder/file.h\" from the project root, or <...> of a library" for odd in source.odd]
    for target in source.own:
        room = room_of(target)
        if room is None or not may_include(source.room, room):
            found.append(f'{source.path}: includes "{target}": {source.room} may not include {room or target}')
    for include in source.outside:
        if include in TOO_WIDE:
            found.append(f"{source.path}: includes <{include}>: use the narrow headers of ATen")
    for way in reachable(source, sources).values():
        for include in sources[way[-1]].outside:
            library = library_of(include)
            problem = library and library_problem(source, library)
            if problem:
                through = "" if len(way) == 1 else " through " + ", ".join(way[1:])
                found.append(f"{source.path}: includes <{include}>{through}: {problem}")
    if source.is_header:
        for prefix in source.header_types:
            if not source.name.startswith(prefix):
                found.append(f"{source.path}: {HEADER_TYPES[prefix]} in a header that is not named {prefix}*")
    return found


def types_defined_twice(sources: dict[str, Source]) -> list[str]:
    found, first = [], {}
    for source in sources.values():
        for name in source.types if source.is_header else []:
            other = first.setdefault(name, source.path)
            if other != source.path and {other, source.path} not in ALTERNATIVES:
                found.append(f"{source.path}: {name} is defined in {other} too: give one of them another name")
    return found


def readme_problems(root: Path, sources: dict[str, Source]) -> list[str]:
    """Where the README.md of a room does not name a header of the room, or names a file that is not there."""
    found = []
    for room in {source.room for source in sources.values()} - WITHOUT_ROOMS - {None}:
        readme = root / room / "README.md"
        if not (root / room).is_dir():
            continue
        if not readme.is_file():
            found.append(f"{room}/README.md: is not there; it says what is in the room")
            continue
        rows = [line.split("|")[1] for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
        named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
        files = [path.name for path in (root / room).iterdir() if path.is_file()]
        there = {*files, *(Path(name).stem for name in files)}
        headers = [source for source in sources.values() if source.is_header and source.room == room]
        missing = [source.name for source in headers if not {source.name, Path(source.name).stem} & named]
        found += [f"{room}/README.md: does not name {name}" for name in missing]
        found += [f"{room}/README.md: names {name}, which is not there" for name in sorted(named - there)]
    return sorted(found)


def violations(root: Path) -> list[str]:
    sources = read_project(root)
    if not sources:
        return [f"{root}: no source files; is this the project?"]
    found = [violation for source in sources.values() for violation in violations_of(source, sources)]
    return found + types_defined_twice(sources) + circle_in_table()


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(sys.argv[1])
    sources = read_project(root)
    found = violations(root) + readme_problems(root, sources)
    print("\n".join(found) or f"{len(sources)} files, no violation")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
