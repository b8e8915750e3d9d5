#!/usr/bin/env python3
"""What holds without a GPU: without_gpu_test.py BUILD_FOLDER CLASS

The programs of the GPU build start only where the loader finds the libraries of NVIDIA that libtorch's CUDA part loads.
"""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path


class GpuBuild(unittest.TestCase):
    build: Path

    @classmethod
    def setUpClass(cls):
        cls.program = cls.build / "kvcompare"
        if not cls.program.exists():
            raise unittest.SkipTest(f"no {cls.program}; launch/build.sh gpu builds it")
        started = cls.run_program("--version")
        if started.returncode:
            raise unittest.SkipTest(f"it does not start here: {started.stderr.strip()}")
        if "cuda:0" in cls.run_program("doctor").stdout:
            raise unittest.SkipTest("there is a GPU")
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.model = Path(cls.scratch.name, "model")
        subprocess.run([cls.build / "write_tiny_model", "llama", cls.model], check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def run_program(cls, *arguments, launcher=()):
        return subprocess.run([*launcher, cls.program, *arguments], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                                   "OMPI_MCA_rmaps_base_oversubscribe": "1"})

    def compare(self, *flags, launcher=()):
        return self.run_program("--model_name", self.model, "--data_path", self.model / "data.jsonl", "--methods", "random",
                                "--output_dir", Path(self.scratch.name, self.id()), *flags, launcher=launcher)

    def test_a_gpu_that_is_asked_for_is_missing_and_so_is_its_driver(self):
        for flags in (("--device", "cuda:0"), ("--device", "cuda")):
            done = self.compare(*flags)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("driver", done.stderr)
            self.assertIn("--device cpu", done.stderr)

    def test_several_ranks_say_so_before_they_touch_nccl(self):
        done = self.compare("--device", "cuda", launcher=("mpirun", "-n", "2"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("driver", done.stderr)
        self.assertNotIn("nccl", done.stderr.lower())

    def test_auto_takes_the_cpu(self):
        done = self.compare("--device", "auto")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Random", done.stdout)


    def test_gpu_tests_are_skipped_or_fail_as_asked(self):
        def run_gpu_test(**more):
            return subprocess.run([self.build / "gpu_test", "--gtest_filter=*Nccl*:*DecoderKernel*"], capture_output=True,
                                  text=True, timeout=120, env={**os.environ, **more})

        skipped = run_gpu_test()
        self.assertEqual(skipped.returncode, 0, skipped.stdout)
        self.assertIn("SKIPPED", skipped.stdout)
        self.assertNotIn("[       OK ]", skipped.stdout)
        required = run_gpu_test(KVCOMPARE_REQUIRE_GPU="1")
        self.assertEqual(required.returncode, 1, required.stdout)
        self.assertIn("FAILED", required.stdout)


class CpuBuild(unittest.TestCase):
    build: Path

    def test_it_knows_no_cuda_toolkit(self):
        for name in ("compile_commands.json", "build.ninja"):
            text = (self.build / name).read_text()
            self.assertGreater(len(text), 1000)
            for word in ("/usr/local/cuda", "libcudart", "libcublas", "libnccl", "nvcc"):
                self.assertNotIn(word, text, f"{name} of the CPU build")


if __name__ == "__main__":
    GpuBuild.build = CpuBuild.build = Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
