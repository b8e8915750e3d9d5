#!/usr/bin/env python3
"""Each kind of violation, planted into a small project, is reported; what is allowed is not."""
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import include_graph
from include_graph import violations

CLEAN = {
    "common/ids.h": "#pragma once\n#include <cstdint>\n",
    "common/run/json_text.h": "#pragma once\n#include <nlohmann/json.hpp>\nnlohmann::json parse();\n",
    "common/messages/mpi_messenger.h": '#pragma once\n#include <mpi.h>\n#include "common/ids.h"\nstruct M { MPI_Comm comm; };\n',
    "common/log.h": "#pragma once\n#include <spdlog/spdlog.h>\n",
    "common/data/dataset.h": '#pragma once\n#include "common/ids.h"\n',
    "common/run/spec.cpp": '#include <nlohmann/json.hpp>\n#include "common/ids.h"\n#include "common/run/json_text.h"\n',
    "presses/scorer.h": '#pragma once\n#include <ATen/core/Tensor.h>\n#include "common/ids.h"\n',
    "presses/policy/eviction.h": '#pragma once\n#include "common/ids.h"\n',
    "presses/schedule/fixed.h": '#pragma once\n#include "presses/policy/eviction.h"\n#include "presses/scorer.h"\n',
    "presses/methods/knorm.h": '#pragma once\n#include "presses/scorer.h"\n',
    "presses/registry.cpp": '#include "presses/methods/knorm.h"\n#include "presses/scorer.h"\n',
    "worker/model/model.h": '#pragma once\n#include "presses/scorer.h"\n',
    "worker/engine/engine.h": '#pragma once\n#include "presses/scorer.h"\n',
    "worker/stepwise/stepwise.h": '#pragma once\n#include "worker/engine/engine.h"\n#include "worker/model/model.h"\n',
    "worker/cpu/tiled.h": '#pragma once\n#include "worker/engine/engine.h"\n',
    "worker/gpu/gpu_engine.h": '#pragma once\n#include "worker/engine/engine.h"\n',
    "worker/gpu/kernels/gpu.cuh": '#pragma once\n#include "emulation.h"\n',
    "worker/engines.cpp": '#include "worker/cpu/tiled.h"\n#include "worker/gpu/gpu_engine.h"\n#include "worker/stepwise/stepwise.h"\n',
    "worker/engines.h": '#pragma once\n#include "worker/engine/engine.h"\n',
    "worker/weights/nccl_weights.cpp": "#include <nccl.h>\n#include <cuda_runtime.h>\nncclComm_t comm;\n",
    "worker/devices/cuda_stream.h": "#pragma once\nstruct S { cudaStream_t stream; };\n",
    "coordinator/journal/journal.h": '#pragma once\n#include "common/ids.h"\n',
    "coordinator/plan/plan.h": '#pragma once\n// nlohmann::json is not named here, hid_t neither\n#include "coordinator/journal/journal.h"\n',
    "coordinator/reports/table.h": '#pragma once\n#include "common/ids.h"\n',
    "coordinator/reports/hdf5_report.cpp": '#include <hdf5.h>\n#include "coordinator/reports/table.h"\n',
    "launch/main.cpp": '#include <mpi.h>\n#include "coordinator/plan/plan.h"\n#include "worker/engines.h"\n',
    "launch/command_line/command_line.h": "#pragma once\nnamespace kvcompare {\nstruct Unit {\n};\n}\n",
    "launch/session/session.h": '#pragma once\n#include "launch/command_line/command_line.h"\n',
    "tests/fake.h": '#pragma once\n#include "launch/command_line/command_line.h"\nnamespace kvcompare::fake {\nstruct Unit {\n};\n}\n',
    "tests/kernels/emulation.h": '#pragma once\n#include "worker/gpu/kernels/gpu.cuh"\n',
    "tests/one_file.cpp": "namespace kvcompare {\nstruct Unit {\n};\n}\n",
    "build/generated.cpp": "#include <torch/torch.h>\n",
}

