#!/usr/bin/env python3
"""The demo and what train_kvzap writes, as the programs of others read them: peers_test.py BUILD_FOLDER [unittest options]

transformers, kvpress and their torch are looked for in .deps/peers (tests/install_peers.sh puts them there), or belong to the
python that KVCOMPARE_PEER_PYTHON names.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo"
PEERS = Path(os.environ.get("KVCOMPARE_DEPS", ROOT / ".deps")) / "peers"
NEEDED = ("torch", "transformers", "kvpress", "safetensors")


sys.path.insert(0, str(ROOT / "tests/support"))
from other_python import go_on_with_peers, missing
from thorough import tries

go_on_with_peers(NEEDED, PEERS)

BUILD = Path(sys.argv[1]).resolve()
N_DOCUMENTS = tries(2, 6)


def run(*command):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)


@unittest.skipIf(missing(NEEDED), f"{', '.join(missing(NEEDED))} are not here; KVCOMPARE_PEERS=1 tests/run.sh installs them (5 GB)")
class Peers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.ids_file = cls.folder / "ids.jsonl"
        run(BUILD / "kvcompare", "tokenize", "--tokenizer", DEMO / "model", "--input", DEMO / "documents.jsonl",
            "--output", cls.ids_file)
        cls.ids = [json.loads(line)["input_ids"] for line in cls.ids_file.read_text().splitlines()]
        cls.few_ids_file = cls.folder / "few.jsonl"
        cls.few_ids_file.write_text("".join(cls.ids_file.read_text().splitlines(keepends=True)[:N_DOCUMENTS]))

    def model(self, dtype):
        from transformers import AutoModelForCausalLM
        return AutoModelForCausalLM.from_pretrained(DEMO / "model", dtype=dtype).eval()

    def test_transformers_gives_the_same_ids(self):
        from transformers import AutoTokenizer
        tokenizer = AutoTokenizer.from_pretrained(DEMO / "model")
        texts = [json.loads(line)["text"] for line in (DEMO / "documents.jsonl").read_text(encoding="utf-8").splitlines()]
        texts += ["", " Zoë paid 12€ — twice!\n\tOK? 日本", "Here begins the record. Box 10 holds 99 coins."]
        extra = self.folder / "texts.jsonl"
        extra.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts[1:]))
        run(BUILD / "kvcompare", "tokenize", "--tokenizer", DEMO / "model", "--input", extra, "--output", extra.with_suffix(".ids"))
        ours = [json.loads(line)["input_ids"] for line in extra.with_suffix(".ids").read_text().splitlines()]
        self.assertEqual(ours, [tokenizer(text)["input_ids"] for text in texts[1:]])
        self.assertEqual(self.ids[0], tokenizer(texts[0])["input_ids"])
        self.assertEqual(tokenizer.decode(ours[-1], skip_special_tokens=True), texts[-1])

    def test_transformers_gives_the_same_nll(self):
        import torch
        run(BUILD / "kvcompare", "--model_name", DEMO / "model", "--data_path", self.few_ids_file, "--methods", "baseline",
            "--dtype", "float64", "--output_dir", self.folder / "baseline", "--log_level", "warning")
        detailed = json.loads((self.folder / "baseline/detailed_results.json").read_text())
        (baseline,) = detailed["results"]
        samples = baseline["per_sample"]
        model = self.model(torch.float64)
        worst = 0
        for ids, sample in zip(self.ids, samples):
            row = torch.tensor([ids])
            with torch.no_grad():
                logits = model(row).logits[0, :-1]
            nll = torch.nn.functional.cross_entropy(logits, row[0, 1:], reduction="sum").item()
            worst = max(worst, abs(sample["total_nll"] / nll - 1))
        print(f"largest relative difference of a document's NLL {worst:.1e}", file=sys.stderr)
        self.assertEqual(len(samples), N_DOCUMENTS)
        self.assertLess(worst, 1e-5)

    def check_scores(self, scorer):
        """kvpress's surrogate against the product's scores: on the same hidden states, and on those of transformers, which
        keeps float32 inside norms and RoPE whatever the dtype."""
        import torch
        from kvpress.presses.kvzap_press import KVzapModel
        from safetensors.torch import load_file
        run(BUILD / "write_kvzap_scores", DEMO / "model", scorer, self.few_ids_file, self.folder / "scores.safetensors")
        ours = load_file(self.folder / "scores.safetensors")
        surrogate, model = KVzapModel.from_pretrained(scorer).double(), self.model(torch.float64)
        hidden = {}
        for index, layer in enumerate(model.model.layers):
            layer.self_attn.register_forward_pre_hook(
                lambda _, args, kwargs, index=index: hidden.update({index: kwargs["hidden_states"][0]}), with_kwargs=True)
        same, whole = 0, 0
        for document in range(N_DOCUMENTS):
            with torch.no_grad():
                model(torch.tensor([self.ids[document]]))
                layers = range(len(hidden))
                theirs = surrogate(torch.stack([ours[f"{document}.{l}.hidden"] for l in layers], dim=1))  # [tokens, layers, KV heads]
                theirs_alone = surrogate(torch.stack([hidden[l] for l in layers], dim=1))
            for l in layers:
                scores = ours[f"{document}.{l}"].T
                same = max(same, ((scores - theirs[:, l]) / theirs[:, l].abs().clamp_min(1)).abs().max().item())
                whole = max(whole, ((scores - theirs_alone[:, l]) / scores.abs().clamp_min(1)).abs().max().item())
        print(f"{scorer.name}: largest relative difference of a score {same:.1e}, on the hidden states of transformers {whole:.1e}",
              file=sys.stderr)
        self.assertLess(same, 1e-5)
        self.assertLess(whole, 5e-4)

    def test_kvpress_gives_the_scores_of_the_demo_scorer(self):
        self.check_scores(DEMO / "scorer")

    def test_kvpress_gives_the_scores_of_a_linear_scorer(self):
        run(BUILD / "kvcompare", "train_kvzap", "--model_name", DEMO / "model", "--data_path", DEMO / "documents.jsonl",
            "--kvzap_model_type", "linear", "--output", self.folder / "linear", "--max_samples", "4", "--min_tokens", "300",
            "--max_tokens", "400", "--log_level", "warning")
        self.check_scores(self.folder / "linear")


# ---------------------------------------------------------------- a context that is compressed once

ALL_RATIOS = (0.3, 0.5, 0.8)
RATIOS = tries((0.5,), ALL_RATIOS)


def nll_after_context(model, press, ids, n_context):
    """NLL of each token from n_context on: kvpress compresses the context, the rest follows token by token at its own positions."""
    import torch
    from transformers import DynamicCache
    row, cache = torch.tensor([ids]), DynamicCache(config=model.config)
    with torch.no_grad():
        with press(model):
            logits = [model(row[:, :n_context], past_key_values=cache).logits[0, -1:]]
        for t in range(n_context, len(ids) - 1):
            at = torch.tensor([t])
            logits.append(model(row[:, t : t + 1], past_key_values=cache, position_ids=at[None], cache_position=at).logits[0])
    log_p = torch.log_softmax(torch.cat(logits), dim=-1)
    return -log_p.gather(1, row[0, n_context:, None])[:, 0]


def has_knorm_tie(model, ids, n_context, ratio):
    """Whether rounding norms to 11 bits, as kvcompare does, makes the last key that stays and the first that goes equal."""
    import torch
    from transformers import DynamicCache
    cache = DynamicCache()
    with torch.no_grad():
        model(torch.tensor([ids[:n_context]]), past_key_values=cache)
    n_kept = int(n_context * (1 - ratio))
    for layer in cache.layers:
        norms = layer.keys[0].norm(dim=-1).sort().values
        mantissa, exponent = torch.frexp(norms)
        rounded = torch.ldexp((mantissa * 2**11).round(), exponent)
        if bool((rounded[:, n_kept - 1] == rounded[:, n_kept]).any()):
            return True
    return False


@unittest.skipIf(missing(NEEDED), f"{', '.join(missing(NEEDED))} are not here; KVCOMPARE_PEERS=1 tests/run.sh installs them (5 GB), or "
                                  "KVCOMPARE_PEER_PYTHON names a python that has them")
class Prefill:
    """The protocol prefill beside kvpress, in float64: the NLL of every token after the context. transformers keeps float32 inside norms
    and RoPE whatever the dtype."""
    @classmethod
    def setUpClass(cls):
        import random
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.make_model()
        seed = int(os.environ.get("KVCOMPARE_TEST_SEED", "1"))
        print(f"KVCOMPARE_TEST_SEED={seed}", file=sys.stderr)
        draw = random.Random(seed)
        vocabulary = range(3, cls.model.config.get_text_config().vocab_size)
        cls.samples = [draw.sample(vocabulary, draw.randint(60, 160)) for _ in range(4)]      # no token twice
        cls.context = draw.randint(30, 50)
        cls.data = cls.folder / "ids.jsonl"
        cls.data.write_text("".join(json.dumps({"input_ids": ids}) + "\n" for ids in cls.samples))

    @classmethod
    def make_model(cls):
        import torch
        from transformers import AutoModelForCausalLM
        cls.model_folder = DEMO / "model"
        cls.model = AutoModelForCausalLM.from_pretrained(cls.model_folder, dtype=torch.float64, attn_implementation="eager").eval()

    def ours(self, method, ratio):
        out = self.folder / f"{method.replace(':', '-')}-{ratio}"
        run(BUILD / "kvcompare", "--model_name", self.model_folder, "--data_path", self.data, "--methods", method, "--compression_ratio", ratio,
            "--protocol", "prefill", "--context_length", self.context, "--dtype", "float64", "--save_token_nll", "--output_dir", out,
            "--log_level", "error", "--no_progress")
        records = [json.loads(line.split(" ", 1)[1]) for line in (out / "journal.jsonl").read_text().splitlines()]
        by_sample = {record["unit"][0]: record["values"]["token_nll"] for record in records if record.get("unit", [0, "baseline"])[1] != "baseline"}
        return [by_sample[i][-(len(ids) - self.context):] for i, ids in enumerate(self.samples)]

    def check(self, method, press_of, is_left_out=lambda ids, ratio: False, ratios=RATIOS, model=None,
              n_samples=tries(2, 4)):
        import torch
        worst, n_compared = 0, 0
        for ratio in ratios:
            ours = self.ours(method, ratio)
            for ids, nll in list(zip(self.samples, ours))[:n_samples]:
                if is_left_out(ids, ratio):
                    continue
                theirs = nll_after_context(model or self.model, press_of(ratio), ids, self.context)
                worst = max(worst, (torch.tensor(nll, dtype=torch.float64) - theirs).abs().max().item())
                n_compared += len(nll)
        print(f"{method}: largest difference of a token's NLL {worst:.1e} over {n_compared} tokens", file=sys.stderr)
        self.assertGreater(n_compared, 100)
        self.assertLess(worst, 1e-4)

    def test_streaming_llm(self):
        from kvpress import StreamingLLMPress
        self.check("streaming_llm", lambda ratio: StreamingLLMPress(compression_ratio=ratio, n_sink=4))

    def test_knorm_without_ties(self):
        from kvpress import KnormPress
        self.check("knorm", lambda ratio: KnormPress(compression_ratio=ratio),
                   lambda ids, ratio: has_knorm_tie(self.model, ids, self.context, ratio), ALL_RATIOS, n_samples=4)

    def test_keydiff(self):
        from kvpress import KeyDiffPress
        self.check("keydiff", lambda ratio: KeyDiffPress(compression_ratio=ratio))


class OfTheDemo(Prefill, unittest.TestCase):
    def test_expected_attention(self):
        from kvpress import ExpectedAttentionPress
        self.check("expected_attention", lambda ratio: ExpectedAttentionPress(compression_ratio=ratio, n_future_positions=512, n_sink=4,
                                                                              epsilon=0.0))

    def test_snapkv(self):
        from kvpress import SnapKVPress
        self.check("snapkv:window_size=4", lambda ratio: SnapKVPress(compression_ratio=ratio, window_size=4))
        self.check("snapkv:window_size=2:kernel_size=3", lambda ratio: SnapKVPress(compression_ratio=ratio, window_size=2, kernel_size=3))

    def test_tova(self):
        from kvpress import TOVAPress
        self.check("tova", lambda ratio: TOVAPress(compression_ratio=ratio))

    def test_lagkv_where_no_two_partitions_tie(self):
        """A rank is there once in each partition, and kvpress's choice among equal scores is anybody's guess: so whole ranks go."""
        from kvpress import LagKVPress
        n_sink, lag = 4, 4
        n_partitions = (self.context - n_sink) // lag - 1
        ratios = [round((rank * n_partitions - 0.5) / self.context, 6) for rank in tries((2,), range(1, lag))]
        self.check(f"lagkv:lag_size={lag}", lambda ratio: LagKVPress(compression_ratio=ratio, n_sink=n_sink, lag_size=lag), ratios=ratios)

    def test_adakv(self):
        """kvpress masks keys that only some heads evict, which its patch of eager attention cannot."""
        import torch
        from kvpress import AdaKVPress, ExpectedAttentionPress, KeyDiffPress, SnapKVPress
        from transformers import AutoModelForCausalLM
        model = AutoModelForCausalLM.from_pretrained(DEMO / "model", dtype=torch.float64, attn_implementation="sdpa").eval()
        self.check("adakv:window_size=4", lambda ratio: AdaKVPress(SnapKVPress(compression_ratio=ratio, window_size=4)), model=model)
        self.check("keydiff:head_budgets=adaptive:alpha_safeguard=0.5",
                   lambda ratio: AdaKVPress(KeyDiffPress(compression_ratio=ratio), alpha_safeguard=0.5), model=model)
        self.check("expected_attention:head_budgets=adaptive",
                   lambda ratio: AdaKVPress(ExpectedAttentionPress(compression_ratio=ratio, n_future_positions=512, n_sink=4, epsilon=0.0)),
                   model=model)


class OfGemma3(Prefill, unittest.TestCase):
    """Gemma 3 with images, of random weights: kvpress compresses the layers that do not slide."""
    @classmethod
    def make_model(cls):
        import torch
        from transformers import Gemma3Config, Gemma3ForConditionalGeneration
        text = dict(vocab_size=512, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
                    sliding_window=16, query_pre_attn_scalar=16, max_position_embeddings=512,
                    layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"])
        image = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1, image_size=28, patch_size=14)
        torch.manual_seed(3)
        model = Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=image, mm_tokens_per_image=4)).float()
        with torch.no_grad():
            for weight in model.parameters():
                weight.normal_(0, 0.15 if weight.dim() > 1 else 0.1)
        cls.model_folder = cls.folder / "gemma3"
        model.save_pretrained(cls.model_folder)
        tokenizer = cls.model_folder / "tokenizer.json"
        tokenizer.write_bytes((DEMO / "model/tokenizer.json").read_bytes())
        cls.model = Gemma3ForConditionalGeneration.from_pretrained(cls.model_folder, dtype=torch.float64, attn_implementation="eager").eval()

    def test_snapkv(self):
        from kvpress import SnapKVPress
        self.check("snapkv:window_size=4", lambda ratio: SnapKVPress(compression_ratio=ratio, window_size=4))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
