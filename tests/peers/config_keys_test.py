#!/usr/bin/env python3
"""Every key of every family's config.json, changed one at a time: config_keys_test.py BUILD_FOLDER [unittest options]

kvcompare refuses the changed file, or computes the NLL that transformers computes with it. A key that changes the numbers of transformers
and not those of kvcompare is a defect. Needs torch and transformers 5.23 or later, in the python that KVCOMPARE_PEER_PYTHON names or in
.deps/peers; takes minutes.
"""
import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("KVCOMPARE_DEPS", ROOT / ".deps")) / "peers"
NEEDED = ("torch", "transformers")
OLDEST = (5, 23)
TOLERANCE = 2e-5  # relative, of a sample's NLL
# Of training, of generating, of files: transformers' forward pass does not look at them.
WITHOUT_EFFECT = {"transformers_version", "initializer_range", "use_cache", "dtype", "architectures", "model_type", "bos_token_id", "eos_token_id",
                  "pad_token_id"}

sys.path.insert(0, str(ROOT / "tests/support"))
from other_python import go_on_with_peers, missing  # noqa: E402

go_on_with_peers(NEEDED, PEERS)

BUILD = Path(sys.argv[1]).resolve()


def why_not():
    if missing(NEEDED):
        return f"{', '.join(missing(NEEDED))} are not here; KVCOMPARE_PEER_PYTHON names a python that has them"
    import transformers
    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    return "" if version >= OLDEST else f"transformers is {transformers.__version__}; {'.'.join(map(str, OLDEST))} is needed"


def changes_of(value):
    """Values of the same kind, and null."""
    if isinstance(value, bool):
        return [not value, None]
    if isinstance(value, int):
        return [value + 1, value * 2, None]
    if isinstance(value, float):
        return [value * 1.5, value + 0.25, None]
    if isinstance(value, str):
        return ["gelu" if value != "gelu" else "silu", None]
    if isinstance(value, list):
        return [value[1:], value[::-1], None]
    return [True, 2, 0.5] if value is None else []


def changed_files(config):
    """Name of what changed, and the file: each key, each key of the RoPE parameters, and each of them missing."""
    def variants(path, holder):
        for key, value in holder(config).items():
            if key in WITHOUT_EFFECT:
                continue
            if isinstance(value, dict):
                yield from variants([*path, key], lambda c, key=key: holder(c)[key])
            for new in changes_of(value):
                file = copy.deepcopy(config)
                holder(file)[key] = new
                yield ".".join([*path, key]) + f" = {json.dumps(new)}", file
            file = copy.deepcopy(config)
            del holder(file)[key]
            yield ".".join([*path, key]) + " missing", file
    yield from variants([], lambda c: c)
    for key, new in (("is_causal", False), ("rope_theta", None), ("rope_theta", 50.0), ("sliding_window", 4), ("partial_rotary_factor", 0.5),
                     ("head_dim", 4), ("attention_bias", True), ("mlp_bias", True), ("use_bidirectional_attention", True),
                     ("rope_scaling", {"rope_type": "linear", "factor": 2.0})):
        if key not in config:
            yield f"{key} = {json.dumps(new)} (new)", {**config, key: new}


@unittest.skipIf(why_not(), why_not())
class Keys(unittest.TestCase):
    def nll_of_transformers(self, folder, ids):
        import torch
        import transformers
        model, told = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        wrong = {key: list(told[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if told[key]}
        if wrong:
            return f"transformers reads other tensors: {wrong}"
        with torch.no_grad():
            logits = model.eval()(torch.tensor([ids])).logits[0, :-1].double()
        return torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum").item()

    def nll_of_kvcompare(self, folder, data):
        run = subprocess.run([BUILD / "kvcompare", "--model_name", folder, "--data_path", data, "--methods", "baseline", "--dtype", "float32",
                              "--device", "cpu", "--output_dir", folder / "out", "--log_level", "error"], capture_output=True, text=True)
        if run.returncode:
            return None
        return json.loads((folder / "out/detailed_results.json").read_text())["results"][0]["per_sample"][0]["total_nll"]

    def check(self, golden, scratch):
        ids = golden["samples"][1]
        data = scratch / "data.jsonl"
        data.write_text(json.dumps({"input_ids": ids}) + "\n")
        n_refused = n_computed = 0
        for i, (what, config) in enumerate(changed_files(golden["config"])):
            folder = scratch / str(i)
            (scratch / "config.json").write_text(json.dumps(config))
            made = subprocess.run([BUILD / "write_family_checkpoint", scratch / "config.json", folder, "1"], capture_output=True, text=True)
            if made.returncode:
                n_refused += 1
                continue
            ours = self.nll_of_kvcompare(folder, data)
            if ours is None:
                n_refused += 1
                continue
            n_computed += 1
            with self.subTest(model=golden["name"], changed=what):
                try:
                    theirs = self.nll_of_transformers(folder, ids)
                except Exception as error:  # transformers fails on what kvcompare computes
                    theirs = f"transformers fails: {str(error)[:200]}"
                self.assertIsInstance(theirs, float, theirs)
                self.assertLess(abs(ours - theirs), TOLERANCE * abs(theirs))
        print(f"{golden['name']}: {n_computed} computed, {n_refused} refused", flush=True)

    def test_of_every_family(self):
        for line in (ROOT / "tests/golden/families.jsonl").read_text().splitlines():
            with tempfile.TemporaryDirectory() as scratch:
                self.check(json.loads(line), Path(scratch))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