# What is planted: file, text, what the message has to say.
PLANTED = {
    "common includes torch": ("common/x.cpp", "#include <ATen/core/Tensor.h>\n", "common/ may not use torch"),
    "common includes cuda": ("common/x.cpp", "#include <cuda_runtime_api.h>\n", "common/ may not use cuda"),
    "common includes a press": ("common/x.cpp", '#include "presses/scorer.h"\n', "common may not include presses"),
    "mpi outside mpi_ files": ("common/x.cpp", "#include <mpi.h>\n", "mpi stays in files named mpi_*"),
    "mpi through a header": ("common/messages/x.cpp", '#include "common/messages/mpi_messenger.h"\n', "through common/messages/mpi_messenger.h"),
    "json in a header": ("common/x.h", "#include <nlohmann/json_fwd.hpp>\n", "JSON stays in .cpp files"),
    "json through a header": ("common/run/x.h", '#include "common/run/json_text.h"\n', "through common/run/json_text.h"),
    "json type in a header": ("worker/engine/x.h", "namespace nlohmann { }\nvoid f(const nlohmann::json& j);\n", "json_"),
    "mpi type in a header": ("common/x.h", "void f(MPI_Comm comm);\n", "mpi_"),
    "nccl type in a header": ("worker/x.h", "void f(ncclComm_t comm);\n", "nccl_"),
    "hdf5 type in a header": ("coordinator/x.h", "void f(hid_t file);\n", "hdf5_"),
    "stream type in a header": ("worker/x.cuh", "void f(cudaStream_t stream);\n", "cuda_"),
    "a press logs": ("presses/x.cpp", "#include <spdlog/spdlog.h>\n", "presses/ may not use spdlog"),
    "a press logs through a header": ("presses/x.cpp", '#include "common/log.h"\n', "through common/log.h"),
    "a press parses json": ("presses/x.cpp", "#include <nlohmann/json.hpp>\n", "presses/ may not use json"),
    "a press includes the worker": ("presses/x.h", '#include "worker/engine/engine.h"\n', "presses may not include worker/engine"),
    "nccl outside nccl_ files": ("worker/x.cpp", "#include <nccl.h>\n", "nccl stays in files named nccl_*"),
    "the worker uses hdf5": ("worker/hdf5_x.cpp", "#include <H5Cpp.h>\n", "worker/ may not use hdf5"),
    "the worker includes the coordinator": ("worker/x.cpp", '#include "coordinator/plan/plan.h"\n', "may not include coordinator/plan"),
    "a kernel includes launch": ("worker/gpu/kernels/x.cu", '#include "launch/command_line/command_line.h"\n', "may not include launch/command_line"),
    "the coordinator uses torch": ("coordinator/x.cpp", "#include <c10/core/ScalarType.h>\n", "coordinator/ may not use torch"),
    "the coordinator includes a press": ("coordinator/x.cpp", '#include "presses/scorer.h"\n', "coordinator may not include presses"),
    "the coordinator reaches torch": ("coordinator/x.cpp", '#include "worker/engine/engine.h"\n', "through worker/engine/engine.h, presses/scorer.h"),
    "hdf5 outside hdf5_ files": ("coordinator/x.cpp", "#include <hdf5.h>\n", "hdf5 stays in files named hdf5_*"),
    "launch includes a test": ("launch/x.cpp", '#include "tests/fake.h"\n', "launch may not include tests"),
    "a benchmark includes a test": ("benchmarks/x.cpp", '#include "tests/fake.h"\n', "benchmarks may not include tests"),
    "all of torch": ("worker/x.cpp", "#include <torch/torch.h>\n", "narrow headers"),
    "a path from the file's own folder": ("common/x.cpp", '#include "ids.h"\n', "from the project root"),
    "a path through ..": ("common/x.cpp", '#include "common/../worker/engine.h"\n', "from the project root"),
    "our own header in angle brackets": ("common/x.cpp", "#include <worker/engine/engine.h>\n", "from the project root"),
    "an include by macro": ("common/x.cpp", "#include HEADER\n", "from the project root"),
    "spaces in the directive": ("common/x.cpp", " #  include  <torch/types.h>  // why not\n", "may not use torch"),
    "a type of another header": (
        "tests/x.h", "namespace kvcompare {\nstruct Unit;\nstruct Unit {\n};\n}\n", "kvcompare::Unit is defined in launch/command_line/command_line.h too"),
    "a folder without a row": ("extras/x.cpp", "int x;\n", "the folder extras has no row"),
    "a room without a row": ("worker/attic/x.cpp", "int x;\n", "the folder worker/attic has no row"),
    "an engine includes another": ("worker/cpu/x.cpp", '#include "worker/stepwise/stepwise.h"\n', "worker/cpu may not include worker/stepwise"),
    "the referee includes what it judges": ("worker/stepwise/x.cpp", '#include "worker/gpu/gpu_engine.h"\n', "worker/stepwise may not include worker/gpu"),
    "the GPU's engine includes the CPU's": ("worker/gpu/x.cpp", '#include "worker/cpu/tiled.h"\n', "worker/gpu may not include worker/cpu"),
    "a kernel includes its engine": ("worker/gpu/kernels/x.cu", '#include "worker/gpu/gpu_engine.h"\n', "worker/gpu/kernels may not include worker/gpu"),
    "the floor includes the roof": ("worker/engine/x.cpp", '#include "worker/engines.h"\n', "worker/engine may not include worker"),
    "launch makes an engine itself": ("launch/session/x.cpp", '#include "worker/cpu/tiled.h"\n', "launch/session may not include worker/cpu"),
    "a policy includes a schedule": ("presses/policy/x.h", '#include "presses/schedule/fixed.h"\n', "presses/policy may not include presses/schedule"),
    "a schedule names a method": ("presses/schedule/x.cpp", '#include "presses/methods/knorm.h"\n', "presses/schedule may not include presses/methods"),
    "another file of presses names a method": ("presses/needs.cpp", '#include "presses/methods/knorm.h"\n', "presses may not include presses/methods"),
    "the journal includes the plan": ("coordinator/journal/x.cpp", '#include "coordinator/plan/plan.h"\n', "coordinator/journal may not include coordinator/plan"),
    "the journal includes a report": ("coordinator/journal/x.cpp", '#include "coordinator/reports/table.h"\n', "coordinator/journal may not include coordinator/reports"),
    "the command line includes a session": ("launch/command_line/x.cpp", '#include "launch/session/session.h"\n', "launch/command_line may not include launch/session"),
    "data includes messages": ("common/data/x.h", '#include "common/messages/mpi_messenger.h"\n', "common/data may not include common/messages"),
    "the emulation elsewhere": ("worker/gpu/kernels/x.cu", '#include "emulation.h"\n', "from the project root"),
}


