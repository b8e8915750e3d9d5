#!/usr/bin/env python3
"""Times Hugging Face transformers on one device: one pass over a sample, and single steps with eviction (../peer_hf.py).

    peer.py MODEL_FOLDER IDS.jsonl --tokens 8192 --stretch 256 --methods streaming_llm,random,knorm

A whole sample in chunks of 1 takes transformers about half an hour, so single steps are timed at several lengths: the cache is filled
with the tokens before in one chunk, evicted from as after any chunk, and then STEPS chunks of one token are timed. What the first
STRETCH tokens take, all in chunks of 1 from an empty cache, is timed as a whole beside it. Prints JSON.
"""
import argparse
import importlib.metadata
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch
import transformers
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import peer_hf

STEPS = 16
WARM_UP = 3
LENGTHS = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)     # of the sample, at which steps are timed; and at its begin


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(device, work):
    wait(device)
    start = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - start


def attention_backends(work):
    """The operators that scaled_dot_product_attention chose."""
    with profile(activities=[ProfilerActivity.CPU]) as trace:
        work()
    return sorted({event.key for event in trace.key_averages() if event.key.startswith("aten::_scaled_dot_product")})


def peak_bytes(device):
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def reset_peak(device):
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def copy_bandwidth(device, n_bytes):
    """Bytes a second, read and written, of a copy from device memory to device memory: the median of ten."""
    source = torch.randint(0, 255, (n_bytes,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    for _ in range(WARM_UP):
        target.copy_(source)
    times = sorted(seconds_of(device, lambda: target.copy_(source)) for _ in range(10))
    return 2 * n_bytes / times[5]


def product_rate(device, size, dtype):
    """Floating-point operations a second of a square product of random numbers: the median of ten."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    for _ in range(WARM_UP):
        a @ b
    times = sorted(seconds_of(device, lambda: a @ b) for _ in range(10))
    return 2 * size**3 / times[5]


class Steps:
    """transformers with a cache of `n` tokens, evicted from, that then takes tokens one by one."""

    def __init__(self, model, ids, method, args, n):
        self.model, self.ids, self.cache = model, torch.tensor(ids, device=model.device), transformers.DynamicCache()
        self.sample = peer_hf.Sample(model, method, args, 0, len(ids), None)
        self.pruners = [peer_hf.LayerPruner(layer.self_attn, self.sample) for layer in model.model.layers]
        self.n = 0
        if n:
            self.forward(n, logits_to_keep=1)

    def forward(self, n_new, **flags):
        stop = self.sample.n = self.n + n_new
        positions = torch.arange(self.n, stop, device=self.ids.device)[None]
        output = self.model(self.ids[None, self.n : stop], past_key_values=self.cache, position_ids=positions, use_cache=True, **flags)
        self.n = stop
        return output.logits[0]

    def step(self):
        logits = self.forward(1).float()
        return torch.nn.functional.cross_entropy(logits, self.ids[self.n : self.n + 1], reduction="none").double().sum().item()

    def close(self):
        for pruner in self.pruners:
            for hook in pruner.hooks:
                hook.remove()


def timed_steps(model, ids, method, args, n):
    """A dictionary: seconds of a step after n tokens, and the keys that are then cached."""
    steps = Steps(model, ids, method, args, n)
    for _ in range(WARM_UP):
        steps.step()
    seconds = seconds_of(model.device, lambda: [steps.step() for _ in range(STEPS)]) / STEPS
    keys = sum(layer.keys.shape[1] * layer.keys.shape[2] for layer in steps.cache.layers)
    cache_bytes = sum(layer.keys.nbytes + layer.values.nbytes for layer in steps.cache.layers)
    backends = attention_backends(steps.step)
    steps.close()
    return {"n": n, "seconds": seconds, "keys": keys, "cache_bytes": cache_bytes, "attention": backends}


def one_shot(model, ids, args, repeats):
    """The whole sample in one chunk, no eviction."""
    whole = SimpleNamespace(**{**vars(args), "chunk_size": len(ids)})
    results = []
    run = lambda: results.append(peer_hf.evaluate(model, ids, "baseline", whole, 0, None))
    backends = attention_backends(run)
    reset_peak(model.device)
    seconds = [seconds_of(model.device, run) for _ in range(repeats)]
    nll, keys = results[-1]
    return {"tokens": len(ids), "seconds": seconds, "total_nll": nll, "keys_kept": keys, "peak_bytes": peak_bytes(model.device),
            "attention": backends}


def stretch(model, ids, method, args):
    result = []
    reset_peak(model.device)
    seconds = seconds_of(model.device, lambda: result.append(peer_hf.evaluate(model, ids, method, args, 0, None)))
    (nll, keys), = result
    return {"tokens": len(ids), "seconds": seconds, "total_nll": nll, "keys_kept": keys, "peak_bytes": peak_bytes(model.device)}


def versions(device):
    found = {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__}
    if device.type == "cuda":
        found |= {"cuda": torch.version.cuda, "cudnn": str(torch.backends.cudnn.version()),
                  "compute_capability": ".".join(map(str, torch.cuda.get_device_capability(device)))}
        for package in ("nvidia-cublas", "nvidia-cudnn-cu13"):
            try:
                found[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                pass
    return found


def evictions(options):
    return SimpleNamespace(chunk_size=1, compression_ratio=options.compression_ratio, threshold=-7.0, sliding_window_size=128, n_sink=4,
                           kvzap_n_sink=0, n_future_positions=512, seed=42, policy="auto", device=str(options.device))


@torch.inference_mode()
def measure(options):
    device, args = options.device, evictions(options)
    with open(options.data) as lines:
        ids = json.loads(next(lines))["input_ids"][: options.tokens]
    dtype = getattr(torch, options.dtype)
    report = {"versions": versions(device), "device": str(device),
              "copy_bytes_per_second": copy_bandwidth(device, options.copy_bytes),
              "product_flops": product_rate(device, options.product_size, dtype)}
    model = transformers.AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype).to(device).eval()
    report["implementation"] = model.config._attn_implementation
    report["one_shot"] = one_shot(model, ids, args, options.repeats)
    last = len(ids) - STEPS - WARM_UP - 2     # so that every step has a token to predict, the profiled one too
    lengths = sorted({0, *(min(last, int(len(ids) * share)) for share in LENGTHS)})
    report["steps"] = {method: [timed_steps(model, ids, method, args, n) for n in lengths] for method in options.methods}
    report["stretch"] = {method: stretch(model, ids[: options.stretch], method, args) for method in options.methods}
    print(json.dumps(report, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--stretch", type=int, default=256)
    parser.add_argument("--methods", default="streaming_llm,random,knorm", type=lambda text: text.split(","))
    parser.add_argument("--compression_ratio", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=3, help="of the pass over the whole sample")
    parser.add_argument("--device", default="cuda:0", type=torch.device)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--copy_bytes", type=int, default=4 << 30)
    parser.add_argument("--product_size", type=int, default=8192)
    options = parser.parse_args()
    if options.tokens < 2 * (STEPS + WARM_UP + 2):
        parser.error(f"--tokens: at least {2 * (STEPS + WARM_UP + 2)}")
    measure(options)


if __name__ == "__main__":
    main()
