"""What the GPU does while a program runs on it, as nvidia-smi tells."""
import subprocess
import tempfile
from statistics import median

SAMPLED = {"sm_mhz": "clocks.sm", "memory_mhz": "clocks.mem", "watts": "power.draw", "celsius": "temperature.gpu"}
ALWAYS = {"name": "name", "driver": "driver_version", "memory_mib": "memory.total"}
STATIC = ALWAYS | {"max_sm_mhz": "clocks.max.sm", "max_memory_mhz": "clocks.max.mem", "application_sm_mhz": "clocks.applications.graphics",
                   "power_limit_watts": "power.limit", "persistence": "persistence_mode", "ecc": "ecc.mode.current"}
MILLISECONDS = 200


def query(fields, *flags):
    return ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits", *flags]


def describe_gpus():
    """A dictionary for each GPU; none without nvidia-smi."""
    for fields in (STATIC, ALWAYS):     # a driver that does not know a field answers nothing at all
        try:
            output = subprocess.run(query(fields.values()), capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        return [dict(zip(fields, map(str.strip, line.split(",")))) for line in output.splitlines() if line.strip()]
    return []


class Clocks:
    """Samples a GPU in a with block; then `summary` says least, median and most of every number."""

    def __init__(self, gpu):
        self.gpu, self.summary = gpu, {}

    def __enter__(self):
        self.output = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen(query(SAMPLED.values(), f"--loop-ms={MILLISECONDS}", f"--id={self.gpu}"), stdout=self.output,
                                            stderr=subprocess.DEVNULL)
        except OSError:
            self.process = None
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()
        self.output.seek(0)
        whole_lines = self.output.read().rpartition("\n")[0]    # nvidia-smi may have been writing
        self.summary = summarise(whole_lines.splitlines())
        self.output.close()


def summarise(lines):
    columns = {name: [] for name in SAMPLED}
    for line in lines:
        for name, text in zip(SAMPLED, line.split(",")):
            try:
                columns[name].append(float(text))
            except ValueError:
                pass    # "[N/A]"
    return {name: [min(values), median(values), max(values)] for name, values in columns.items() if values}