class IncludeGraph(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def test_a_clean_project_has_no_violation(self):
        self.assertEqual(violations(self.root), [])

    def test_each_planted_violation_is_reported_with_its_file(self):
        for name, (path, text, message) in PLANTED.items():
            with self.subTest(name):
                self.write(path, text)
                found = violations(self.root)
                (self.root / path).unlink()
                self.assertTrue(any(line.startswith(path + ":") and message in line for line in found), found)

    def test_comments_and_strings_are_no_includes(self):
        self.write("common/x.h", '// #include <torch/torch.h>\n/*\n#include <mpi.h>\nhid_t */\nconst char* t = "nlohmann::json";\n')
        self.assertEqual(violations(self.root), [])

    def test_a_circle_among_rooms_is_reported(self):
        more = {**include_graph.MAY_INCLUDE, "coordinator/journal": {"coordinator/reports", "common/*"}}
        with unittest.mock.patch.object(include_graph, "MAY_INCLUDE", more):
            found = include_graph.circle_in_table()
        self.assertEqual(len(found), 1)
        self.assertIn("coordinator/journal", found[0])
        self.assertIn("coordinator/reports", found[0])
        self.assertNotIn("worker", found[0])

    def test_a_room_without_readme_is_reported_and_one_that_names_other_files(self):
        self.write("common/README.md", "# common/\n\n| file | holds |\n|---|---|\n| `ids`, `gone` | `log` is not in this cell. |\n")
        found = include_graph.readme_problems(self.root, include_graph.read_project(self.root))
        self.assertIn("common/README.md: does not name log.h", found)
        self.assertIn("common/README.md: names gone, which is not there", found)
        self.assertIn("worker/cpu/README.md: is not there; it says what is in the room", found)
        self.assertFalse([line for line in found if "ids" in line or line.startswith("tests")], found)

    def test_an_empty_folder_does_not_pass(self):
        with tempfile.TemporaryDirectory() as empty:
            self.assertEqual(len(violations(Path(empty))), 1)


if __name__ == "__main__":
    unittest.main()
