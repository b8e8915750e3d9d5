#!/usr/bin/env python3
"""Every key of every family's config.json, changed one at a time: config_keys_test.py BUILD_FOLDER [unittest options]

The keys are those of transformers' configuration class and those of the file, with the RoPE parameters. kvcompare refuses the changed file, or
computes the NLL that transformers computes with it. A key that changes the numbers of transformers and not those of kvcompare is a defect.
The gate tries a part of the changes, another one each day; KVCOMPARE_THOROUGH=1 tries all. KVCOMPARE_MODELS="llama glm4" names the models of
tests/golden/families.jsonl that are tried. Needs torch and transformers 5.23 or later, in the python that KVCOMPARE_PEER_PYTHON names or where
tests/install_peers.sh puts them.
"""
import copy
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPS = Path(os.environ.get("KVCOMPARE_DEPS", ROOT / ".deps"))
NEEDED = ("torch", "transformers")
OLDEST = (5, 23)
TOLERANCE = 2e-5  # relative, of a sample's NLL
STEP = 12  # of the changes, the gate tries each so manieth
# Of training, of generating, of files: transformers' forward pass does not look at them.
WITHOUT_EFFECT = {"transformers_version", "initializer_range", "use_cache", "dtype", "architectures", "model_type", "bos_token_id", "eos_token_id",
                  "pad_token_id", "id2label", "label2id", "problem_type", "num_labels", "return_dict", "output_hidden_states", "output_attentions"}

# Of training, or of another program: transformers refuses null, but no number depends on them.
NEVER_NULL_NOR_USED = {"attention_dropout", "residual_dropout", "resid_pdrop", "embd_pdrop", "embedding_dropout", "output_router_logits",
                       "router_aux_loss_coef", "router_jitter_noise", "pretraining_tp"}
# Beside the RoPE parameters of the file.
ROPE_KEYS = ({"factor": 3.0}, {"attention_factor": 1.5}, {"partial_rotary_factor": 0.5}, {"partial_rotary_factor": None}, {"type": None},
             {"original_max_position_embeddings": 16}, {"mscale": 0.5, "mscale_all_dim": 0.25}, {"llama_4_scaling_beta": 0.5}, {"truncate": False})

sys.path.insert(0, str(ROOT / "tests/support"))
from other_python import go_on_with_peers, missing  # noqa: E402
from thorough import tries  # noqa: E402

go_on_with_peers(NEEDED, DEPS / "peers", DEPS / "transformers-5.23.0")

BUILD = Path(sys.argv[1]).resolve()


def why_not():
    if missing(NEEDED):
        return f"{', '.join(missing(NEEDED))} are not here; KVCOMPARE_PEER_PYTHON names a python that has them"
    import transformers
    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    return "" if version >= OLDEST else f"transformers is {transformers.__version__}; {'.'.join(map(str, OLDEST))} is needed"


def changes_of(key, value):
    """Values of the same kind, and null."""
    if "softcapping" in key:  # an integer would do, but transformers refuses it
        return [new for new in kin_of(value) if not isinstance(new, int)]
    return [new for new in kin_of(value) if new is not None or key not in NEVER_NULL_NOR_USED]


def kin_of(value):
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


def changed(config, change):
    file = copy.deepcopy(config)
    change(file)
    return file


def changed_files(config):
    """Name of what changed, and the file: each key, each key of the RoPE parameters, and each of them missing."""
    def variants(path, holder):
        for key, value in holder(config).items():
            if key in WITHOUT_EFFECT:
                continue
            if isinstance(value, dict):
                yield from variants([*path, key], lambda c, key=key: holder(c)[key])
            if "rope_type" in (value if isinstance(value, dict) else {}):
                for new in ROPE_KEYS:
                    if not new.keys() & value.keys():
                        yield ".".join([*path, key]) + f" with {json.dumps(new)}", changed(config, lambda c, key=key, new=new: holder(c)[key].update(new))
            for new in changes_of(key, value):
                yield ".".join([*path, key]) + f" = {json.dumps(new)}", changed(config, lambda c, key=key, new=new: holder(c).update({key: new}))
            yield ".".join([*path, key]) + " missing", changed(config, lambda c, key=key: holder(c).pop(key))
    yield from variants([], lambda c: c)
    for key, new in new_keys(config):
        if key not in config:
            yield f"{key} = {json.dumps(new)} (new)", {**config, key: new}
    slides = ["sliding_attention"] + ["full_attention"] * (config["num_hidden_layers"] - 1)
    yield "layer_types and sliding_window", {**config, "layer_types": slides, "sliding_window": 4}


def new_keys(config):
    """Keys of the configuration class that the file lacks, and some that other families have."""
    import transformers
    of_class = transformers.CONFIG_MAPPING[config["model_type"]]().to_dict()
    for key, value in of_class.items():
        if key not in WITHOUT_EFFECT and not isinstance(value, dict):
            yield from ((key, new) for new in changes_of(key, value))
    n_layers = config["num_hidden_layers"]
    yield from (("is_causal", False), ("rope_theta", None), ("rope_theta", 50.0), ("sliding_window", 4), ("partial_rotary_factor", 0.5),
                ("partial_rotary_factor", None), ("rope_local_base_freq", 50.0), ("rope_local_base_freq", None), ("head_dim", 4),
                ("attention_bias", True), ("mlp_bias", True), ("use_bidirectional_attention", True), ("use_sliding_window", True),
                ("max_window_layers", 1), ("sliding_window_pattern", 2), ("sliding_window_pattern", None),
                ("rope_scaling", {"rope_type": "linear", "factor": 2.0}), ("rope_scaling", {"type": "dynamic", "factor": 2.0}),
                ("rope_scaling", {"type": "yarn", "factor": 2.0, "original_max_position_embeddings": 16, "llama_4_scaling_beta": 0.5}),
                ("layer_types", ["full_attention"] * n_layers), ("layer_types", ["sliding_attention"] * n_layers),
                ("layer_types", ["full_attention"]), ("per_layer_config", {"0": {"sliding_window": 4}}))


@unittest.skipIf(why_not(), why_not())
class Keys(unittest.TestCase):
    def nll_of_transformers(self, folder, ids):
        import torch
        import transformers
        model, told = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, experts_implementation="eager", output_loading_info=True)
        wrong = {key: list(told[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if told[key]}
        if wrong:
            return f"transformers reads other tensors: {wrong}"
        with torch.no_grad():
            logits = model.eval()(torch.tensor([ids])).logits[0, :-1].double()
        return torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum").item()

    def nll_of_kvcompare(self, program, config, ids):
        program.stdin.write(json.dumps({"config": config, "ids": ids}) + "\n")
        program.stdin.flush()
        answer = json.loads(program.stdout.readline())
        return answer.get("nll")

    def check(self, golden, folder):
        ids = golden["samples"][0]
        step = tries(STEP, 1)
        today = int(time.strftime("%j")) % step
        n_computed = n_refused = 0
        with subprocess.Popen([BUILD / "family_nll", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            for what, config in itertools.islice(changed_files(golden["config"]), today, None, step):
                ours = self.nll_of_kvcompare(program, config, ids)
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
            program.stdin.close()
        print(f"{golden['name']}: {n_computed} computed, {n_refused} refused", flush=True)

    def test_of_every_family(self):
        names = os.environ.get("KVCOMPARE_MODELS", "").split()
        for line in (ROOT / "tests/golden/families.jsonl").read_text().splitlines():
            golden = json.loads(line)
            if not names or golden["name"] in names:
                with tempfile.TemporaryDirectory() as scratch:
                    self.check(golden, Path(scratch))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
